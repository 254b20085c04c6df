"""Long operations on endpoints and deployments, as a client polls them until they have ended.

Source: the recordings of azure-sdk-for-python, `online_services` and `batch_services`.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..routing import ARM, Answer, AzureError, Json, Request, route
from ..world.operations import WAIT
from .system import iso

if TYPE_CHECKING:
    from ..standin import Azure

_PLACE = (
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
)
Work = Callable[[], Json | None]


@dataclass
class Operation:
    """One operation; `error` is that of an `ErrorDetail`, in the end."""

    name: str
    started: float
    ended: float = 0.0
    error: Json | None = None

    def status(self, path: str) -> Json:
        """How far it is."""
        body: Json = {"id": path, "name": self.name, "startTime": iso(self.started)}
        if not self.ended:
            return body | {"percentComplete": 0.0, "status": "Updating"}
        body |= {"endTime": iso(self.ended), "percentComplete": 100.0}
        if self.error is None:
            return body | {"status": "Succeeded"}
        return body | {"status": "Failed", "error": self.error}


class EndpointOperations:
    """The operations of the workspace's endpoints; each has a thread of its own."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._operations: dict[str, Operation] = {}
        self._threads: list[threading.Thread] = []

    def begin(self, kind: str, work: Work) -> Operation:
        """Begin an operation: `work` returns the error that it ends with, None when it succeeds.

        `kind` is the service's short word: oe, od for online, bebes, bedeps for batch.
        """
        name = f"{kind}:{self.azure.account.workspace_id}:{uuid.uuid4()}"
        made = self._operations[name] = Operation(name, time.time())

        def run() -> None:
            time.sleep(self.azure.lag)
            try:
                made.error = work()
            except Exception as error:
                made.error = {"code": "InternalServerError", "message": f"stand-in: {error!r}"}
            made.ended = time.time()

        thread = threading.Thread(target=run, name=f"operation {name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return made

    def address(
        self, request: Request, operation: Operation, what: str = "mfeOperationsStatus"
    ) -> str:
        """Where an operation, or with "mfeOperationResults" what it ends with, is asked for."""
        account = self.azure.account
        place = _PLACE.format(subscription=account.subscription_id, location=account.location)
        version = request.query.get("api-version") or ""
        path = f"{place}/{what}/{operation.name}?api-version={version}"
        return f"https://management.azure.com{path}"

    def headers(self, request: Request, operation: Operation) -> dict[str, str]:
        """The headers of a PUT: where to poll, and where the resource is."""
        return {
            "Azure-AsyncOperation": self.address(request, operation),
            "Location": f"https://{request.host}{request.target}",
            "x-ms-async-operation-timeout": "PT30M",
            **WAIT,
        }

    def accepted(self, request: Request, operation: Operation) -> Answer:
        """The answer of what leaves no resource: 202, and where to ask."""
        headers = self.headers(request, operation)
        headers |= {
            "Location": self.address(request, operation, "mfeOperationResults"),
            "Content-Type": "application/json; charset=utf-8",
        }
        return Answer(202, b"null", headers)

    def _find(self, name: str) -> Operation:
        found = self._operations.get(name)
        if found is None:
            raise AzureError(404, "NotFound", f"Operation {name} was not found.")
        return found

    @route("GET", ARM, _PLACE + "/mfeOperationsStatus/{operation}")
    def status(self, request: Request, subscription: str, location: str, operation: str) -> Answer:
        """How far an operation is. 404."""
        return Answer(200, self._find(operation).status(request.path), dict(WAIT))

    def result(self, request: Request, operation: str) -> Answer:
        """202 while an operation lasts, then 200. AzureError 404."""
        found = self._find(operation)
        return Answer(200) if found.ended else self.accepted(request, found)

    def close(self) -> None:
        """Wait for what is under way."""
        for thread in self._threads:
            thread.join(10)
