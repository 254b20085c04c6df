"""Bake the template by pytest-cookies, once per set of answers, and look at what came out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_cookies.plugin import Cookies

from tools.wheel import current_wheel, install_into

ROOT = Path(__file__).parents[1]
FOLDER = "{{cookiecutter.project_slug}}"
# Where it is set, every process compiles all that it imports anew: most of what a test would cost.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A test imports a fifth of what is installed for it, and that is compiled then.
os.environ.pop("UV_COMPILE_BYTECODE", None)
# The threads of a fit of some hundred rows wait for each other, on cores that other tests need.
os.environ["OMP_NUM_THREADS"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A build that was started in the background ignores Ctrl-C, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

Bake = Callable[..., "BakedProject"]
Cli = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class BakedProject:
    """A rendered repository."""

    path: Path

    @property
    def files(self) -> set[str]:
        """Every file but git's own, from the repository's root, with forward slashes."""
        below = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        return {path.as_posix() for path in below if path.parts[0] != ".git"}

    def text(self, name: str) -> str:
        """The text of a file, line ends as they are."""
        return (self.path / name).read_bytes().decode("utf-8")

    def toml(self, name: str) -> dict[str, Any]:
        """A TOML file, parsed."""
        return tomllib.loads(self.text(name))

    def yaml(self, name: str) -> Any:
        """A YAML file, parsed."""
        return yaml.safe_load(self.text(name))

    def json(self, name: str) -> Any:
        """A JSON file, parsed."""
        return json.loads(self.text(name))


def tracked(folder: Path) -> list[str]:
    """Name what git tracks or would track below `folder`, with forward slashes."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    names = listed.stdout.decode("utf-8").split("\0")
    return sorted(name for name in names if name and (folder / name).is_file())


def clone(folder: Path) -> Path:
    """The template as a fresh clone holds it, with the wheel that amlkit's source makes."""
    copy = folder / "aml-template"
    for name in tracked(ROOT):
        if name.startswith((FOLDER, "hooks/", "templates/", "local_extensions/", "cookiecutter.")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    install_into(copy / FOLDER, current_wheel())
    return copy


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a fresh clone holds it: no caches of whoever works in it."""
    return clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def bake_anew(template: Path, cookies_session: Cookies) -> Bake:
    """Render with these answers and the defaults of the rest, into a repository to work in."""

    def baked(**answers: Any) -> BakedProject:
        result = cookies_session.bake(answers, str(template))
        if result.exception is not None:
            raise result.exception
        return BakedProject(result.project_path)

    return baked


@pytest.fixture(scope="session")
def bake(bake_anew: Bake) -> Bake:
    """Render with these answers, once per session. Only to look at: it is shared."""
    done: dict[str, BakedProject] = {}

    def baked(**answers: Any) -> BakedProject:
        key = json.dumps(answers, sort_keys=True)
        if key not in done:
            done[key] = bake_anew(**answers)
        return done[key]

    return baked


@pytest.fixture(scope="session")
def default(bake: Bake) -> BakedProject:
    """The repository of the default answers. Only to look at: it is shared."""
    return bake()


def environment(**more: str) -> dict[str, str]:
    """An environment in which git and cookiecutter know nothing of the user who runs the tests."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GIT_", "COOKIECUTTER", "VIRTUAL_ENV"))
    }
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return {**kept, **nothing, "PYTHONUTF8": "1", **more}


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that all its worker processes have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture
def cli(template: Path) -> Cli:
    """Run the `cookiecutter` command as a user does: `cli("name=value", …, cwd=…, env=…)`.

    Not by pytest-cookies, which calls the function: what the command prints and how it ends counts.
    """

    def run(
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        source: str = str(template),
    ) -> subprocess.CompletedProcess[str]:
        where = {**environment(PWD=str(cwd)), **(env or {})}
        command = [sys.executable, "-P", "-m", "cookiecutter", "--no-input", "--default-config"]
        flags = [argument for argument in arguments if argument.startswith("-")]
        answers = [argument for argument in arguments if not argument.startswith("-")]
        return subprocess.run(
            [*command, *flags, source, *answers],
            cwd=cwd,
            env=where,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run
