"""Microsoft Graph: several requests in one (JSON batching).

Shapes: "Combine multiple HTTP requests using JSON batching" in Microsoft Graph's documentation.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from ..refusals import refusal
from ..routing import GRAPH, Answer, AzureError, Json, Request, route
from .graph import GraphPart

_MOST = 20


class Batches(GraphPart):
    """Answers each request of a batch as if it came alone."""

    @route("POST", GRAPH, "/v1.0/$batch")
    def batch(self, request: Request) -> Json:
        """The answers, by the ids of the requests. 400 for more than 20."""
        self.enter(request)
        asked = request.json().get("requests") or []
        if len(asked) > _MOST:
            raise AzureError(
                400, "BadRequest", f"Number of batch request steps exceeds max value of {_MOST}."
            )
        return {"responses": [self._one(request, each) for each in asked]}

    def _one(self, request: Request, asked: Json) -> Json:
        path, _, query = asked["url"].partition("?")
        inner = Request(
            asked["method"],
            request.host,
            unquote(f"/v1.0{path}"),
            dict(parse_qsl(query)),
            request.headers,  # whose token it is
            principal=request.principal,
        )
        try:
            answer = self.azure.router.answer(inner, self.azure.router.find(inner))
        except AzureError as error:
            answer = refusal(inner.host, inner.path, error)
        return self._response(str(asked["id"]), answer)

    def _response(self, number: str, answer: Answer) -> Json:
        headers = {"Content-Type": "application/json", **answer.headers}
        return {"id": number, "status": answer.status, "headers": headers, "body": answer.body}
