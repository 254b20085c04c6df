"""One connection of a client to the proxy: TLS, HTTP, faults, dispatch, journal."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import time
import traceback
import uuid
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .faults import Fault
from .journal import Entry
from .neighbours import owner
from .refusals import refusal
from .routing import BLOB, Answer, AzureError, Request
from .wire import Body, Headers

if TYPE_CHECKING:
    from .forwarding import Connection
    from .proxy import Server

_QUICK: int | None = getattr(socket, "TCP_QUICKACK", None)
_BLOB = re.compile(BLOB, re.I)


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a client: plain requests by absolute URL, or a tunnel with TLS inside."""

    protocol_version = "HTTP/1.1"
    server: Server
    tunnel = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    upstream: Connection | None = None  # this connection's own connection to Azurite

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: the journal says it."""

    def do_CONNECT(self) -> None:
        """Open a tunnel to a host that is played: 403 and a journal entry for any other."""
        azure = self.server.azure
        host = self.path.rsplit(":", 1)[0].lower()
        if not azure.plays(host):
            entry = azure.journal.begin("CONNECT", host, "", "", self.headers.get("User-Agent", ""))
            entry.refused, entry.status = True, 403
            self._send(Answer(403, f"The stand-in does not play {host}".encode()), "CONNECT")
            self.close_connection = True
            return
        if fault := azure.faults.take("CONNECT", host, ""):
            entry = azure.journal.begin("CONNECT", host, "", "", self.headers.get("User-Agent", ""))
            entry.fault, entry.status = str(fault), fault.status or 0
            time.sleep(fault.delay)
            if fault.status:
                self._send(Answer(fault.status, fault.message.encode()), "CONNECT")
            if fault.status or fault.drop:
                self._hang_up()
                return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        context = azure.proxy.context(host)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.request = self.connection  # so that the tunnel is closed in order
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", -1)
        self.tunnel = host
        self.close_connection = False

    def handle(self) -> None:
        """Serve until the client closes; a broken connection is not an error of ours."""
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError, TimeoutError, Dropped):
            self.close_connection = True
        finally:
            if self.upstream is not None:
                self.upstream.close()

    def finish(self) -> None:
        """Close, whatever state the connection is in."""
        try:
            super().finish()
            if isinstance(self.connection, ssl.SSLSocket):
                self.connection.close()
        except (OSError, ValueError):
            pass

    def _read(self) -> Request:
        """The head of the request that was just parsed."""
        url = urlsplit(self.path)
        host = self.tunnel or url.hostname or (self.headers.get("Host") or "").split(":")[0]
        path = re.sub("/{2,}", "/", unquote(url.path)) or "/"
        query = dict(reversed(parse_qsl(url.query, keep_blank_values=True)))
        target = url.path + (f"?{url.query}" if url.query else "")
        scheme = "https" if self.tunnel else "http"
        return Request(
            self.command,
            host.lower(),
            path,
            query,
            Headers(self.headers),
            target=target,
            scheme=scheme,
        )

    def _any(self) -> None:
        """One request: fault, dispatch, answer, journal."""
        azure = self.server.azure
        begin = time.perf_counter()
        request = self._read()
        query = request.target.partition("?")[2]
        entry = azure.journal.begin(
            request.method, request.host, request.path, query, self.headers.get("User-Agent", "")
        )
        body = Body(self.rfile, request.headers)
        if body.waiting and _QUICK is not None:
            # A client behind a proxy sends head and body in two packets and holds the second back
            # until the first is acknowledged (Nagle): acknowledge it now, not in 40 ms.
            self.connection.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
        control = request.host == "standin.invalid"
        fault = None if control else azure.faults.take(request.method, request.host, request.path)
        try:
            self._serve(request, entry, body, fault)
        except Dropped:
            entry.status = entry.status or 0
            self._hang_up()
            raise
        finally:
            entry.request_bytes = body.count
            entry.seconds = time.perf_counter() - begin

    def _serve(self, request: Request, entry: Entry, body: Body, fault: Fault | None) -> None:
        azure = self.server.azure
        if fault is not None:
            entry.fault = str(fault)
            if fault.delay:
                time.sleep(fault.delay)
            if fault.drop is True:
                raise Dropped
            if fault.expire_token:
                azure.identity.expire(request)
        if not azure.plays(request.host):
            entry.refused = True
            body.drain()
            text = f"The stand-in does not play {request.host}"
            self._finish(entry, Answer(403, text.encode()), request.method)
            return
        try:
            if fault is not None and fault.status:
                code = fault.code or "InjectedFault"
                message = fault.message or "A fault that the test asked for."
                raise AzureError(fault.status, code, message, fault.headers)
            if _BLOB.fullmatch(request.host):
                azure.forwarding.forward(
                    self, request, entry, body, drop=bool(fault and fault.drop)
                )
                if fault is not None and fault.drop:
                    raise Dropped
                return
            request.body = body.read()
            answer = self._dispatch(request, entry)
        except AzureError as error:
            body.drain()
            answer = refusal(request.host, request.path, error)
        if fault is not None and fault.drop == "after":
            entry.status = answer.status
            raise Dropped
        self._finish(entry, answer, request.method)

    def _dispatch(self, request: Request, entry: Entry) -> Answer:
        """The answer of the part that plays it; 500 and a note in the journal if that breaks."""
        azure = owner(self.server.azure, request.host, request.path)
        try:
            found = azure.router.find(request)
            entry.route = found[0].name
            request.principal = azure.identity.who(request) if found[0].rule.auth else None
            return azure.router.answer(request, found)
        except AzureError:
            raise
        except Exception as error:
            entry.error = traceback.format_exc()
            message = f"The stand-in broke: {error!r}"
            return refusal(request.host, request.path, AzureError(500, "StandInBug", message))

    def _finish(self, entry: Entry, answer: Answer, method: str) -> None:
        entry.status = answer.status
        entry.response_bytes = self._send(answer, method)

    def _send(self, answer: Answer, method: str) -> int:
        """Write an answer; the number of bytes of its body."""
        headers = {name.title(): str(value) for name, value in answer.headers.items()}
        if isinstance(answer.body, (dict, list)):
            data = json.dumps(answer.body).encode()
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        else:
            data = answer.body or b""
        headers.setdefault("Content-Length", str(len(data)))
        headers.setdefault("Date", formatdate(usegmt=True))
        headers.setdefault("X-Ms-Request-Id", str(uuid.uuid4()))
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if method != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()
        return len(data)

    def _hang_up(self) -> None:
        """Close the connection so that the client sees it at once."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any
