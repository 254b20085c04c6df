"""A double of OSV, the list of known vulnerabilities that pip-audit can ask.

https://google.github.io/osv.dev/post-v1-query/: one package and version a request. It knows what a
test tells it, and nothing else: what is vulnerable today is not known here.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Advisories:
    """`with Advisories() as variables`: the variables that send pip-audit here."""

    def __init__(self) -> None:
        self.vulnerable: set[str] = set()
        self.asked: set[str] = set()
        advisories = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(advisories.answer(asked["package"]["name"])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, name: str) -> dict[str, Any]:
        """What is known of a package, in whatever version."""
        self.asked.add(name)
        if name not in self.vulnerable:
            return {}
        package = {"ecosystem": "PyPI", "name": name}
        affected = {"package": package, "ranges": [], "versions": []}
        return {"vulns": [{"id": "GHSA-0000-0000-0000", "affected": [affected]}]}

    def __enter__(self) -> dict[str, str]:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return {
            "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
            "PIP_AUDIT_OSV_URL": f"http://127.0.0.1:{self.server.server_address[1]}/v1/query",
        }

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
