"""`python -m tests.azure.examples`: run scripts by hand, one line a call.

The clone of Azure/azureml-examples is named by AZUREML_EXAMPLES or `--clone`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.azure.examples.runner import (
    CLONE,
    PINNED,
    PYTHON,
    NoClone,
    Outcome,
    clone,
    keep,
    kernel,
    run,
)
from tests.azure.examples.scripts import SCRIPTS, Script
from tests.azure.examples.table import write


def main() -> int:
    """Run the scripts whose path holds one of the words given, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.azure.examples", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of the scripts' paths")
    parser.add_argument("--clone", help="a clone of Azure/azureml-examples")
    parser.add_argument("--sdk", default=PINNED, help="the version of azure-ai-ml")
    parser.add_argument("--python", default=PYTHON, help="the version of Python")
    parser.add_argument("--logs", type=Path, help="a folder for the logs")
    given = parser.parse_args()
    if given.clone:
        os.environ[CLONE] = given.clone
    try:
        source = clone()
    except NoClone as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [
        script
        for script in SCRIPTS
        if not given.words or any(word in script.path for word in given.words)
    ]
    python = kernel(given.sdk, given.python)
    for script in chosen:
        outcome = show(source, script, python, given.logs)
        if (given.sdk, given.python) == (PINNED, PYTHON):
            keep(script, outcome)
    write()
    return 0


def show(source: Path, script: Script, python: Path, logs: Path | None) -> Outcome:
    """Run one and print what it did; its log goes to a folder, if there is one."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        outcome = run(source, script, python, Path(folder))
    print(f"\n{script.path}  {time.monotonic() - began:.0f} s")
    for call in outcome.calls:
        print(f"  {call.state:7}{call.cell:4} {call.name} {call.reason}")
    for cell, why in outcome.errors.items():
        print(f"  cell {cell}: {why}")
    for status, why in outcome.jobs:
        print(f"  job {status} {why}")
    for told in (outcome.violations, outcome.not_played, outcome.left_out):
        if told:
            print(" ", told)
    if logs:
        logs.mkdir(parents=True, exist_ok=True)
        (logs / f"{script.name}.log").write_text(outcome.log, encoding="utf-8")
    return outcome


if __name__ == "__main__":
    sys.exit(main())
