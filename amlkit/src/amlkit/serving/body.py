"""What the body of a request holds: the rows, under one of the names that clients give them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import orjson

from amlkit.serving.values import Refused, shown

# Ours; that of Azure ML's clients for MLflow models; those of MLflow's own.
NAMES = ("data", "input_data", "dataframe_records", "dataframe_split")
WANTED = 'send {"data": [{"column": value, …}, …]}'
_BOM = b"\xef\xbb\xbf"


def rows_of(body: bytes) -> Any:
    """The rows, as `RowReader.read` takes them.

    Raises:
        Refused: the body is no JSON, or an object that holds none.
    """
    content = _parsed(body.removeprefix(_BOM))
    if type(content) is not dict:
        raise Refused(f"the body is {shown(content)[:20]}, not an object; {WANTED}")
    if "columns" in content:  # what pandas' to_json(orient="split") writes
        return content
    found = [name for name in NAMES if name in content]
    others = [name for name in content if name not in NAMES]
    if len(found) == 1 and not others:
        return content[found[0]]
    if len(found) > 1:
        raise Refused(f"the body holds {shown(found[0])} and {shown(found[1])}; send one of them")
    if not others:
        raise Refused(f'the body has no "data"; {WANTED}')
    near = () if found else get_close_matches(others[0], NAMES, n=1)
    hint = f"is it meant to be {near[0]}? " if near else ""
    raise Refused(f"the body holds {shown(others[0])}, which is not known; {hint}{WANTED}")


def _parsed(body: bytes) -> Any:
    if not body.strip():
        raise Refused(f"the body is empty; {WANTED}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            body.decode()
        except UnicodeDecodeError as wrong:
            where = f"byte {wrong.start}"
            raise Refused(f"the body is not UTF-8 ({where}); send JSON in UTF-8") from wrong
        wanted = WANTED
        if b"NaN" in body or b"Infinity" in body:
            wanted = "JSON knows no NaN and no Infinity: send null for a missing value"
        raise Refused(f"the body is not JSON ({error}); {wanted}") from error
