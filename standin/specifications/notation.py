"""Reads the notation of `specifications/*.json` into JSON schemas that admit no unknown key.

A field's type is written `string`, `integer`, `number`, `boolean`, `object`, `any`, `date-time`,
`uuid`, `duration`, the name of a type, `[T]` a list, `{T}` a map, `=A,B` one of these words; `!` at
its end: must be there and not be null. Without it a field may be absent or null, as the services
write it in the recordings; a number may be null only where it is written `integer?`, `number?`.

A type's `+` names its base, `?` the field whose word says which of its subtypes a value is; `words`
are enumerations by name, `previews` fields that previews of the API add. `read` and `always` name
the fields that must be there (with `!`: and not be null): because clients read them, because every
recording has them. `learned/always.json` names more of the latter (see `learned.py`).
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]

Json = dict[str, Any]
FOLDER = Path(__file__).parent
LEARNED = FOLDER / "learned" / "always.json"
FORMATS = jsonschema.FormatChecker(formats=())
_PLAIN = ("string", "integer", "number", "boolean", "object")


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(uuid.UUID(value))


def _is_duration(value: object) -> bool:
    pattern = r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?([\d.]+S)?)?"
    return not isinstance(value, str) or bool(re.fullmatch(pattern, value))


FORMATS.checks("date-time", raises=ValueError)(_is_moment)
FORMATS.checks("uuid", raises=ValueError)(_is_uuid)
FORMATS.checks("duration")(_is_duration)


def _schema(kind: str) -> Json:
    """The schema of a type without its mark `!`."""
    if kind == "any":
        return {}
    if kind in _PLAIN:
        return {"type": kind}
    if kind in ("date-time", "uuid", "duration"):
        return {"type": "string", "format": kind}
    if kind[0] == "=":
        return {"enum": kind[1:].split(",")}
    if kind[-1] == "?":  # an answer that may be empty
        return {"if": {"not": {"type": "null"}}, "then": _schema(kind[:-1])}
    if kind[0] == "[":
        return {"type": "array", "items": _schema(kind[1:-1])}
    if kind[0] == "{":
        return {"type": "object", "additionalProperties": _schema(kind[1:-1])}
    return {"$ref": f"#/$defs/{kind}"}


def _field(kind: str, always: list[str]) -> Json:
    """The schema of a field: null is let through where it is not marked; an object has `always`."""
    schema = _schema(kind.removesuffix("!"))
    if always:
        schema = {"allOf": [schema, {"required": always}]}
    return (
        schema
        if kind.endswith("!") or kind in ("integer", "number")
        else {"if": {"not": {"type": "null"}}, "then": schema}
    )


def _object(fields: dict[str, str], read: list[str], inside: dict[str, list[str]]) -> Json:
    """The schema of an object: no other keys, and those there that are marked or read."""
    filled = {name[:-1] for name in read if name.endswith("!")}
    kinds = {
        name: kind if kind.endswith("!") or name not in filled else kind + "!"
        for name, kind in fields.items()
    }
    needed = {name for name, kind in kinds.items() if kind.endswith("!")}
    needed |= {name.rstrip("!") for name in read}
    unknown = needed - set(kinds)
    if unknown:
        raise ValueError(f"Read but not declared: {sorted(unknown)} of {sorted(fields)}")
    return {
        "type": "object",
        "properties": {name: _field(kind, inside.get(name, [])) for name, kind in kinds.items()},
        "required": sorted(needed),
        "additionalProperties": False,
    }


@cache
def load(name: str) -> Json:
    """A file of `specifications/` as it stands."""
    data: Json = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return data


def names() -> list[str]:
    """The files that state answers, by their stems."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def _fields(name: str) -> dict[str, dict[str, str]]:
    """All types of a file and of those that it uses: of the specification, later, the client's."""
    data = load(name)
    fields: dict[str, dict[str, str]] = {}
    for used in data.get("uses", []):
        fields |= {kind: dict(known) for kind, known in _fields(used).items()}
    for section in ("types", "later", "client"):
        for kind, more in data.get(section, {}).items():
            fields.setdefault(kind, {}).update(more)
    for used in data.get("uses", []):  # what previews of its types have beside
        for kind, more in load(used).get("previews", {}).items():
            fields[kind].update(more)
    return fields


def _read(name: str) -> dict[str, list[str]]:
    """What clients read of each type, in a file and those that it uses."""
    data = load(name)
    read: dict[str, list[str]] = {}
    for used in data.get("uses", []):
        for kind, names in _read(used).items():
            read[kind] = read.get(kind, []) + names
    for section in ("read", "always"):
        for kind, names in data.get(section, {}).items():
            read[kind] = read.get(kind, []) + names
    return read


@cache
def _learned() -> dict[str, dict[str, dict[str, list[str]]]]:
    """What recordings always have (see `learned`), by file, type and field."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    if LEARNED.exists():
        found.update(json.loads(LEARNED.read_text(encoding="utf-8")))
    return found


def _whole(name: str, kind: str) -> tuple[dict[str, str], list[str]]:
    """All fields of a type, and the names of its bases and itself."""
    own = dict(_fields(name)[kind])
    own.pop("?", None)
    base = own.pop("+", None)
    above, bases = _whole(name, base) if base else ({}, [])
    return above | own, [*bases, kind]


def concrete(name: str, kind: str, value: Json) -> tuple[str, dict[str, str]]:
    """The type that a value of a kind is by its words, with its fields; none for a plain kind."""
    known = _fields(name)
    if kind not in known:
        return kind, {}
    if field := known[kind].get("?"):
        word = str(value.get(field)).removeprefix("=")
        for one in known:
            fields, bases = _whole(name, one)
            if kind in bases[:-1] and fields.get(field, "").strip("=!") == word:
                return one, fields
    return kind, _whole(name, kind)[0]


def field_type(name: str, kind: str, field: str) -> str:
    """The type of a field."""
    return _whole(name, kind)[0][field].strip("!?")


def _words(name: str) -> dict[str, list[str]]:
    """The enumerations of a file and of those that it uses."""
    data = load(name)
    words: dict[str, list[str]] = {}
    for used in data.get("uses", []):
        words |= _words(used)
    words.update(data.get("words", {}))
    return words


def _choice(field: str, subtypes: dict[str, str]) -> Json:
    """The schema of a type that is one of its subtypes, by the word that stands in a field."""
    return {
        "type": "object",
        "properties": {field: {"enum": sorted(subtypes)}},
        "required": [field],
        "allOf": [
            {
                "if": {"properties": {field: {"const": word}}, "required": [field]},
                "then": {"$ref": f"#/$defs/{kind}"},
            }
            for word, kind in subtypes.items()
        ],
    }


@cache
def definitions(name: str) -> Json:
    """The JSON schemas of all types of a file. ValueError when the file contradicts itself."""
    schemas: Json = {one: {"enum": words} for one, words in _words(name).items()}
    subtypes: dict[tuple[str, str], dict[str, str]] = {}
    learned, read = _learned().get(name, {}), _read(name)
    for kind in _fields(name):
        fields, bases = _whole(name, kind)
        wanted = [one for base in bases for one in read.get(base, [])]
        inside = learned.get(kind, {})
        schemas[kind] = _object(fields, wanted + inside.get("", []), inside)
        for base in bases[:-1]:
            chosen = _fields(name)[base].get("?", "")
            if fields.get(chosen, "").startswith("="):
                subtypes.setdefault((base, chosen), {})[fields[chosen].strip("=!")] = kind
    for (base, field), words in subtypes.items():
        schemas[base] = _choice(field, words)
    return schemas


@cache
def validator(name: str, kind: str) -> Any:
    """A validator of a type of a file. KeyError when the file does not know the type."""
    schemas = definitions(name)
    schema = _schema(kind)
    if "$ref" in schema and kind not in schemas:
        raise KeyError(f"{name}.json has no type {kind}")
    whole = schema | {"$defs": schemas}
    return jsonschema.Draft202012Validator(whole, format_checker=FORMATS)


def violations(name: str, kind: str, value: object) -> list[str]:
    """What is wrong with a value of a type, one line each with the place; [] when nothing is."""
    found = sorted(validator(name, kind).iter_errors(value), key=lambda error: error.json_path)
    return [f"{kind}{error.json_path[1:]}: {error.message[:300]}" for error in found]
