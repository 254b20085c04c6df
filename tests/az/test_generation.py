"""A yes to `bootstrap_azure`: cookiecutter renders, and the real `az` makes what was asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.az.cloud import Cloud
from tests.conftest import environment


def test_a_typed_yes_makes_it_all_at_once(cloud: Cloud, template: Path, tmp_path: Path) -> None:
    """With cookiecutter's own interpreter, and nothing of the repository installed."""
    account = cloud.standin.account
    answers = ["bootstrap_azure=yes", f"subscription_id={account.subscription_id}"]
    command = [sys.executable, "-P", "-m", "cookiecutter", "--no-input", "--default-config"]
    done = subprocess.run(
        [*command, str(template), *answers],
        cwd=tmp_path,
        env={**environment(), **cloud.environment(), "PWD": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "made: workspace mlw-penguins-model" in done.stdout
    assert done.stdout.endswith(
        "To go on in Azure, after cd penguins-model:  python infra/bootstrap.py apply\n"
    )
    made = cloud.inventory()
    assert made["resource group"] == 1
    assert made["service principal"] == 1
    assert made["Microsoft.MachineLearningServices/workspaces"] == 1
    # What cookiecutter made goes on by hand: nothing is left to do.
    again = subprocess.run(
        [str(cloud.machine.python), "infra/bootstrap.py", "apply"],
        cwd=tmp_path / "penguins-model",
        env=cloud.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert "everything stands, nothing made" in again.stdout
    assert cloud.inventory() == made
