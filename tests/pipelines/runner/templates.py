"""Expands a pipeline: `${{ }}`, conditional insertion, loops, variables and templates."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .coverage import TEMPLATE, Coverage
from .documents import Place, Table, Text, load, where
from .errors import ExpressionError, NotPlayed, PipelineError
from .expressions import Known, evaluate
from .parameters import bind
from .values import to_boolean, to_string

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


@dataclass(frozen=True)
class Scope:
    """What expressions see at a place."""

    parameters: Known
    variables: Known
    loops: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0

    def contexts(self) -> dict[str, Any]:
        """The contexts of a template expression."""
        return {"parameters": self.parameters, "variables": self.variables, **self.loops}

    def apart(self) -> Scope:
        """A scope whose variables are its own."""
        return replace(self, variables=Known("variables", self.variables))


class Expander:
    """Expands the files of one repository."""

    def __init__(self, root: Path, coverage: Coverage | None = None) -> None:
        self.root = root
        self.coverage = coverage or Coverage()

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
        for place, _ in self._expressions(fixed):
            raise PipelineError(f"{place}: no expression may stand here")
        rest = Table.at(document.where, {k: v for k, v in document.items() if k not in fixed})
        if "extends" in rest:
            raise NotPlayed(f"{document.where}: extends")
        return Table.at(document.where, fixed | self._table(rest, scope, "pipeline"))

    def _load(self, file: str) -> Table:
        document = load(self.root, file)
        self.coverage.file(document)
        return document

    def _expressions(self, node: Any) -> Iterator[tuple[Place, str]]:
        if isinstance(node, Mapping):
            for key, value in node.items():
                yield from self._expressions(key)
                yield from self._expressions(value)
        elif isinstance(node, list):
            for item in node:
                yield from self._expressions(item)
        elif isinstance(node, str):
            yield from ((where(node), match[1]) for match in TEMPLATE.finditer(node))

    def _evaluate(self, place: Place, text: str, scope: Scope) -> Any:
        self.coverage.meet("template expressions", place, text)
        try:
            return evaluate(text, scope.contexts())
        except ExpressionError as error:
            raise type(error)(f"{place}: {error}") from None

    def _expand(self, node: Any, scope: Scope, kind: str = "plain") -> Any:
        if isinstance(node, Mapping):
            return self._table(node, scope, kind)
        if isinstance(node, list):
            return list(self._items(node, scope))
        return self._text(node, scope) if isinstance(node, str) else node

    def _text(self, text: str, scope: Scope) -> Any:
        """A scalar; one that is an expression and nothing else keeps the value's type."""
        place = where(text)
        if whole := TEMPLATE.fullmatch(text.strip()):
            value = self._evaluate(place, self._inner(whole[1], place), scope)
            return Text.at(place, value) if isinstance(value, str) else value
        if "${{" in TEMPLATE.sub("", text):
            raise PipelineError(f"{place}: an expression without its end: {text}")
        filled = TEMPLATE.sub(lambda m: to_string(self._evaluate(place, m[1], scope)), text)
        return Text.at(place, filled)

    def _inner(self, text: str, place: Place) -> str:
        word = text.split(maxsplit=1)[0] if text.strip() else ""
        if word in ("if", "elseif", "else", "each", "insert"):
            raise PipelineError(f"{place}: {word} stands only where a key stands")
        return text

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
        for key, value, inner in self._chosen(list(node.items()), scope):
            if key is not None:
                name = self._text(key, inner)
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
            directive = key is not None and _directive(key) is not None
            pairs.append((key, item[key]) if directive else (None, item))
        for key, value, inner in self._chosen(pairs, scope, listed=True):
            if key is None:  # the body of a directive
                found = self._text(value, inner) if isinstance(value, str) else value
                if not isinstance(found, list):
                    raise PipelineError(f"{where(value)}: a list belongs here")
                yield from self._raw_items(found, inner)
                continue
            if isinstance(value, str) and TEMPLATE.fullmatch(value.strip()):
                value = self._text(value, inner)
                if isinstance(value, list):
                    yield from ((one, inner) for one in value)
                    continue
            yield value, inner

    def _chosen(
        self, pairs: list[tuple[Any, Any]], scope: Scope, *, listed: bool = False
    ) -> Iterator[tuple[Any, Any, Scope]]:
        """Pairs of key and value that stay; the body of a directive comes with the key None."""
        taken: bool | None = None  # of the chain of if, elseif and else that is open
        for key, value in pairs:
            directive = _directive(key) if key is not None else None
            if directive is None:
                taken = None
                yield ("" if listed else key), value, scope
                continue
            word, rest = directive
            place = where(key)
            if word in ("elseif", "else") and taken is None:
                raise PipelineError(f"{place}: {word} without if")
            reached = word not in ("elseif", "else") or not taken
            if reached:
                self.coverage.meet("template expressions", place, f"{word} {rest}")
            if word == "each":
                taken = None
                yield from ((None, value, inner) for inner in self._each(place, rest, scope))
            elif word == "insert":
                taken = None
                yield None, value, scope
            else:
                taken = False if word == "if" else taken
                if reached and (word == "else" or to_boolean(self._evaluate(place, rest, scope))):
                    taken = True
                    yield None, value, scope
                taken = None if word == "else" else taken

    def _each(self, place: Place, rest: str, scope: Scope) -> Iterator[Scope]:
        name, _, text = rest.partition(" in ")
        found = self._evaluate(place, text, scope)
        if isinstance(found, Mapping):
            found = [{"key": key, "value": value} for key, value in found.items()]
        if not isinstance(found, list):
            raise PipelineError(f"{place}: each needs a list or a mapping")
        for item in found:
            yield replace(scope, loops={**scope.loops, name.strip(): item})

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
            node = self._text(node, scope)
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


def _directive(key: str) -> tuple[str, str] | None:
    """The word and the rest of `${{ if … }}`, `elseif`, `else`, `each` and `insert`."""
    whole = TEMPLATE.fullmatch(key.strip())
    word, _, rest = whole[1].strip().partition(" ") if whole else ("", "", "")
    return (word, rest) if word in ("if", "elseif", "else", "each", "insert") else None
