"""The rendered Makefile, with a uv that writes down how it was called."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FOLDER, ROOT
from tools.locks import lock, rendered

LOCKS = {
    "v1": ("azure", "dev", "serve-azure", "serve", "train-azure", "train"),
    "v2": ("azure", "batch-azure", "dev", "serve", "train-azure", "train"),
}
STORE = "/etc/ssl/certs/ca-certificates.crt"
CALLED = """\
#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
"""


class Repository:
    """A folder with the Makefile, and what it called."""

    def __init__(self, root: Path, sdk: str) -> None:
        self.root = root
        root.mkdir()
        for path in (ROOT / FOLDER / "Makefile", *(ROOT / FOLDER).glob("requirements-*")):
            if name := rendered(path.name, sdk):
                shutil.copyfile(path, root / name)
        self.log = root.parent / "calls"
        self.program(root.parent / "bin" / "uv")

    def program(self, path: Path) -> None:
        """A program that writes down how it was called."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CALLED.format(python=sys.executable, log=str(self.log)))
        path.chmod(0o755)

    def make(self, *arguments: str, **variables: str) -> list[tuple[list[str], dict[str, str]]]:
        """Runs make; each call's arguments and environment."""
        self.log.write_text("")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PIP_", "MAKE"))}
        path = f"{self.log.parent / 'bin'}{os.pathsep}{kept['PATH']}"
        done = subprocess.run(
            ["make", *arguments],
            cwd=self.root,
            env={**kept, "PATH": path, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        calls = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [(words, environment) for words, environment in calls]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A fresh one, its folder's name with a space."""
    return Repository(tmp_path / "a repository", "v1")


@pytest.fixture
def supported(tmp_path: Path) -> Repository:
    """One whose drivers are written in SDK v2."""
    return Repository(tmp_path / "of v2", "v2")


def words(call: tuple[list[str], dict[str, str]]) -> str:
    """A call's arguments in a line."""
    return " ".join(call[0])


@pytest.mark.parametrize("sdk", LOCKS)
def test_lock_keeps_what_is_locked_and_renews_all_when_asked(sdk: str, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "a repository", sdk)
    kept, renewed = repository.make("lock"), repository.make("lock", "UPGRADE=1")
    assert sorted(call[0][-1] for call in kept) == sorted(
        f"requirements-{name}.txt" for name in LOCKS[sdk]
    )
    for first, second in zip(kept, renewed, strict=True):
        name = first[0][-1].removeprefix("requirements-").removesuffix(".txt")
        assert words(first).endswith(f"requirements-{name}.in -o requirements-{name}.txt")
        assert "--upgrade" not in first[0]
        assert [word for word in second[0] if word != "--upgrade"] == first[0]


def test_the_line_for_windows_locks_as_make_does(repository: Repository) -> None:
    text = (ROOT / FOLDER / "README.md").read_text(encoding="utf-8")
    [line] = re.findall(r"\{ uv (pip compile .*) \}", text)
    for called, _ in repository.make("lock"):
        name = called[-1].removesuffix(".txt")
        typed = line.replace("$in.Name", f"{name}.in").replace("$($in.BaseName)", name)
        assert shlex.split(typed) == called


@pytest.mark.parametrize("sdk", LOCKS)
def test_the_template_is_locked_under_the_names_that_are_rendered(
    sdk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own names hold a condition, which no lock may name; what uv writes comes back to them."""
    template = tmp_path / "template"
    (template / "wheels").mkdir(parents=True)
    for path in (ROOT / FOLDER).glob("requirements-*"):
        (template / path.name).write_text("old\n")
    for name in ("Makefile", "constraints.txt"):
        shutil.copyfile(ROOT / FOLDER / name, template / name)
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[-1], 'w').write(sys.argv[-3])\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(uv.parent), prepend=os.pathsep)
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    lock(sdk, template)
    for path in template.glob("requirements-*.txt"):
        own = rendered(path.name, sdk)
        assert path.read_text() == (own.replace(".txt", ".in") if own else "old\n"), path.name


def test_each_environment_is_made_from_its_lock(repository: Repository) -> None:
    """SDK v1 has one of its own, on the Pythons that it runs on."""
    for name in (".venv", ".venv-azure"):  # uv would make it
        (repository.root / name).mkdir()
    made, installed = repository.make("setup")
    assert words(made) == "venv --quiet --clear --python >=3.11,<3.14 .venv"
    assert words(installed) == (
        "pip sync --quiet --require-hashes --compile-bytecode --python .venv/bin/python "
        "requirements-dev.txt"
    )
    made, installed = repository.make("setup-azure", "BYTECODE=")
    assert words(made) == "venv --quiet --clear --python >=3.11,<3.13 .venv-azure"
    assert words(installed) == (
        "pip sync --quiet --require-hashes --python .venv-azure/bin/python requirements-azure.txt"
    )


def test_sdk_v2_runs_on_every_python_and_is_looked_at_by_its_own_check(
    supported: Repository,
) -> None:
    (supported.root / ".venv-azure").mkdir()
    made, _ = supported.make("setup-azure")
    assert words(made) == "venv --quiet --clear --python >=3.11,<3.14 .venv-azure"
    supported.program(supported.root / ".venv-azure" / "bin" / "python")
    assert words(supported.make("azure-check")[-1]) == "-m amlkit.azureml_v2.check"


@pytest.mark.skipif(not Path(STORE).exists(), reason="the system's certificates lie elsewhere")
def test_a_companys_certificate_is_looked_for_in_the_systems_store(repository: Repository) -> None:
    for name in (".", str(ROOT)):
        # The root's Makefile says the same: it brings uv along in the same way.
        said = subprocess.run(
            ["make", "-C", name, "-pn", "help"],
            cwd=repository.root,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "\nUV_SYSTEM_CERTS = 1\n" in said and "\nPIP_CERT = " in said
    environment = repository.make("lock-train")[0][1]
    assert environment["UV_SYSTEM_CERTS"] == "1" and environment["PIP_CERT"] == STORE
    environment = repository.make("lock-train", UV_SYSTEM_CERTS="0")[0][1]
    assert environment["UV_SYSTEM_CERTS"] == "0", "a user's own setting stays"


def test_pages_are_of_the_mlflow_that_wrote_the_runs(repository: Repository) -> None:
    (repository.root / ".local-workspace").mkdir()
    (repository.root / ".local-workspace" / "mlflow.db").touch()
    lock = (repository.root / "requirements-train.txt").read_text()
    [(version)] = re.findall(r"(?m)^mlflow-skinny==(\S+)", lock)
    [call] = repository.make("ui")
    assert f"--from mlflow=={version} mlflow ui" in words(call)


def test_the_drivers_are_also_tested_where_the_sdk_is(repository: Repository) -> None:
    repository.program(repository.root / ".venv" / "bin" / "python")
    assert [words(call) for call in repository.make("test")][-1] == "-m pytest"
    repository.program(repository.root / ".venv-azure" / "bin" / "python")
    assert [words(call) for call in repository.make("test")][-2:] == [
        "-m pytest",
        "-m pytest -n 0 tests/test_drivers.py",
    ]


def test_weaknesses_are_looked_up_in_the_locks_without_the_sdk(repository: Repository) -> None:
    calls = [words(call) for call in repository.make("audit")]
    assert [call.split()[-1] for call in calls] == [
        "requirements-dev.txt",
        "requirements-serve.txt",
    ]
    assert all("pip-audit --disable-pip --require-hashes" in call for call in calls)
