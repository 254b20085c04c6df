"""What of code and settings can be told wrong before a run is made: nothing is imported here."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import sys
import warnings
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from amlkit.flow import tried
from amlkit.records import DataAsset, WorkError
from amlkit.settings import Settings, SettingsError
from amlkit.workspace import Workspace


def check_code(files: Mapping[str, Path], settings: Settings) -> None:
    """Compiles the package as it would travel, by its names below `src/`.

    Where Azure's Python is newer than this one, it may take what this one does not.

    Raises:
        WorkError: a file is no Python, with its line.
    """
    newer = settings.azure.environment.python
    if sys.version_info[:2] < tuple(map(int, newer.split("."))):
        return
    for name, path in files.items():
        if path.suffix != ".py":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the job says them
                compile(path.read_bytes(), name, "exec", dont_inherit=True)
        except SyntaxError as error:
            line = f":{error.lineno}" if error.lineno else ""
            raise WorkError(f"src/{name}{line}: {type(error).__name__}: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes, deep nesting
            raise WorkError(f"src/{name}: {error}") from None


def check_training(
    settings: Settings, workspace: Workspace, data: DataAsset, *, local: bool
) -> None:
    """The columns, estimator and tried parameters of the settings, where amlkit reads them.

    Args:
        settings: of the training.
        workspace: where.
        data: the table; of one that a dry run did not register nothing is known.
        local: whether the job runs with what is installed here.

    Raises:
        SettingsError: there is none of that name.
    """
    path = settings.root / "src" / settings.project.package / "train.py"
    train = path.read_bytes() if path.is_file() else b""
    if b"amlkit.tabular" not in train:
        return
    training = settings.training
    asked = {
        "drop_columns": training.drop_columns,
        "keep_columns": training.keep_columns,
        "split.column": [training.split.column] if training.split.column else [],
    }
    if data.source and any(asked.values()):
        profile = workspace.data.profile(data)
        known = [column["name"] for column in (profile.get("schema") or {}).get("columns", ())]
        for key, names in asked.items():
            if lacking := [name for name in names if known and name not in known]:
                raise SettingsError(
                    f"{settings.origin(f'training.{key}')}: training.{key}: {data.name} has no "
                    f"column {lacking[0]!r}{did_you_mean(lacking[0], known)}"
                )
    if training.search and training.estimator == "auto":
        raise SettingsError(
            f"{settings.origin('training.search')}: training.search needs one estimator whose "
            "parameters are tried: name it in training.estimator, such as "
            "sklearn.linear_model.LogisticRegression"
        )
    if training.estimator != "auto" and (problem := _estimator(settings, local)):
        raise SettingsError(f"{settings.origin('training.estimator')}: {problem}")
    if training.search and (problem := tried.problem(settings, train, local=local)):
        raise SettingsError(f"{settings.origin(problem.partition(':')[0])}: {problem}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest name; empty where none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _estimator(settings: Settings, local: bool) -> str:
    """Why `training.estimator` cannot be what it says; empty where nothing tells."""
    path = settings.training.estimator
    module, _, name = path.rpartition(".")
    if not module:
        return (
            f"training.estimator: {path!r} needs its module in front, such as "
            "sklearn.ensemble.RandomForestClassifier"
        )
    if not local:
        return ""
    spec = _spec(module, settings.root / "src")
    if spec is None:
        return f"training.estimator: there is no module {module} for {path!r}"
    names = _names(spec)
    if names and name not in names:
        hint = did_you_mean(name, names)
        return f"training.estimator: there is no {name!r} in {module}{hint}"
    return ""


def _spec(module: str, source: Path) -> ModuleSpec | None:
    """Where a module lies: none of its packages is imported."""
    top, *rest = module.split(".")
    if not all([top, *rest]):
        return None
    try:
        spec = PathFinder.find_spec(top, [str(source)]) or importlib.util.find_spec(top)
    except ValueError:  # __main__ has none
        return None
    for part in rest:
        if spec is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations or [])
    return spec


def _names(spec: ModuleSpec) -> set[str]:
    """The names that a module's text gives; none where there may be more of them."""
    if not (spec.origin or "").endswith(".py"):
        return set()
    found: set[str] = set()
    try:
        tree = ast.parse(Path(str(spec.origin)).read_bytes())
    except (OSError, ValueError, SyntaxError):
        return set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    open_ = {"*", "__getattr__", "globals", "setattr", "exec"}
    return set() if found & open_ else found
