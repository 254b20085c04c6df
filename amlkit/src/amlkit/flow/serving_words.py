"""What is said of endpoints: to people, and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from amlkit.records import Deployment, Endpoint, Model


def endpoint_record(name: str, endpoint: Endpoint | None) -> dict[str, Any]:
    """What is reported of an endpoint."""
    serving = endpoint.serving if endpoint else None
    previous = endpoint.previous if endpoint else None
    return {
        "endpoint": {
            "name": name,
            "uri": endpoint.uri if endpoint else None,
            "status": endpoint.status if endpoint else "NotDeployed",
            "reason": endpoint.reason if endpoint else "",
        },
        "status": endpoint.status if endpoint else "NotDeployed",
        "model": {
            "name": serving.model if serving else None,
            "version": serving.model_version if serving else None,
        },
        "deployment": serving.name if serving else None,
        "previous": previous and {"name": previous.model, "version": previous.model_version},
        "switched": False,
        "rolled_back": False,
    }


def model_record(model: Model) -> dict[str, str]:
    """A model's name and version."""
    return {"name": model.name, "version": model.version}


def deployment_words(deployment: Deployment) -> str:
    """A deployment in words."""
    return f"{deployment.model}:{deployment.model_version} ({deployment.name})"


def request_line(uri: str, examples: Mapping[str, Any], *, keyed: bool = False) -> str:
    """The command line that asks for the first example; with a key, it is taken from $KEY."""
    body = json.dumps({"data": examples["data"][:1]}, ensure_ascii=True)
    if sys.platform == "win32":
        body = body.replace("'", "''")
        key = ' -Headers @{Authorization="Bearer $KEY"}' if keyed else ""
        how = f"-Method Post -ContentType application/json{key}"
        return f"Invoke-RestMethod {uri} {how} -Body '{body}'"
    body = body.replace("'", "'\\''")
    key = ' -H "Authorization: Bearer $KEY"' if keyed else ""
    return f"curl {uri} -H 'Content-Type: application/json'{key} -d '{body}'"
