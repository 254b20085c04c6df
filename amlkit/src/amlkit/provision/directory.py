"""What is asked of the directory (Microsoft Graph): all of it at once, in a batch."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from amlkit.provision.az import failure_of
from amlkit.provision.facts import GRAPH
from amlkit.provision.names import Names
from amlkit.provision.placeholders import fact
from amlkit.provision.records import Command, az

# How long the directory may need until all of Azure knows a new principal (s).
REPLICATION = 180


CLIENT = f"servicePrincipals(appId='{fact('client_id')}')"


def key_of(name: str) -> str:
    """An application by its unique name."""
    return f"applications(uniqueName='{name}')"


def directory(names: Names, *, client: bool) -> Command:
    """All that is asked of the directory, in one request (JSON batching of Microsoft Graph)."""
    named = f"?$filter={quote(f'displayName eq {_quoted(names.service_principal)}')}"
    asked = {key: key_of(key) for key in names.application_keys}
    asked |= {"applications": f"applications{named}", "caller": fact("caller")}
    asked |= {"servicePrincipals": f"servicePrincipals{named}"}
    asked |= {"principal": CLIENT} if client else {}
    requests = [{"id": k, "method": "GET", "url": f"/{url}"} for k, url in asked.items()]
    return az(
        *("rest", "--method", "post", "--url", f"{GRAPH}/$batch", "--body", "@-"),
        body={"requests": requests},
    )


def answered(answer: Any, key: str) -> Any:
    """What the directory answered to one request of a batch; None where there is no such thing.

    Raises:
        AzFailure: it refused.
    """
    [said] = [each for each in answer["responses"] if each["id"] == key]
    if said["status"] < 400:
        return said["body"]
    if said["status"] == 404:
        return None
    error = said["body"]["error"]
    raise failure_of(said["status"], error.get("code", ""), error.get("message", ""))


def _quoted(text: str) -> str:
    """A text in a filter of Microsoft Graph."""
    return "'" + text.replace("'", "''") + "'"
