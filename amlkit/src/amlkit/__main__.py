"""`python -m amlkit version` says which amlkit a repository uses; `eject` copies its source."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import amlkit
from amlkit import eject
from amlkit.records import WorkError
from amlkit.say import say
from amlkit.settings.tree import SettingsError


def version(root: Path) -> dict[str, Any]:
    """Which amlkit the drivers of a repository use; outside of one, which is installed.

    Returns:
        `version`, `path`, `ejected`; for a copy also `changed`, its files that differ.
    """
    copy = root / eject.COPY
    if not copy.is_dir():
        here = Path(amlkit.__file__).parent
        return {"version": amlkit.__version__, "path": str(here), "ejected": False}
    said = re.search(r'__version__ = "(.+)"', (copy / "__init__.py").read_text(encoding="utf-8"))
    known: dict[str, Any] = {"version": said[1] if said else "unknown", "path": str(copy)}
    return known | {"ejected": True, "changed": eject.changes(root)}


def words(known: dict[str, Any]) -> str:
    """The same in a line."""
    line = f"amlkit {known['version']} in {known['path']}"
    if known["ejected"]:
        count = len(known["changed"])
        line += f", ejected, {count or 'no'} {'file' if count == 1 else 'files'} changed"
    return line


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the two in the repository that is the working folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m amlkit", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    said = commands.add_parser("version", help="say which amlkit this repository uses")
    said.add_argument("--json", action="store_true", help="print one JSON object")
    copied = commands.add_parser("eject", help="copy amlkit's source into src/amlkit, to change it")
    copied.add_argument("--force", action="store_true", help="write over the copy there is")
    args = parser.parse_args(argv)
    root = Path.cwd()
    try:
        if args.command == "version":
            known = version(root)
            say(json.dumps(known, ensure_ascii=False) if args.json else words(known))
        else:
            target = eject.eject(root, force=args.force)
            say(f"amlkit {amlkit.__version__} copied to {target.relative_to(root).as_posix()}")
            say("next: python src/environment.py --local")
    except (SettingsError, WorkError, OSError) as error:
        say(f"error: {error}", error=True)
        return 2 if isinstance(error, SettingsError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
