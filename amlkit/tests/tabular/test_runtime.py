"""What runs in jobs and endpoints stands alone: only it decides an environment's identity."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import amlkit
from amlkit.content import RUNTIME as RUNTIME_FILES

SOURCE = Path(amlkit.__file__).parents[1]
RUNTIME = ("tabular", "serving")


def modules() -> dict[str, Path]:
    """The modules of the runtime part by their names."""
    paths = [path for part in RUNTIME for path in (SOURCE / "amlkit" / part).rglob("*.py")]
    names = [".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in paths]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def imports(path: Path) -> Iterator[str]:
    """What a module imports of amlkit, inside functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("amlkit"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            if (node.module or "").split(".")[0] == "amlkit":
                for alias in node.names:
                    yield f"{node.module}.{alias.name}"


def test_it_imports_nothing_else_of_amlkit() -> None:
    """But what says a line of a log, which counts. Tables import nothing of serving either."""
    assert "amlkit/say.py" in RUNTIME_FILES
    assert len(modules()) > 20
    for name, path in modules().items():
        allowed: tuple[str, ...] = ("amlkit.tabular.", "amlkit.say.")
        if name.startswith("amlkit.serving"):
            allowed += ("amlkit.serving.",)
        for imported in imports(path):
            assert imported.startswith(allowed), f"{name} imports {imported}"


def test_no_module_imports_one_that_imports_it() -> None:
    """Not through others either, nor for types alone."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        # `from amlkit.tabular.table import Schema` is of the package, `… import scan` of a module
        found = {i if i in known else i.rpartition(".")[0] for i in imports(path)}
        graph[name] = found & known.keys()
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_no_module_is_long() -> None:
    """Each is read in one sitting."""
    for name, path in modules().items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 350, name
