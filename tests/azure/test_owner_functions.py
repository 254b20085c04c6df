"""amlkit's own tests of the owner's functions, where an SDK is: they need no stand-in."""

from __future__ import annotations

import subprocess

import pytest

from tests.conftest import ROOT, Bake, environment
from tests.environments import install


@pytest.mark.parametrize("sdk", ["v1", "v2"])
def test_amlkits_tests_hold_with_the_sdk(sdk: str, bake: Bake) -> None:
    python = install(bake() if sdk == "v1" else bake(azureml_sdk=sdk), "setup-azure")
    done = subprocess.run(
        [
            str(python / "bin" / "python"),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"tests/azureml_{sdk}",
        ],
        cwd=ROOT / "amlkit",
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
