"""What models and services share: the shape of refusals, JSON patches, queries, pages."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .routing import Answer, AzureError, Json, Request

BASE = "/modelmanagement/v1.0{workspace}"
F = TypeVar("F", bound=Callable[..., Any])


def managed(function: F) -> F:
    """Answers an AzureError in the keys of `ModelErrorResponse` of azureml-core's `_restclient`."""

    @functools.wraps(function)
    def handler(self: Any, request: Request, **values: str) -> Any:
        try:
            return function(self, request, **values)
        except AzureError as error:
            body = {
                "code": error.code,
                "statusCode": error.status,
                "message": error.message,
                "details": [{"code": error.code, "message": error.message}],
                "correlation": {},
            }
            return Answer(error.status, body, error.headers)

    return handler  # type: ignore[return-value]


def patch(item: Json, operations: list[Json], allowed: Iterable[str]) -> None:
    """Applies a JSON patch (RFC 6902) to keys that may change. AzureError 400 for others."""
    for operation in operations:
        key, _, inner = str(operation.get("path")).lstrip("/").partition("/")
        if key not in allowed:
            raise AzureError(400, "BadRequest", f"{operation.get('path')} cannot be changed.")
        if inner:
            held = item.setdefault(key, {})
            if operation["op"] == "remove":
                held.pop(inner, None)
            else:
                held[inner] = operation.get("value")
        elif operation["op"] == "remove":
            item[key] = None
        elif operation["op"] == "add" and isinstance(operation.get("value"), dict):
            item[key] = {**(item.get(key) or {}), **operation["value"]}
        else:
            item[key] = operation.get("value")


def has_pairs(held: dict[str, str], query: str | None) -> bool:
    """Whether `held` fits a query such as "key1,key2=value2"."""
    for pair in filter(None, (query or "").split(",")):
        key, equals, value = pair.partition("=")
        if key not in held or (equals and str(held[key]) != value):
            return False
    return True


def one_page(items: list[Json], request: Request, address: str) -> Json:
    """A page of `count` items from `$skipToken` on; `nextLink` only where there are more."""
    asked = {key.lower(): value for key, value in request.query.items()}
    first = int(asked.get("$skiptoken") or asked.get("offset") or 0)
    size = int(asked.get("count") or 0) or len(items) or 1
    answer: Json = {"value": items[first : first + size]}
    if first + size < len(items):
        answer["continuationToken"] = str(first + size)
        answer["nextLink"] = f"{address}?$skipToken={first + size}&count={size}"
    return answer
