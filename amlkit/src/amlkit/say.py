"""The one place that writes to a log: all else in amlkit says its lines here.

A line that is said where a runner reads it (Azure Pipelines, GitHub Actions) cannot command it;
a command is said by `command` alone, which `amlkit.ci` calls. Imports nothing beside the standard
library: jobs and endpoints say their lines here too.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(text: str = "", *, error: bool = False, end: str = "\n") -> None:
    """Writes text to stdout, or to stderr, there to be read at once."""
    if os.environ.get("TF_BUILD") or os.environ.get("GITHUB_ACTIONS"):
        from amlkit.ci.harmless import harmless

        text = harmless(text)
    print(text, end=end, file=sys.stderr if error else sys.stdout, flush=True)


def command(line: str, to: TextIO) -> None:
    """Writes a line that a runner is to obey; its makers have escaped what others wrote in it."""
    print(line, file=to, flush=True)


def overwrite(text: str) -> None:
    """Puts text in place of the terminal's last line on stderr; nothing where that is no terminal.

    An empty text clears the line.
    """
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
