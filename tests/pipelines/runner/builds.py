"""Azure DevOps' list of builds, for pipelines that ask which run was the last to succeed.

https://learn.microsoft.com/rest/api/azure/devops/build/builds/list: the parameters that are known
here are checked, others are refused with 501.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from .results import Run

if TYPE_CHECKING:
    from .service import Service

PROJECT = "Templates"

RESULTS = {
    "Succeeded": "succeeded",
    "SucceededWithIssues": "partiallySucceeded",
    "Failed": "failed",
    "Canceled": "canceled",
    "Skipped": "succeeded",
}
KNOWN = {"definitions", "branchName", "statusFilter", "resultFilter", "queryOrder", "$top"}


class Builds:
    """Serves a service's past runs on loopback: `with Builds(service) as address`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.asked: list[Mapping[str, str]] = []
        self.status = 200  # another one to answer with, for bad days
        builds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers.get("Authorization", "")
                status, answer = builds.answer(self.path, token)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/example/"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        """The status and the body for a request."""
        split = urlsplit(path)
        asked = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self.asked.append(asked)
        if self.status != 200:
            return self.status, {"message": "a bad day"}
        if authorization != f"Bearer {self.service.access_token}":
            return 401, {"message": "not signed in"}
        if split.path != f"/example/{PROJECT}/_apis/build/builds":
            return 404, {"message": f"nothing at {split.path}"}
        if not asked.pop("api-version", "").startswith("7.") or set(asked) - KNOWN:
            return 501, {"message": f"not played: {sorted(asked)}"}
        found = [self._build(run) for run in reversed(self.service.runs) if _fits(run, asked, self)]
        return 200, {"count": len(found), "value": found[: int(asked.get("$top", 1000))]}

    def _build(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "buildNumber": run.number,
            "status": "completed",
            "result": RESULTS[run.result],
            "sourceBranch": run.branch,
            "sourceVersion": run.commit,
            "reason": run.reason[0].lower() + run.reason[1:],
            "definition": {"id": self.service.definition(run.pipeline), "name": run.pipeline},
        }


def _fits(run: Run, asked: Mapping[str, str], builds: Builds) -> bool:
    definitions = asked.get("definitions", "").split(",")
    return (
        str(builds.service.definition(run.pipeline)) in definitions
        and asked.get("branchName", run.branch) == run.branch
        and asked.get("statusFilter", "completed") in ("completed", "all")
        and asked.get("resultFilter", RESULTS[run.result]) == RESULTS[run.result]
    )
