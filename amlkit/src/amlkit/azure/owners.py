"""The owner's functions in `src/`, and what they return as content: what both SDKs have alike.

A function is asked with names in place of what only a workspace has, and what it returns is
written down as JSON: that decides whether an image is built, a model trained, a service deployed.
A comment changes nothing. Left out are where it runs, paths of this machine, secrets, and what has
an identity of its own: data, code and the environment.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from amlkit.calls import Named
from amlkit.content import identity
from amlkit.records import WorkError
from amlkit.settings import SettingsError

_DEEPEST = 12


def steady(function: Callable[..., Any], root: Path, ask: Callable[[], Any]) -> str:
    """The content hash of what an owner's function returns: 12 hex digits.

    Args:
        function: the owner's.
        root: the repository.
        ask: asks it once, and returns the shape.

    Raises:
        WorkError: it fails, or answers differently each time.
    """
    try:
        first, second = identity(ask()), identity(ask())
    except (WorkError, SettingsError, ModuleNotFoundError):
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:300]
        raise WorkError(f"{called(function, root)}: {type(error).__name__}: {words}") from error
    if first != second:
        raise WorkError(
            f"{called(function, root)} returns something else each time it is asked: nothing could "
            "tell whether it has changed; take out what is random or the time"
        )
    return first


def called(function: Callable[..., Any], root: Path) -> str:
    """An owner's function and its file, such as `environment() in src/environment.py`."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(function)) or "")
    except TypeError:
        return f"{name}()"
    inside = path.is_relative_to(root)
    return f"{name}() in {path.relative_to(root).as_posix() if inside else path}"


def environment_made(
    function: Callable[..., Any], parts: Any, root: Path, kind: Any, wanted: str
) -> Any:
    """What the owner's `environment(parts)` returns, an SDK's environment.

    Raises:
        WorkError: it is of another kind, or not of the name that it was given.
    """
    made = function(parts)
    if not isinstance(made, kind):
        raise refused(function, root, made, wanted)
    if made.name != parts.name:
        raise WorkError(
            f"{called(function, root)} returns an environment named {made.name!r}: "
            f"name it parts.name, which is {parts.name!r} here"
        )
    return made


def refused(function: Callable[..., Any], root: Path, made: Any, wanted: str) -> WorkError:
    """What is said where an owner's function returns another kind than it must."""
    if isinstance(made, tuple):
        kind = f"({', '.join(type(one).__name__ for one in made)})"
    else:
        kind = type(made).__name__
    return WorkError(f"{called(function, root)} must return {wanted}; it returns {kind}")


def without(values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """A mapping without some keys."""
    return {key: value for key, value in values.items() if key not in keys}


def plain(value: Any, names: Mapping[str, str], depth: int = 0) -> Any:
    """A value as JSON: names in place of paths and addresses; of an object, what it holds."""
    if isinstance(value, str | Path):
        text = str(value)
        for path, name in names.items():
            text = text.replace(path, name)
        return text
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Named):
        return value.name
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, type) or depth > _DEEPEST:
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, Mapping):
        return {str(key): plain(one, names, depth + 1) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(str(plain(one, names, depth + 1)) for one in value)
    if isinstance(value, Sequence):
        return [plain(one, names, depth + 1) for one in value]
    inside = plain(getattr(value, "__dict__", {}), names, depth + 1)
    return {"type": type(value).__name__, **inside}
