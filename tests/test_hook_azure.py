"""A yes to `bootstrap_azure`: who is asked, what runs, and what is left when it goes wrong.

`az` is a double here: a script that writes down that it was called. tests/az runs the real one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli, environment
from tests.terminal import on_a_terminal

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the double of az is a script with #!"),
    pytest.mark.slow,  # each renders
]

SUBSCRIPTION = "01234567-89ab-cdef-0123-456789abcdef"
ANSWERS = ("bootstrap_azure=yes", f"subscription_id={SUBSCRIPTION}")
RESUME = "To go on in Azure, after cd penguins-model:  python infra/bootstrap.py apply"
# Logged in, in a subscription with nothing in it, where nothing can be made either.
AZ = """#!{python}
import json, sys, time
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(words) + "\\n")
{extra}
if words[0] == "version":
    print(json.dumps({{"azure-cli": "2.91.0", "extensions": {{"ml": "2.30.0"}}}}))
elif words[:2] == ["account", "list"]:
    tenant = "11111111-89ab-cdef-0123-456789abcdef"
    one = {{"id": {subscription!r}, "tenantId": tenant, "state": "Enabled", "isDefault": True}}
    print(json.dumps([one]))
else:
    sys.exit("ERROR: (ResourceNotFound) The resource was not found.")
"""


class AzDouble:
    """A folder for PATH with an `az` in it, and what it was called with."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.log = folder / "az.log"
        program = folder / "bin" / "az"
        program.parent.mkdir(exist_ok=True)
        text = AZ.format(
            python=sys.executable, log=str(self.log), extra=extra, subscription=SUBSCRIPTION
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
        self.path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


def test_a_yes_that_cannot_be_followed_is_refused_before_anything_is_rendered(
    cli: Cli, tmp_path: Path
) -> None:
    without = tmp_path / "bin"
    without.mkdir()
    (without / "git").symlink_to(shutil.which("git") or "")
    done = cli("bootstrap_azure=yes", cwd=tmp_path, env={"PATH": str(without)})
    assert done.returncode == 1
    assert done.stdout.startswith("bootstrap_azure: there is no `az` on PATH. Install the Azure")
    assert (done.stdout + done.stderr).count("\n") == 1
    assert not (tmp_path / "penguins-model").exists()
    assert cli(cwd=tmp_path, env={"PATH": str(without)}).returncode == 0  # a no needs none


def test_typed_out_it_runs_without_a_terminal_and_the_project_stays(
    cli: Cli, tmp_path: Path
) -> None:
    az = AzDouble(tmp_path)
    done = cli(*ANSWERS, cwd=tmp_path, env={"PATH": az.path})
    assert done.returncode == 0
    assert any(call.startswith("account list") for call in az.calls)
    assert "error: " in done.stderr  # nothing can be made
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith(f"{RESUME}\n")
    project = tmp_path / "penguins-model"
    assert (project / "config.yml").exists()
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=project, check=True, env=environment())
    listed = subprocess.run(
        ["git", "ls-files"], cwd=project, capture_output=True, text=True, check=True
    )
    assert ".azure-bootstrap" not in listed.stdout  # what the bootstrap remembers is none of git's


def test_no_subscription_is_one_line_and_no_reason_to_lose_the_project(
    cli: Cli, tmp_path: Path
) -> None:
    az = AzDouble(tmp_path)
    done = cli("bootstrap_azure=yes", cwd=tmp_path, env={"PATH": az.path})
    assert done.returncode == 0
    assert "azure.subscription_id is not set" in done.stderr
    assert done.stdout.endswith(f"{RESUME}\n")
    assert az.calls == []


@pytest.mark.parametrize("how", ["a configuration file", "a replay", "cruft"])
def test_a_yes_that_nobody_typed_makes_nothing_without_a_terminal(
    how: str, cli: Cli, template: Path, tmp_path: Path
) -> None:
    az = AzDouble(tmp_path)
    config = tmp_path / "config.yml"
    folders = {name: str(tmp_path / name) for name in ("replay_dir", "cookiecutters_dir")}
    answers = {"bootstrap_azure": True, "subscription_id": SUBSCRIPTION}
    config.write_text(json.dumps({**folders, "default_context": answers}), encoding="utf-8")
    render = [sys.executable, "-P", "-m", "cookiecutter", "--config-file", str(config)]
    cruft = [sys.executable, "-P", "-m", "cruft", "create", "--no-input", "--default-config"]
    first = [*render, "--no-input", str(template)]
    commands = {
        "a configuration file": [first],
        "a replay": [first, [*render, "-f", "--replay", str(template)]],
        "cruft": [[*cruft, "--extra-context", json.dumps(answers), str(tmp_path / "template")]],
    }
    if how == "cruft":
        source = Path(shutil.copytree(template, tmp_path / "template"))
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        for git in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "first"]):
            subprocess.run(["git", *git], cwd=source, check=True, env=environment())
    for command in commands[how]:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(PWD=str(tmp_path), PATH=az.path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if how != "cruft":
            assert "Nothing was made in Azure: there is no terminal to ask on." in done.stdout
            assert done.stdout.endswith(f"{RESUME}\n")
    assert (tmp_path / "penguins-model" / "config.yml").exists()
    assert az.calls == []


def test_ctrl_c_leaves_the_project_and_says_how_to_go_on(template: Path, tmp_path: Path) -> None:
    slept = tmp_path / "slept"
    az = AzDouble(tmp_path, extra=f"time.sleep(20)\nopen({str(slept)!r}, 'w').close()")
    pressed: list[object] = []

    def press(text: str, type_: Callable[[bytes], object]) -> None:
        if az.calls and not pressed:  # it is looked around now
            pressed.append(type_(b"\x03"))

    env = environment(PWD=str(tmp_path), PATH=az.path)
    shown = on_a_terminal(str(template), *ANSWERS, cwd=tmp_path, env=env, act=press)
    assert pressed
    assert not slept.exists()
    assert f"{RESUME}\n" in shown
    assert "Traceback" not in shown
    assert (tmp_path / "penguins-model" / "config.yml").exists()
