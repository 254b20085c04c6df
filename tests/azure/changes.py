"""What was asked of Azure that makes or changes something."""

from __future__ import annotations

import re

from standin import StandIn

_METHODS = ("PUT", "POST", "PATCH", "DELETE")
# Questions that are sent by POST.
_ASKED = (
    r"/oauth2/v2\.0/token$|:query$|/query|/list$|/listkeys$|/validate$|/full$|/batch/read$"
    r"|/listSecrets$|/score$|/getLogs$|/token$"
)


def changes(standin: StandIn, mark: int) -> list[str]:
    """Requests since a mark that change something."""
    return [
        f"{entry.method} {entry.host}{entry.path}"
        for entry in standin.journal.since(mark)
        if entry.method in _METHODS and not re.search(_ASKED, entry.path, re.IGNORECASE)
    ]
