"""The command line of the bootstrap: exit codes, one line for every error, `--json`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amlkit.provision import cli
from conftest import SAMPLE, TEMPLATE, write_wheel

Main = Callable[[list[str]], int]


@pytest.fixture()
def main(tmp_path: Path) -> Main:
    """Runs a command in a copy of the sample's repository, which it writes to: its exit code."""
    root = shutil.copytree(SAMPLE, tmp_path / "sample")
    return lambda arguments: cli.main(root, arguments)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No subscription from the environment, and no `az` to be asked."""
    monkeypatch.delenv("SUBSCRIPTION_ID", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_plan_prints_every_command_without_az(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--set", "azure.subscription_id=''"]) == 0
    out = capsys.readouterr().out
    for words in ("az group create", "az ml workspace create", "az role assignment create"):
        assert words in out
    assert out.splitlines()[:2] == ["not checked:", "  application sp-sample in Entra ID"]
    assert "azure.subscription_id is not set" in out and out.count("not checked") == 1


def test_json_is_one_object_on_stdout(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json", "--set", "azure.subscription_id=''"]) == 0
    record = json.loads(capsys.readouterr().out)
    steps = {each["step"]: each for each in record["steps"]}
    assert steps["workspace"]["state"] == "not checked"
    assert steps["workspace"]["commands"][-1].startswith("az ml workspace create -n mlw-")


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
    main: Main,
    arguments: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = arguments[-1:] in ([HAS], [NO_ID])
    more = ["--set", "azure.subscription_id=''"] if arguments and not given else []
    assert main([*arguments, *more, "--json"]) == code
    shown = capsys.readouterr()
    assert said in json.loads(shown.out)["error"]
    assert [line for line in shown.err.splitlines() if line.startswith("error: ")]


@pytest.fixture()
def repository(tmp_path: Path) -> Path:
    """A repository with its bootstrap, config.yml and amlkit's wheel, and PyYAML beside it."""
    import yaml

    root = tmp_path / "a repository"
    for file in (SAMPLE / "config.yml", TEMPLATE / "infra" / "bootstrap.py"):
        target = root / file.relative_to(SAMPLE if file.parent == SAMPLE else TEMPLATE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    write_wheel(root / "wheels")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(yaml.__file__).parent, tmp_path / "pyyaml" / "yaml", ignore=ignored)
    return root


def bootstrap(root: Path, *arguments: str, modules: str = "") -> subprocess.CompletedProcess[str]:
    """Runs infra/bootstrap.py with nothing importable but the standard library and PyYAML.

    `modules`: names that must not be imported once it is done.
    """
    code = (
        "import runpy, sys\n"
        f"sys.path[:] = [each for each in sys.path if 'site-packages' not in each]\n"
        f"sys.path.append({str(root.parent / 'pyyaml')!r})\n"
        f"sys.argv = ['infra/bootstrap.py', *{list(arguments)!r}]\n"
        "code = 0\n"
        "try: runpy.run_path('infra/bootstrap.py', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "amlkit = sys.modules.get('amlkit')\n"
        "if amlkit: print(amlkit.__file__, file=sys.stderr)\n"
        f"assert not {set(modules.split())!r} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    # -S: no site-packages, and no editable installation of this checkout either.
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_bootstrap_runs_out_of_the_wheel_with_pyyaml_alone(repository: Path) -> None:
    done = bootstrap(repository, "plan", "--json", "--set", "azure.subscription_id=''")
    assert done.returncode == 0, done.stderr
    steps = {each["step"] for each in json.loads(done.stdout)["steps"]}
    assert {"workspace", "storage_account", "application"} <= steps
    assert str(Path("wheels", "amlkit-")) in done.stderr
    assert (done.stderr.count(".whl")) == 1


def test_an_ejected_library_is_preferred(repository: Path) -> None:
    import amlkit

    copy = repository / "src" / "amlkit"
    shutil.copytree(Path(amlkit.__file__).parent, copy)
    done = bootstrap(repository, "plan", "--set", "azure.subscription_id=''")
    assert done.returncode == 0, done.stderr
    assert str(copy) in done.stderr


@pytest.mark.parametrize("wheels", [0, 2])
def test_one_wheel_is_needed(repository: Path, wheels: int) -> None:
    [wheel] = (repository / "wheels").iterdir()
    if wheels:
        shutil.copy2(wheel, wheel.with_name("amlkit-9.9-py3-none-any.whl"))
    else:
        wheel.unlink()
    done = bootstrap(repository, "plan")
    assert done.returncode == 1
    assert done.stderr == f"error: wheels/ holds {wheels} wheels of amlkit; one is needed\n"


def test_help_is_there_at_once_and_imports_nothing_heavy(repository: Path) -> None:
    done = bootstrap(repository, "apply", "--help", modules="yaml azure pandas numpy")
    assert done.returncode == 0, done.stderr
    assert "--data PATH" in done.stdout


IDENTITIES = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("training.holdout=" + "[" * 100_000, "not valid YAML"),
        ("training.seed=" + "9" * 5000, "not valid YAML"),
        ("azure.tenant_id=mine", "is no id"),
        ("azure.client_id=mine", "is no id"),
        ("azure.compute.identity=mine", "az identity show"),
        (f"azure.compute.identity={IDENTITIES}/a;$(id)", "az identity show"),
        (f'azure.compute.identity="{IDENTITIES}/abc\\n"', "az identity show"),
    ],
    ids=["100,000 brackets", "5,000 digits", "tenant", "client", "identity", "command", "line"],
)
def test_a_setting_that_cannot_be_is_one_short_line(
    given: str, said: str, main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--set", given]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line and len(line) < 300
