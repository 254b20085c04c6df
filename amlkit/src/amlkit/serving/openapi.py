"""The endpoint in OpenAPI's words, for clients that are made from them: 3.0, 3.1 and Swagger 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlkit.tabular.table.number_formats import NumberFormat

_TYPES = {"number": "number", "boolean": "boolean", "category": "string", "date": "string"}
_ERRORS = {
    "400": "The request is not what the model takes; the message says where and why.",
    "405": "Only POST is answered.",
    "413": "The request is larger than 20 MB; send the rows in parts.",
    "415": "The body is compressed; send it plain.",
    "422": "The rows are well-formed, but the model has no answer for them.",
}
_JSON = "application/json"
_TAKEN = (
    "What is described is always taken. So are: a value as a text, written as the table writes it; "
    "the target and an index, which are not read; the names input_data, dataframe_records and "
    "dataframe_split for data; and a frame as pandas splits it, "
    '{"columns": [name, ...], "data": [[value, ...], ...]}.'
)


def describe(
    schema: Mapping[str, Any],
    name: str | None,
    version: str | None,
    examples: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return {"2": Swagger 2.0, "3": OpenAPI 3.0.3, "3.1": OpenAPI 3.1.0} from schema.json.

    `examples` is what examples.json holds: its first row and the model's answer are the example.
    """
    asked, answered = _example(schema, name, version, examples)
    return {
        dialect: _document(dialect, schema, (name, version), asked, answered)
        for dialect in ("2", "3", "3.1")
    }


def _document(
    dialect: str,
    schema: Mapping[str, Any],
    model: tuple[str | None, str | None],
    asked: dict[str, Any],
    answered: dict[str, Any] | None,
) -> dict[str, Any]:
    """The whole description in one dialect."""
    place = "#/definitions/" if dialect == "2" else "#/components/schemas/"
    schemas = {
        "ServiceInput": {**_input(place), "example": asked},
        "Row": _row(schema, dialect),
        "ServiceOutput": _output(schema, dialect),
        "ErrorResponse": {
            "type": "object",
            "properties": {"message": {"type": "string"}},
            "required": ["message"],
            "additionalProperties": False,
        },
    }
    if answered:
        schemas["ServiceOutput"]["example"] = answered
    info = {
        "title": model[0] or "model",
        "version": model[1] or "0",
        "description": f"Predicts {schema['target']}: a {schema['task']}.",
    }
    key = {"type": "apiKey", "name": "Authorization", "in": "header"}
    bearer = {"Bearer": {**key, "description": "For example: Bearer abc123"}}
    paths = _paths(dialect, place)
    if dialect == "2":
        return {
            "swagger": "2.0",
            "info": info,
            "schemes": ["https", "http"],
            "consumes": [_JSON],
            "produces": [_JSON],
            "securityDefinitions": bearer,
            "security": [{"Bearer": []}],
            "paths": paths,
            "definitions": schemas,
        }
    return {
        "openapi": "3.0.3" if dialect == "3" else "3.1.0",
        "info": info,
        "security": [{"Bearer": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": bearer},
    }


def _paths(dialect: str, place: str) -> dict[str, Any]:
    """The paths of the server: /, /score and /swagger.json."""

    def said(words: str, schema: dict[str, Any], kind: str = _JSON) -> dict[str, Any]:
        if dialect == "2":
            return {"description": words, "schema": schema}
        return {"description": words, "content": {kind: {"schema": schema}}}

    def ref(name: str) -> dict[str, Any]:
        return {"$ref": place + name}

    text = {"type": "string"}
    score: dict[str, Any] = {
        "operationId": "score",
        "summary": "The model's answers for some rows",
        "responses": {
            "200": said("An answer for each row, in order.", ref("ServiceOutput")),
            **{code: said(words, ref("ErrorResponse")) for code, words in _ERRORS.items()},
        },
    }
    version: dict[str, Any] = {"name": "version", "in": "query", "required": False}
    kind = {"type": "string", "enum": ["2", "3", "3.1"]}
    if dialect == "2":
        body = {"name": "body", "in": "body", "required": True, "schema": ref("ServiceInput")}
        score["parameters"], version = [body], {**version, **kind}
    else:
        content = {_JSON: {"schema": ref("ServiceInput")}}
        score["requestBody"] = {"required": True, "content": content}
        version["schema"] = kind
    alive: dict[str, Any] = {
        "operationId": "health",
        "summary": "Whether the server is up",
        "responses": {"200": said("It is.", text, "text/plain")},
    }
    described: dict[str, Any] = {
        "operationId": "description",
        "summary": "This description",
        "parameters": [version],
        "responses": {
            "200": said("OpenAPI or Swagger.", {"type": "object"}),
            "404": said("There is no such version.", ref("ErrorResponse")),
        },
    }
    if dialect == "2":
        alive["produces"] = ["text/plain"]
    return {"/": {"get": alive}, "/score": {"post": score}, "/swagger.json": {"get": described}}


def _input(place: str) -> dict[str, Any]:
    """A request: its rows, at least one."""
    rows = {"type": "array", "minItems": 1, "items": {"$ref": place + "Row"}}
    return {
        "type": "object",
        "description": _TAKEN,
        "properties": {"data": rows},
        "required": ["data"],
        "additionalProperties": False,
    }


def _row(schema: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    """A row: the features must be there, other columns of the table may."""
    columns = {}
    for column in schema["columns"]:
        words, own = "null if it is missing", column.get("format")
        if column["type"] == "date":
            words = f"ISO 8601{f', or {own}' if own not in (None, 'ISO8601') else ''}; {words}"
        elif own:
            form = NumberFormat.of(own)
            share = f" (the fraction, not {form.after})" if form.scale else ""
            words = f"a number{share}, or a text like {form.example}; {words}"
        if column["name"] not in schema["features"]:
            words = f"not used by the model; {words}"
        columns[column["name"]] = {**_maybe(_TYPES[column["type"]], dialect), "description": words}
    return {
        "type": "object",
        "properties": columns,
        "required": list(schema["features"]),
        "additionalProperties": False,
    }


def _maybe(type_: str, dialect: str) -> dict[str, Any]:
    """A type, or null, as each dialect says it."""
    if dialect == "3.1":
        return {"type": [type_, "null"]}
    return {"type": type_, "nullable" if dialect == "3" else "x-nullable": True}


def _output(schema: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    """The answer: predictions, and where the model gives any, probabilities by class."""
    text, model = _maybe("string", dialect), {"type": "object"}
    classes: list[Any] | None = schema["classes"]
    label: dict[str, Any] = {"type": "number"}
    if classes:
        label = {"type": "integer" if isinstance(classes[0], int) else "string", "enum": classes}
    properties: dict[str, Any] = {"predictions": {"type": "array", "items": label}}
    if classes:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        row = {"type": "array", "items": share}
        properties["probabilities"] = {
            "type": "array",
            "items": {**row, "minItems": len(classes), "maxItems": len(classes)},
            "description": "for each row, as `classes` are ordered; absent if the model has none",
        }
        properties["classes"] = {"type": "array", "items": label}
    properties["model"] = {**model, "properties": {"name": text, "version": text}}
    return {"type": "object", "properties": properties, "required": ["predictions", "model"]}


def _example(
    schema: Mapping[str, Any],
    name: str | None,
    version: str | None,
    examples: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A request and its answer; without examples.json only the request is known."""
    if not examples or not examples.get("data"):
        return {"data": [schema["example"]]}, None
    answer: dict[str, Any] = {"predictions": examples["predictions"][:1]}
    if examples.get("probabilities"):
        answer["probabilities"] = examples["probabilities"][:1]
        answer["classes"] = schema["classes"]
    return {"data": examples["data"][:1]}, {**answer, "model": {"name": name, "version": version}}
