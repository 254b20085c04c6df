"""amlkit as it is shipped: what works straight out of the wheel, and what old models rely on."""

from __future__ import annotations

import ast
import graphlib
import importlib
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
import yaml

import amlkit
from amlkit.content import RUNTIME
from amlkit.tabular.features import ExpandDates
from conftest import TEMPLATE, write_drivers

SOURCE = Path(amlkit.__file__).parents[1]
DRIVERS = ("data", "environment", "model", "deploy")
# What a model holds of amlkit, as each release wrote it: `pickle.dumps(ExpandDates(["seen"],
# ["seen"]), 0)`. Add a release's line before its import paths change; never take one away.
PICKLED = {
    "0.2.0": b"ccopy_reg\n_reconstructor\np0\n(camlkit.tabular.features\nExpandDates\np1\n"
    b"c__builtin__\nobject\np2\nNtp3\nRp4\n(dp5\nVcolumns\np6\n(lp7\nVseen\np8\nasVtimed\np9\n"
    b"(lp10\ng8\nasb."
}


def bare(script: Path, *arguments: str, path: tuple[Path, ...] = ()) -> tuple[int, str, str]:
    """Runs a script with nothing installed but what `path` holds: (exit code, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "-S", str(script), *arguments],
        env={"PYTHONPATH": ":".join(map(str, path)), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture()
def only_yaml(tmp_path: Path) -> Path:
    """A folder that holds PyYAML and nothing else."""
    shutil.copytree(Path(yaml.__file__).parent, tmp_path / "only yaml" / "yaml")
    return tmp_path / "only yaml"


@pytest.fixture(scope="module", params=["v1", "v2"])
def drivers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the drivers for each SDK."""
    return write_drivers(tmp_path_factory.mktemp("drivers"), request.param)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_without_amlkit_says_what_to_type(drivers: Path, driver: str) -> None:
    code, out, err = bare(drivers / f"{driver}.py", "--local")
    assert (code, out) == (1, "")
    assert err.startswith("error: ") and "`make setup`" in err and err.count("\n") == 1


@pytest.mark.parametrize("driver", DRIVERS)
def test_help_is_given_straight_from_the_wheel(drivers: Path, driver: str, wheel: Path) -> None:
    code, out, err = bare(drivers / f"{driver}.py", "--help", path=(wheel,))
    assert code == 0 and "--dry-run" in out, err


def test_the_bootstrap_runs_from_the_wheel_with_pyyaml_alone(
    repository: Path, only_yaml: Path
) -> None:
    shutil.copytree(TEMPLATE / "infra", repository / "infra")
    bootstrap = repository / "infra" / "bootstrap.py"
    code, out, err = bare(bootstrap, "--help", path=(only_yaml,))
    assert code == 0 and "apply" in out, err
    code, out, err = bare(bootstrap, "plan", path=(only_yaml,))
    assert code == 2 and "config.yml" in err and "Traceback" not in err, "it reads the settings"


def test_what_is_no_python_is_shipped_too(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.startswith("amlkit/")}
    kept = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "amlkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == kept
    assert "amlkit/py.typed" in shipped and any(name.endswith(".css") for name in shipped)


@pytest.mark.parametrize("release", PICKLED)
def test_what_a_model_of_an_earlier_release_holds_is_read(release: str) -> None:
    dates = pickle.loads(PICKLED[release])  # noqa: S301
    table = pd.DataFrame({"seen": pd.to_datetime(["2024-02-29 06:00"]), "mass": [3.5]})
    numbers = dates.fit(table).transform(table)
    assert type(dates) is ExpandDates
    assert numbers.iloc[0].to_dict() == {
        "mass": 3.5,
        "seen_year": 2024,
        "seen_month": 2,
        "seen_day": 29,
        "seen_weekday": 3,
        "seen_hour": 6,
        "seen_days": 19782.25,
    }


def test_what_a_model_holds_now_is_written_down() -> None:
    now = pickle.dumps(ExpandDates(["seen"], ["seen"]), 0)
    assert now in PICKLED.values(), "a model would hold something new: add it to PICKLED"


def test_no_module_imports_one_that_imports_it() -> None:
    names = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (SOURCE / "amlkit").rglob("*.py")
    }
    graph = {name: set(_imports(path, names)) - {name} for name, path in names.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def _imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """What a module imports of amlkit when it is imported."""
    for node in _at_start(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if (found := name if name in known else node.module) in known:
                    yield found


def _at_start(node: ast.AST) -> Iterator[ast.AST]:
    """What is run when a module is imported: nothing in functions, nothing for types alone."""
    for child in ast.iter_child_nodes(node):
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if function or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            continue
        yield child
        yield from _at_start(child)


def test_what_runs_in_a_job_imports_nothing_else_of_amlkit() -> None:
    """Only the content of these parts tells one environment from another."""
    for path in (SOURCE / "amlkit").rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith(RUNTIME) or name == "amlkit/say.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("amlkit"):
                there = f"{module.replace('.', '/')}/"
                runs = [part.removesuffix(".py").rstrip("/") + "/" for part in RUNTIME]
                assert there.startswith(tuple(runs)), f"{name} imports {module}"


def test_the_readme_names_what_the_template_imports() -> None:
    """It is the interface that a release keeps."""
    readme = (SOURCE.parent / "README.md").read_text(encoding="utf-8")
    table = [row.split("|")[1:-1] for row in readme.splitlines() if row.startswith("|")]
    named: set[str] = set()
    for _, names, *_ in table:
        module, _, members = names.partition(":")
        for member in re.findall(r"`(\w+)`", members):
            named.add(f"{module.strip().strip('`')}.{member}")
    flow = {f"amlkit.flow.{driver}" for driver in (*DRIVERS, "pipeline")}
    imported = {
        f"{node.module}.{alias.name}"
        for path in TEMPLATE.rglob("*.py")
        if "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("amlkit")
        for alias in node.names
    }
    assert imported - flow <= named
    for name in named:
        module, _, member = name.rpartition(".")
        if module.startswith("amlkit"):
            assert hasattr(importlib.import_module(module), member), name
