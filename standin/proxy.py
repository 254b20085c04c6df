"""The CONNECT proxy: its port, and the certificate authority that clients are told to trust."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from functools import cache
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from .connection import Handler as Handler

if TYPE_CHECKING:
    from .standin import Azure


class Server(ThreadingHTTPServer):
    """One thread for each connection; all end with the process."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], azure: Azure) -> None:
        self.azure = azure
        self.open: set[socket.socket] = set()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note an open connection, to be closed when the server stops."""
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks in the middle concerns its client only."""


class Proxy:
    """The one port, and the certificate authority that clients are told to trust."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.ca = trustme.CA(organization_name="Azure stand-in (tests only)")
        folder = azure.folder / "tls"
        folder.mkdir(parents=True, exist_ok=True)
        self.bundle: Path = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.bundle)
        self.url = ""
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._context = cache(self._issue)

    def context(self, host: str) -> ssl.SSLContext:
        """A TLS context with a certificate for `host`, made once."""
        with self._lock:
            return self._context(host)

    def _issue(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(host).configure_cert(context)
        return context

    def start(self, port: int = 0) -> None:
        """Listen on loopback. OSError when the port is taken."""
        self._server = Server(("127.0.0.1", port), self.azure)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="standin-proxy", daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening and close every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        for connection in list(server.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
