"""Long operations: what a client polls until it has ended."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..account import timestamp
from ..routing import ARM, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from ..standin import Azure

SECONDS = 0.5  # longer than a first poll takes
WAIT = {"x-ms-retry-after-ms": "300"}  # a client waits half a minute when it is not told


@dataclass
class Operation:
    """One operation: `error` says how it failed, `result` what is answered at its end."""

    name: str
    ready: float
    start: float = field(default_factory=time.time)
    error: Json | None = None
    result: Callable[[], Json | None] = lambda: None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return time.time() >= self.ready

    def status(self, path: str) -> Json:
        """How far it is, in the shape of an asynchronous operation."""
        body: Json = {
            "id": path,
            "name": self.name,
            "startTime": timestamp(self.start),
            "status": "InProgress",
        }
        if not self.done:
            return body
        body |= {"status": "Failed" if self.error else "Succeeded"}
        body |= {"endTime": timestamp(self.ready)}
        return body | ({"error": self.error} if self.error else {})


class Operations:
    """The operations of all resource providers."""

    def __init__(self, azure: Azure) -> None:
        self.account = azure.account
        self._operations: dict[str, Operation] = {}

    def begin(
        self,
        ready: float | None = None,
        error: Json | None = None,
        result: Callable[[], Json | None] = lambda: None,
    ) -> Operation:
        """A new operation, that ends at `ready` (in a moment by default)."""
        end = time.time() + SECONDS if ready is None else ready
        made = Operation(str(uuid.uuid4()), end, error=error, result=result)
        self._operations[made.name] = made
        return made

    def get(self, name: str) -> Operation:
        """An operation that was begun. AzureError 404."""
        found = self._operations.get(name)
        if found is None:
            raise AzureError(404, "NotFound", f"Operation {name} was not found.")
        return found

    def address(self, provider: str, kind: str, operation: Operation, location: str) -> str:
        """Where the operation of a resource provider is polled."""
        path = f"/subscriptions/{self.account.subscription_id}/providers/{provider}"
        return (
            f"https://management.azure.com{path}/locations/{location}/{kind}/{operation.name}"
            "?api-version=2022-05-01"
        )

    def polled(self, kind: str, operation: Operation, location: str) -> dict[str, str]:
        """The headers that say where an operation of Azure ML is polled."""
        provider = "Microsoft.MachineLearningServices"
        return {"Azure-AsyncOperation": self.address(provider, kind, operation, location), **WAIT}

    def accepted(self, address: str) -> Answer:
        """The answer of what goes on behind: 202, and where to ask."""
        return Answer(202, None, {"Location": address, **WAIT})

    @route("GET", ARM, "/subscriptions/{subscription}/operationresults/{operation}")
    @route(
        "GET",
        ARM,
        "/subscriptions/{subscription}/providers/Microsoft.Storage/locations/{location}"
        "/asyncoperations/{operation}",
    )
    def result(
        self, request: Request, subscription: str, operation: str, location: str = ""
    ) -> Answer:
        """202 while it lasts, then its result."""
        found = self.get(operation)
        if not found.done:
            return self.accepted(f"https://{request.host}{request.target}")
        return Answer(200, found.result())

    @route(
        "GET",
        ARM,
        "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices"
        "/locations/{location}/computeOperationsStatus/{operation}",
    )
    @route(
        "GET",
        ARM,
        "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices"
        "/locations/{location}/workspaceOperationsStatus/{operation}",
    )
    def status(self, request: Request, subscription: str, location: str, operation: str) -> Answer:
        """How far an operation of Azure ML is."""
        return Answer(200, self.get(operation).status(request.path), WAIT)
