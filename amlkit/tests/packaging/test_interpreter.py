"""A driver that reaches Azure ML goes on in `.venv-azure`, or says what to type."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import amlkit
from amlkit.interpreter import SDKS, has_module, use_azure_interpreter

SOURCE = str(Path(amlkit.__file__).parents[1])
DRIVER = """\
import sys
from pathlib import Path
from amlkit import interpreter
from amlkit.records import WorkError
if __name__ == "__main__":
    try:
        sdk = sys.argv[1] if sys.argv[1:2] == ["v2"] else "v1"
        interpreter.use_azure_interpreter(Path(__file__).parent, sdk=sdk)
    except WorkError as error:
        sys.exit(f"error: {error}")
    print(sys.prefix, sys.argv[1:])
    sys.exit(7)
"""


@pytest.fixture()
def root(tmp_path: Path) -> Path:
    """A repository with one driver, its folder's name with a space."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    (folder / "driver.py").write_text(DRIVER)
    return folder


def make_environment(root: Path, *, sdk: bool) -> Path:
    """A `.venv-azure`, with something in the place of the SDK or without."""
    home = root / ".venv-azure"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    [packages] = home.glob("Lib/site-packages" if os.name == "nt" else "lib/*/site-packages")
    if sdk:
        (packages / "azureml" / "core").mkdir(parents=True)
        (packages / "azureml" / "core" / "__init__.py").touch()
    return home


def drive(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the driver with this interpreter, which has no SDK."""
    return subprocess.run(
        [sys.executable, str(root / "driver.py"), *arguments],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("sdk", "package"), [("v1", "azureml-core"), ("v2", "azure-ai-ml")])
def test_without_an_environment_it_says_what_to_type(root: Path, sdk: str, package: str) -> None:
    done = drive(root, sdk)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: Azure ML needs {package}, and there is no .venv-azure")
    assert "`make setup-azure`" in done.stderr and done.stderr.count("\n") == 1


def test_it_goes_on_where_the_sdk_is(root: Path) -> None:
    home = make_environment(root, sdk=True)
    done = drive(root, "--set", "a=b c", "--json")
    assert done.stdout.strip() == f"{home} ['--set', 'a=b c', '--json']", done.stderr
    assert done.returncode == 7, "the exit code is the other interpreter's"


def test_an_environment_that_lacks_the_sdk_is_not_asked_again_and_again(root: Path) -> None:
    make_environment(root, sdk=False)
    done = drive(root)
    assert done.returncode == 1
    assert done.stderr == (
        "error: .venv-azure lacks azureml-core; `make setup-azure` installs it\n"
    )


def test_an_interpreter_with_the_sdk_goes_on_itself(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SDKS, "v1", ("json.decoder", "json"))
    use_azure_interpreter(root)


def test_what_is_run_may_be_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_environment(root, sdk=False)
    ran: list[list[str]] = []
    monkeypatch.setattr("amlkit.interpreter._run", ran.append)
    monkeypatch.setitem(SDKS, "v1", ("azureml.no_such_module", "none"))
    use_azure_interpreter(root, ["src/data.py", "--json"])
    assert [command[1:] for command in ran] == [["src/data.py", "--json"]]


def test_a_module_is_looked_for_without_importing_it() -> None:
    assert has_module("json.tool") and "json.tool" not in sys.modules
    assert not has_module("no_such_package.inside")
