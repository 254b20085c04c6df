"""Locks what amlkit's extras ask for in the template, as a rendered repository's `make lock` does.

    python -m tools.locks [--upgrade]

The template holds the locks of both SDKs under names with a condition; each is locked in a folder
where they have the names that they are rendered under. What is locked already stays, unless it is
to be renewed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.wheel import TEMPLATE

SDKS = ("v1", "v2")


def rendered(name: str, sdk: str, *, pipeline: bool = False) -> str | None:
    """The name under which a file of the template is rendered for an SDK; None: it is not."""
    condition = "{{cookiecutter.__pipeline}}"
    if condition in name:
        return name.replace(condition, "") if pipeline else None
    for other in SDKS:
        condition = f"{{{{cookiecutter.__{other}}}}}"
        if condition in name:
            return name.replace(condition, "") if other == sdk else None
    return name


def lock(sdk: str, template: Path = TEMPLATE, *options: str) -> None:
    """Locks what is rendered for an SDK, and puts the locks back where they were taken from.

    Raises:
        CalledProcessError: it does not resolve; uv has said why.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(template / "wheels", folder / "wheels")
        read = [template / "Makefile", template / "constraints.txt"]
        for path in (*read, *template.glob("requirements-*")):
            if name := rendered(path.name, sdk):
                shutil.copyfile(path, folder / name)
        subprocess.run(["make", "--no-print-directory", "lock", *options], cwd=folder, check=True)
        for source in template.glob("requirements-*.in"):
            target = source.with_suffix(".txt")
            if name := rendered(target.name, sdk):
                shutil.copyfile(folder / name, target)


def main() -> None:
    """Locks for both."""
    parser = argparse.ArgumentParser(description="The template's locks.")
    parser.add_argument("--upgrade", action="store_true", help="renew what is locked already")
    options = ["UPGRADE=1"] if parser.parse_args().upgrade else []
    for sdk in SDKS:
        lock(sdk, TEMPLATE, *options)


if __name__ == "__main__":
    main()
