"""The command line of the bootstrap: exit codes, one line for every error, `--json`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from amlkit.provision.cli import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No subscription from the environment, and no `az` to be asked."""
    monkeypatch.delenv("SUBSCRIPTION_ID", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_plan_prints_every_command_without_az(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--set", "azure.subscription_id=''"]) == 0
    out = capsys.readouterr().out
    for words in ("az group create", "az ml workspace create", "az role assignment create"):
        assert words in out
    assert "azure.subscription_id is not set" in out


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json", "--set", "azure.subscription_id=''"]) == 0
    record = json.loads(capsys.readouterr().out)
    steps = {each["step"]: each for each in record["steps"]}
    assert steps["workspace"]["state"] == "not looked for"
    assert steps["workspace"]["commands"][0].startswith("az ml workspace create -n mlw-")


HAS = "azure.subscription_id=01234567-89ab-cdef-0123-456789abcdef"
NO_ID = "azure.subscription_id=mine"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["apply"], 2, "azure.subscription_id is not set", id="no subscription"),
        pytest.param(["plan", "--for-admin"], 2, "azure.subscription_id", id="request needs it"),
        pytest.param(["make"], 2, "invalid choice: 'make'", id="no such command"),
        pytest.param([], 2, "COMMAND", id="no command"),
        pytest.param(["apply", "--datum", "x"], 2, "--datum", id="no such flag"),
        pytest.param(["apply", "--data", "none.csv"], 2, "no such file", id="no such file"),
        pytest.param(["plan", "--set", "azure"], 2, "KEY=VALUE", id="not a setting"),
        pytest.param(["plan", "--env", "nowhere"], 2, "config.nowhere.yml", id="no such target"),
        pytest.param(["apply", "--set", HAS], 1, "there is no `az`", id="no az"),
        pytest.param(["status", "--set", HAS], 1, "there is no `az`", id="nothing to see"),
        pytest.param(["plan", "--set", NO_ID], 2, "az account list", id="no subscription's id"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments[-1:] in ([HAS], [NO_ID])
    more = ["--set", "azure.subscription_id=''"] if arguments and not given else []
    assert main([*arguments, *more, "--json"]) == code
    shown = capsys.readouterr()
    assert said in json.loads(shown.out)["error"]
    assert [line for line in shown.err.splitlines() if line.startswith("error: ")]


def test_help_answers_at_once_and_imports_nothing_heavy() -> None:
    code = (
        "import runpy, sys; sys.argv = ['infra/bootstrap.py', 'apply', '--help']\n"
        "try: runpy.run_path('infra/bootstrap.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'yaml', 'azure', 'pandas', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--data PATH" in done.stdout
