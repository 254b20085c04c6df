"""A yes to `bootstrap_azure`: cookiecutter renders, and the real `az` makes what was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.az.cloud import Cloud
from tests.conftest import environment
from tests.terminal import on_a_terminal

RESUME = "To go on in Azure, after cd penguins-model:  python infra/bootstrap.py apply\n"


def answers(cloud: Cloud) -> list[str]:
    """What asks for everything to be made in this subscription."""
    return ["bootstrap_azure=yes", f"subscription_id={cloud.standin.account.subscription_id}"]


def variables(cloud: Cloud, folder: Path) -> dict[str, str]:
    """The variables of cookiecutter, run in a folder."""
    return {**environment(), **cloud.environment(), "PWD": str(folder)}


def test_on_a_terminal_the_plan_is_shown_and_asked_about_once(
    cloud: Cloud, template: Path, tmp_path: Path
) -> None:
    """A no makes nothing, and takes nothing of the project away."""
    question = "Make these in Azure now? [yes/no]"
    answered: list[object] = []

    def decline(text: str, type_: Callable[[bytes], object]) -> None:
        if question in text and not answered:
            assert "az group create" in text
            answered.append(type_(b"no\n"))

    env = variables(cloud, tmp_path)
    shown = on_a_terminal(str(template), *answers(cloud), cwd=tmp_path, env=env, act=decline)
    assert shown.count(question) == 1, shown
    assert shown.endswith(RESUME)
    assert not cloud.inventory()
    assert (tmp_path / "penguins-model" / "config.yml").exists()


def test_a_typed_yes_makes_it_all_at_once(cloud: Cloud, template: Path, tmp_path: Path) -> None:
    """With cookiecutter's own interpreter, and nothing of the repository installed."""
    command = [sys.executable, "-P", "-m", "cookiecutter", "--no-input", "--default-config"]
    done = subprocess.run(
        [*command, str(template), *answers(cloud)],
        cwd=tmp_path,
        env=variables(cloud, tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "made: workspace mlw-penguins-model" in done.stdout
    assert done.stdout.endswith(RESUME)
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
    assert "everything is there, nothing made" in again.stdout
    assert cloud.inventory() == made
