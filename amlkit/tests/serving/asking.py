"""How the tests ask for an answer."""

from __future__ import annotations

import io
import json
from typing import Any

from amlkit.serving.answer import Answerer

CULMEN = "Culmen Length (mm)"


def post(answerer: Answerer, body: Any, **headers: str) -> tuple[int, Any]:
    """Status and body of the answer to one POST; what is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = answerer.answer("POST", headers, io.BytesIO(raw))
    assert given.headers["Content-Type"] == "application/json"
    return given.status, json.loads(given.body)
