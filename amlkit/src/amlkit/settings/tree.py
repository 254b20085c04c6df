"""Values that know where they came from, and dataclasses built from them."""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Union


class SettingsError(Exception):
    """A setting is wrong: one line that names it, its origin and what to do (exit 2)."""


@dataclass(frozen=True)
class Leaf:
    """A value and where it stands: `config.yml:14`, `$SPN_ID`, `--set`."""

    value: Any
    origin: str


Tree = dict[str, Union["Tree", Leaf]]


def read_yaml(path: Path) -> Tree:
    """A YAML mapping as a tree of leaves, each with file name and line.

    Raises:
        SettingsError: no such file, not UTF-8, not YAML, no mapping, a key twice or not text.
    """
    import yaml

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise SettingsError(
            f"{path.absolute()}: there is no such file; the repository's root holds {path.name} "
            "beside src/: bring it back (`git checkout -- " + path.name + "`), or run the driver "
            "of the repository that you mean"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path.name}: not UTF-8 text at byte {error.start}; save it as UTF-8"
        ) from None
    except RecursionError:
        raise SettingsError(f"{path.name}: its brackets are nested too deeply to be read") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"{path.name}{line}: not valid YAML: {problem}") from None
    if node is None:
        return {}
    loader = yaml.SafeLoader("")

    def convert(node: yaml.Node) -> Tree | Leaf:
        origin = f"{path.name}:{node.start_mark.line + 1}"
        if not isinstance(node, yaml.MappingNode):
            return Leaf(loader.construct_object(node, deep=True), origin)
        if not node.value:
            return Leaf({}, origin)
        branch: Tree = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            where = f"{path.name}:{key_node.start_mark.line + 1}"
            if key is None or key == "<<":
                raise SettingsError(f"{where}: a key must be plain text")
            if key in branch:
                raise SettingsError(f"{where}: '{key}' is there twice; keep one")
            branch[key] = convert(value_node)
        return branch

    try:
        tree = convert(node)
    except (yaml.YAMLError, ValueError) as error:  # such as a number of 5,000 digits
        raise SettingsError(f"{path.name}: {' '.join(str(error).split())}") from None
    if isinstance(tree, Leaf):
        if tree.value == {}:
            return {}
        raise SettingsError(f"{tree.origin}: expected settings as `key: value`")
    return tree


def insert(tree: Tree, overlay: Tree) -> None:
    """Lays `overlay` over `tree` in place: branches are merged, leaves are replaced."""
    for key, value in overlay.items():
        present = tree.get(key)
        if isinstance(value, dict) and isinstance(present, dict):
            insert(present, value)
        else:
            tree[key] = value


def build(
    cls: type,
    tree: Tree,
    *,
    origins: dict[str, str],
    path: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Any:
    """A frozen dataclass from a tree, every value checked against its type, choices and range."""
    hints = typing.get_type_hints(cls)
    own = {f.name: f for f in fields(cls) if not f.metadata.get("internal")}
    for key, branch in tree.items():
        if key not in own:
            near = difflib.get_close_matches(key, own, 1)
            raise SettingsError(
                f"{origin_of(branch)}: there is no setting '{path}{key}'; "
                + (f"did you mean '{path}{near[0]}'?" if near else f"known here: {', '.join(own)}")
            )
    values: dict[str, Any] = dict(extra or {})
    for name, spec in own.items():
        key = f"{path}{name}"
        if name in tree:
            branch = tree[name]
            secret = spec.metadata.get("secret")
            if secret and origin_of(branch) != f"${secret}":
                raise SettingsError(
                    f"{origin_of(branch)}: {key} is a secret and comes from the environment alone; "
                    f"remove it here and set {secret}"
                )
            values[name] = convert(hints[name], branch, key, origins)
            if as_written := spec.metadata.get("as_written"):
                values[name] = as_written(values[name])
            check(values[name], spec.metadata, key, origin_of(branch))
            if "each" in spec.metadata:
                _check_each(values[name], spec.metadata["each"], key, origins)
        elif is_dataclass(hints[name]) and spec.default_factory is MISSING:
            values[name] = build(
                typing.cast(type, hints[name]), {}, origins=origins, path=f"{key}."
            )
        elif spec.default is MISSING and spec.default_factory is MISSING:
            raise SettingsError(f"config.yml: the setting '{key}' is missing; add it")
    try:
        return cls(**values)
    except ValueError as error:  # what no value tells alone
        raise SettingsError(f"{origin_of(tree)}: {path.removesuffix('.')}: {error}") from None


def convert(hint: Any, branch: Tree | Leaf, key: str, origins: dict[str, str]) -> Any:
    """One branch or leaf as the type that `hint` asks for.

    Raises:
        SettingsError: it is of another type.
    """
    origin = origin_of(branch)
    origins[key] = origin
    container, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        if isinstance(branch, Leaf) and branch.value is None:
            branch = {}
        if isinstance(branch, Leaf) and isinstance(branch.value, dict):  # of a flag
            branch = {str(name): Leaf(item, origin) for name, item in branch.value.items()}
        if isinstance(branch, Leaf):
            raise SettingsError(
                f"{origin}: {key} must hold settings of its own, not {show(branch.value)}"
            )
        return build(typing.cast(type, hint), branch, origins=origins, path=f"{key}.")
    if container in (Union, types.UnionType):
        return _convert_union(arguments, branch, key, origins)
    if container is dict:
        if isinstance(branch, Leaf):
            value = {} if branch.value is None else branch.value
            if not isinstance(value, dict):
                raise SettingsError(
                    f"{origin}: {key} must be `name: value` pairs, not {show(value)}"
                )
            branch = {str(name): Leaf(item, origin) for name, item in value.items()}
        return {
            name: convert(arguments[1], item, f"{key}.{name}", origins)
            for name, item in branch.items()
        }
    value = plain(branch)
    if hint is Any:
        return value
    if container is list:
        if not isinstance(value, list):
            raise SettingsError(f"{origin}: {key} must be a list, not {show(value)}")
        return [convert(arguments[0], Leaf(item, origin), key, origins) for item in value]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[hint]
        quote = "; put it in quotes" if hint is str and not isinstance(value, dict | list) else ""
        raise SettingsError(f"{origin}: {key} must be {words}, not {show(value)}{quote}")
    if hint is float and not math.isfinite(value):
        raise SettingsError(f"{origin}: {key} must be a finite number, not {show(value)}")
    return value


def _convert_union(
    arguments: tuple[Any, ...], branch: Tree | Leaf, key: str, origins: dict[str, str]
) -> Any:
    """The member of a union that fits the value: nothing, a mapping, or the plain type."""
    if isinstance(branch, Leaf) and branch.value is None and type(None) in arguments:
        return None
    mapping = isinstance(plain(branch), dict)
    members = [a for a in arguments if a is not type(None)]
    fitting = [a for a in members if is_dataclass(a) == mapping] or members
    if mapping and isinstance(branch, Leaf):
        branch = {str(name): Leaf(item, branch.origin) for name, item in branch.value.items()}
    return convert(fitting[0], branch, key, origins)


def check(value: Any, metadata: Mapping[str, Any], key: str, origin: str) -> None:
    """Raises `SettingsError` where a value breaks the choices, pattern or range of its field."""
    choices, pattern = metadata.get("choices"), metadata.get("pattern")
    low, high = metadata.get("min"), metadata.get("max")
    if choices and value not in choices:
        raise SettingsError(
            f"{origin}: {key} must be one of {', '.join(choices)}, not {show(value)}"
        )
    for name, item in value.items() if "items" in metadata else ():
        if str(item).split(" ")[0] not in metadata["items"]:  # what follows says more
            known = ", ".join(metadata["items"])
            raise SettingsError(f"{origin}: {key}.{name} must be one of {known}, not {show(item)}")
    if pattern and not re.fullmatch(pattern, value):
        raise SettingsError(
            f"{origin}: {key} {show(value)} is not a valid name"
            f" ({metadata.get('rule') or f'it must match {pattern}'})"
        )
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"from {low} to {high}" if high is not None else f"at least {low}"
        raise SettingsError(f"{origin}: {key} must be {limits}, not {show(value)}")


def _check_each(
    values: Mapping[str, Any],
    read: Callable[[str, Any], Any],
    key: str,
    origins: Mapping[str, str],
) -> None:
    """Raises `SettingsError` where what reads an entry of a mapping finds it wrong."""
    for name, value in values.items():
        try:
            read(name, value)
        except ValueError as error:
            raise SettingsError(f"{origins[f'{key}.{name}']}: {key}.{name} {error}") from None


def origin_of(branch: Tree | Leaf) -> str:
    """Where a leaf stands; for a branch, where its first leaf does."""
    while isinstance(branch, dict):
        branch = next(iter(branch.values()))
    return branch.origin


def plain(branch: Tree | Leaf) -> Any:
    """The values alone."""
    if isinstance(branch, Leaf):
        return branch.value
    return {key: plain(item) for key, item in branch.items()}


def show(value: Any) -> str:
    """A value for an error line: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
