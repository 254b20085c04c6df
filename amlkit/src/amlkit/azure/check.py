"""Looks at the workspace without changing it, and writes down what was said: `make azure-check`.

The four drivers run with `--dry-run`; the transcript names no subscription, tenant, principal,
workspace or secret, and shows nothing of the table, so that it can be attached to a bug report.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from amlkit.redaction import without_secrets
from amlkit.say import say
from amlkit.settings import ENVIRONMENT_VARIABLES, Settings, SettingsError, load_settings

DRIVERS = ("data", "environment", "model", "deploy")
TRANSCRIPT = "azure-check.txt"
FLAGS = ("--verbose", "--set", "data.print_profile=false")
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_HOST = re.compile(r"\b[a-z0-9-]+(\.(?:blob|file|dfs|vault)\.[a-z.]+)\b")


def main(module: str, packages: Sequence[str], argv: list[str] | None = None) -> int:
    """Runs the check in a repository; returns the worst exit code of the four.

    Args:
        module: as which it was started.
        packages: those of the SDK, whose versions are written down.
        argv: the command line; the process's own by default.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--env", metavar="NAME", help="lay config.NAME.yml over config.yml")
    parser.add_argument(
        "--root", type=Path, default=Path(), help="the repository (default: the working folder)"
    )
    args = parser.parse_args(argv)
    root: Path = args.root.resolve()
    try:
        settings = load_settings(root, env=args.env)
    except SettingsError as error:
        say(f"error: {error}", error=True)
        return 2
    hide = Redactor(settings)
    lines, worst = [facts(packages)], 0
    for name in DRIVERS:
        command = [f"src/{name}.py", "--dry-run", *(["--env", args.env] if args.env else [])]
        shown = f"$ python {' '.join(command)}"
        say(shown)
        done = subprocess.run(
            [sys.executable, *command, *FLAGS],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        text = hide(done.stdout)
        say(text, end="")
        lines.append(f"{shown}\n{text}exit code {done.returncode}\n")
        worst = max(worst, done.returncode)
    (root / TRANSCRIPT).write_text("\n".join(lines), encoding="utf-8")
    say(f"written to {TRANSCRIPT}, names and ids left out; read it before you send it")
    return worst


def facts(packages: Sequence[str]) -> str:
    """What runs this, in lines."""
    lines = [f"python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for package in packages:
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package} is not installed; run `make setup-azure`")
    for variable in ("HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"):
        lines.append(f"{variable} is {'set' if os.environ.get(variable) else 'not set'}")
    return "\n".join(lines) + "\n"


class Redactor:
    """Takes out of a text whatever names an account, a person or a place."""

    def __init__(self, settings: Settings) -> None:
        azure = settings.azure
        named = {
            value: f"<{variable.lower()}>"
            for variable, key in ENVIRONMENT_VARIABLES.items()
            if (value := getattr(azure, key.split(".")[1]))
        }
        named[str(Path.home())] = "~"
        # The longest first: one name may be part of another.
        self.named = sorted(named.items(), key=lambda pair: -len(pair[0]))

    def __call__(self, text: str) -> str:
        """The text without names, ids, signatures and tokens."""
        for value, name in self.named:
            text = text.replace(value, name)
        text = without_secrets(text)
        return _HOST.sub(r"<account>\1", _ID.sub("<id>", text))
