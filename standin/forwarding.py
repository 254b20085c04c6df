"""The way of a storage request through the proxy to Azurite: unchanged, in pieces.

All answers are Azurite's own, but those on a bearer token's rights and on an account that allows no
shared key.
"""

from __future__ import annotations

import http.client
import ssl
import time
from typing import TYPE_CHECKING

from .journal import Entry
from .routing import AzureError, Request
from .wire import PIECE, Body

if TYPE_CHECKING:
    from .connection import Handler
    from .standin import Azure

_HOP = {"connection", "proxy-connection", "keep-alive", "expect", "proxy-authorization"}
_IDLE = 3.0  # Azurite (Node) closes a connection that was idle for 5 seconds


class Connection(http.client.HTTPSConnection):
    """A connection to Azurite that one client's connection keeps for itself."""

    used = 0.0


class Forwarding:
    """Passes requests to the storage account on."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._trust = ssl.create_default_context(cafile=str(azure.proxy.bundle))

    def check(self, request: Request) -> None:
        """AzureError when Azure would refuse what Azurite lets pass."""
        authorization = request.headers.get("Authorization") or ""
        if authorization.lower().startswith("bearer "):
            try:
                request.principal = self.azure.identity.who(request)
            except AzureError as error:
                challenge = f"Bearer authorization_uri={self.azure.account.login}/oauth2/authorize"
                raise AzureError(
                    401,
                    "InvalidAuthenticationInfo",
                    f"Server failed to authenticate the request. {error.message}",
                    {"WWW-Authenticate": f"{challenge} resource_id=https://storage.azure.com"},
                ) from None
            if not self.azure.storage_accounts.allows(request):
                raise AzureError(
                    403,
                    "AuthorizationPermissionMismatch",
                    "This request is not authorized to perform this operation using this "
                    "permission.",
                )
            return
        by_key = "sig" in request.query and "skoid" not in request.query
        blobs = self.azure.storage_accounts.blobs_of(request.host)
        if not blobs.shared_key_allowed and (authorization or by_key):
            raise AzureError(
                403,
                "KeyBasedAuthenticationNotPermitted",
                "Key based authentication is not permitted on this storage account.",
            )

    def forward(
        self, handler: Handler, request: Request, entry: Entry, body: Body, drop: bool = False
    ) -> None:
        """Pass a request on and its answer back, in pieces; with `drop` the answer is kept."""
        self.check(request)
        entry.route = "Azurite"
        upstream = self._upstream(handler, request.host)
        upstream.putrequest(
            request.method, request.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.items():
            if name.lower() not in _HOP:
                upstream.putheader(name, value)
        upstream.endheaders()
        try:
            for piece in body.pieces():
                upstream.send(f"{len(piece):x}\r\n".encode() if body.chunked else b"")
                upstream.send(piece + (b"\r\n" if body.chunked else b""))
            if body.chunked:
                upstream.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            if upstream.sock is None:  # the client is the one that stopped
                raise
        answer = upstream.getresponse()
        entry.status = answer.status
        self._correct(request, answer)
        if not drop:
            entry.response_bytes = self._return(handler, answer, request.method)
        upstream.used = time.monotonic()
        if answer.will_close or drop:
            upstream.close()
            handler.upstream = None

    def _correct(self, request: Request, answer: http.client.HTTPResponse) -> None:
        """AzureError where Azurite words the refusal of a signature otherwise than Azure does."""
        said = answer.getheader("x-ms-error-code")
        if said not in ("InvalidAuthenticationInfo", "AuthorizationFailure"):
            return
        keyed = (request.headers.get("Authorization") or "").startswith("SharedKey")
        if keyed or "sig" in request.query:
            answer.read()
            raise AzureError(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization "
                "header is formed correctly including the signature.",
            )

    def _upstream(self, handler: Handler, host: str) -> Connection:
        """The connection that belongs to this client's connection, a fresh one if it got old."""
        known = handler.upstream
        if known is not None and time.monotonic() - known.used < _IDLE:
            return known
        if known is not None:
            known.close()
        port = self.azure.storage_accounts.blobs_of(host).port
        handler.upstream = Connection("127.0.0.1", port, context=self._trust, timeout=300)
        handler.upstream.connect()
        return handler.upstream

    def _return(self, handler: Handler, answer: http.client.HTTPResponse, method: str) -> int:
        """Write Azurite's answer to the client; the number of bytes of its body."""
        handler.send_response_only(answer.status, answer.reason)
        chunked = False
        for name, value in answer.getheaders():
            chunked = chunked or name.lower() == "transfer-encoding"
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.end_headers()
        count = 0
        if method != "HEAD":
            while piece := answer.read(PIECE):
                count += len(piece)
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                handler.wfile.write(b"0\r\n\r\n")
        else:
            answer.read()
        handler.wfile.flush()
        return count
