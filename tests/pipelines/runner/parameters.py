"""Typed parameters of pipelines and templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .documents import Table, where
from .errors import NotPlayed, PipelineError
from .expressions import Known
from .values import NotConvertible, to_number, to_string

LISTS = ("stepList", "jobList", "deploymentList", "stageList", "stringList")
TABLES = ("step", "job", "deployment", "stage")
KEYS = {"name", "type", "default", "values", "displayName"}


def bind(declared: Any, given: Mapping[str, Any], file: str) -> Known:
    """The values of a file's parameters, or a PipelineError that names the wrong one."""
    entries = _entries(declared)
    if unexpected := [name for name in given if name not in entries]:
        raise PipelineError(f"{file}: unexpected parameter {unexpected[0]!r}")
    values = {}
    for name, entry in entries.items():
        if name not in given and "default" not in entry:
            raise PipelineError(f"{file}: parameter {name!r} is required")
        value = _typed(entry, given.get(name, entry.get("default")))
        allowed = entry.get("values")
        if allowed is not None and value not in [_typed(entry, one) for one in allowed]:
            raise PipelineError(f"{file}: parameter {name!r} may not be {value!r}")
        values[name] = value
    return Known(f"{file}: parameters", values)


def declared_names(declared: Any) -> list[str]:
    """The names of a file's parameters."""
    return list(_entries(declared))


def _entries(declared: Any) -> dict[str, Any]:
    """Declarations by name; `name: default` is the short form."""
    if isinstance(declared, Mapping):
        return {
            name: Table.at(where(declared), {"name": name, "default": value, "type": "object"})
            for name, value in declared.items()
        }
    entries: dict[str, Any] = {}
    for entry in declared or []:
        if unknown := set(entry) - KEYS:
            raise NotPlayed(f"{where(entry)}: key {min(unknown)!r} of a parameter")
        if entry["name"] in entries:
            raise PipelineError(f"{where(entry)}: parameter {entry['name']!r} stands there twice")
        entries[entry["name"]] = entry
    return entries


def _typed(entry: Any, value: Any) -> Any:
    kind = entry.get("type", "string")
    place = f"{where(entry)}: parameter {entry['name']!r}"
    try:
        if kind == "string" and not isinstance(value, list | Mapping):
            return to_string(value)
        if kind == "number":
            return to_number(value)
    except NotConvertible as error:
        raise PipelineError(f"{place}: {error}") from None
    if kind == "boolean" and str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if kind == "object":
        return value
    if (kind in LISTS and isinstance(value, list)) or (
        kind in TABLES and isinstance(value, Mapping)
    ):
        return value
    if kind not in ("string", "boolean", *LISTS, *TABLES):
        raise NotPlayed(f"{place}: type {kind!r}")
    raise PipelineError(f"{place}: {value!r} is no {kind}")
