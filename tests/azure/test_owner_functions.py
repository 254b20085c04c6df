"""amlkit's own tests of the owner's functions, where the SDK is: they need no stand-in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import ROOT, environment


def test_amlkits_tests_hold_with_the_sdk(sdk_venv: Path) -> None:
    done = subprocess.run(
        [
            str(sdk_venv / "bin" / "python"),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/azureml_v1",
        ],
        cwd=ROOT / "amlkit",
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
