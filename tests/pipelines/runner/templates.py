"""Expands a pipeline: its variables, and its templates in the place of what names them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .coverage import TEMPLATE, Coverage
from .documents import Table, Text, load, where
from .errors import NotPlayed, PipelineError
from .evaluation import Evaluator, Scope, directive_of, expressions
from .expressions import Known
from .parameters import bind
from .values import to_string

# What the value of a key is made of; whatever is not named here is plain.
INSIDE: Mapping[str, Mapping[str, str]] = {
    "pipeline": {"stages": "stage", "jobs": "job", "steps": "step"},
    "stage": {"jobs": "job"},
    "job": {"steps": "step", "strategy": "strategy"},
    "strategy": {"runOnce": "hooks"},
    "hooks": dict.fromkeys(("preDeploy", "deploy", "routeTraffic", "postRouteTraffic"), "hook")
    | {"on": "outcomes"},
    "outcomes": {"failure": "hook", "success": "hook"},
    "hook": {"steps": "step"},
}
LISTED = {"stage": "stages", "job": "jobs", "step": "steps"}
# Read before any expression is evaluated: these accept none.
FIXED = ("parameters", "trigger", "pr", "schedules", "resources")
DEEPEST = 100  # "Template limits" of Microsoft's page on templates


class Expander:
    """Expands the files of one repository."""

    def __init__(self, root: Path, coverage: Coverage | None = None) -> None:
        self.root = root
        self.coverage = coverage or Coverage()
        self.evaluator = Evaluator(self.coverage)

    def pipeline(
        self,
        file: str,
        parameters: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Table:
        """A pipeline without templates and template expressions.

        `variables` are the predefined ones that are known before the run starts.
        """
        document = self._load(file)
        bound = bind(document.get("parameters"), parameters or {}, file)
        scope = Scope(bound, Known("variables", variables or {}))
        fixed = {key: document[key] for key in FIXED if key in document}
        for place, _ in expressions(fixed):
            raise PipelineError(f"{place}: no expression may stand here")
        rest = Table.at(document.where, {k: v for k, v in document.items() if k not in fixed})
        if "extends" in rest:
            raise NotPlayed(f"{document.where}: extends")
        return Table.at(document.where, fixed | self._table(rest, scope, "pipeline"))

    def _load(self, file: str) -> Table:
        document = load(self.root, file)
        self.coverage.file(document)
        return document

    def _expand(self, node: Any, scope: Scope, kind: str = "plain") -> Any:
        if isinstance(node, Mapping):
            return self._table(node, scope, kind)
        if isinstance(node, list):
            return list(self._items(node, scope))
        return self.evaluator.text(node, scope) if isinstance(node, str) else node

    def _table(self, node: Mapping[str, Any], scope: Scope, kind: str = "plain") -> Table:
        """A mapping; variables first, for the expressions beside them."""
        flat = list(self._entries(node, scope))
        made = Table.at(where(node))
        here = scope
        for key, value, inner in flat:
            if key == "variables" and kind in ("pipeline", "stage", "job"):
                here = scope.apart()
                made[key] = list(self._variables(value, replace(inner, variables=here.variables)))
        for key, value, inner in flat:
            if key in made and not (key == "variables" and kind in ("pipeline", "stage", "job")):
                raise PipelineError(f"{where(key)}: {key!r} stands there twice")
            if key in made:
                continue
            inner = replace(inner, variables=here.variables)
            child = INSIDE.get(kind, {}).get(key, "plain")
            if child in LISTED:
                made[key] = list(self._listed(value, inner, child))
            else:
                made[key] = self._expand(value, inner, child)
        return made

    def _entries(self, node: Mapping[str, Any], scope: Scope) -> Iterator[tuple[str, Any, Scope]]:
        """The entries of a mapping, conditional ones and loops resolved."""
        for key, value, inner in self.evaluator.chosen(list(node.items()), scope):
            if key is not None:
                name = self.evaluator.text(key, inner)
                yield Text.at(where(key), to_string(name)), value, inner
                continue
            found = self._expand(value, inner) if isinstance(value, str) else value
            if not isinstance(found, Mapping):
                raise PipelineError(f"{where(value)}: a mapping belongs here")
            yield from self._entries(found, inner)

    def _items(self, node: list[Any], scope: Scope) -> Iterator[Any]:
        """The items of a list, conditional ones and loops resolved, each in its turn."""
        for raw, inner in self._raw_items(node, scope):
            yield self._expand(raw, inner)

    def _raw_items(self, node: list[Any], scope: Scope) -> Iterator[tuple[Any, Scope]]:
        pairs = []
        for item in node:
            single = isinstance(item, Mapping) and len(item) == 1
            key = next(iter(item)) if single else None
            directive = key is not None and directive_of(key) is not None
            pairs.append((key, item[key]) if directive else (None, item))
        for key, value, inner in self.evaluator.chosen(pairs, scope, listed=True):
            if key is None:  # the body of a directive
                found = self.evaluator.text(value, inner) if isinstance(value, str) else value
                if not isinstance(found, list):
                    raise PipelineError(f"{where(value)}: a list belongs here")
                yield from self._raw_items(found, inner)
                continue
            if isinstance(value, str) and TEMPLATE.fullmatch(value.strip()):
                value = self.evaluator.text(value, inner)
                if isinstance(value, list):
                    yield from ((one, inner) for one in value)
                    continue
            yield value, inner

    def _variables(self, node: Any, scope: Scope) -> Iterator[Table]:
        """Variables as a list of `name`/`value` and `group`; known to what comes after them."""
        if isinstance(node, Mapping):
            node = [
                Table.at(where(key), {"name": key, "value": self._expand(value, inner)})
                for key, value, inner in self._entries(node, scope)
            ]
        for item in self._items(node, scope):
            if "template" in item:
                file, document, inner = self._include(item, scope)
                if "variables" not in document:
                    raise PipelineError(f"{file}: no variables, and {where(item)} wants some")
                yield from self._variables(document["variables"], inner)
                continue
            if "name" in item:
                scope.variables[item["name"]] = to_string(item.get("value", ""))
            yield item

    def _listed(self, node: Any, scope: Scope, kind: str) -> Iterator[Any]:
        """Stages, jobs or steps, with those of templates in their place."""
        if isinstance(node, str):
            node = self.evaluator.text(node, scope)
        if not isinstance(node, list):
            raise PipelineError(f"{where(node)}: a list of {LISTED[kind]} belongs here")
        for raw, inner in self._raw_items(node, scope):
            if not isinstance(raw, Mapping):
                raise PipelineError(f"{where(raw)}: {raw!r} is no {kind}")
            if "template" not in raw:
                yield self._table(raw, inner, kind)
                continue
            file, document, own = self._include(self._table(raw, inner), inner)
            if LISTED[kind] not in document:
                raise PipelineError(f"{file}: no {LISTED[kind]}, and {where(raw)} wants some")
            yield from self._listed(document[LISTED[kind]], own, kind)

    def _include(self, item: Mapping[str, Any], scope: Scope) -> tuple[str, Table, Scope]:
        """A template's file and document, and the scope that it has."""
        place = where(item["template"])
        if unknown := set(item) - {"template", "parameters"}:
            raise NotPlayed(f"{place}: key {min(unknown)!r} beside template")
        name = item["template"]
        if "@" in name:
            raise NotPlayed(f"{place}: a template of another repository")
        folder = "" if name.startswith("/") else posixpath.dirname(place.file)
        file = posixpath.normpath(posixpath.join(folder, name.lstrip("/")))
        try:
            document = self._load(file)
            if unknown := set(document) - {"parameters", "variables", *LISTED.values()}:
                raise NotPlayed(f"{file}: key {min(unknown)!r} of a template")
            bound = bind(document.get("parameters"), item.get("parameters", {}), file)
        except PipelineError as error:
            raise type(error)(f"{place}: {error}") from None
        if scope.depth == DEEPEST:
            raise PipelineError(f"{place}: templates are nested more than {DEEPEST} deep")
        return file, document, Scope(bound, scope.variables, depth=scope.depth + 1)
