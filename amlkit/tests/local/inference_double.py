"""A double of `azureml_inference_server_http.amlserver`: a server of the standard library.

It takes over the open sockets that it is handed and calls the entry script's `init` and `run`. Told
to end, it finishes what it does. The real server is met in a rendered repository.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEFAULT_HOST = "0.0.0.0"  # noqa: S104 - as the real one has it
FIRST = 3  # the first socket that is handed over (sd_listen_fds)


class Handler(BaseHTTPRequestHandler):
    """Health and scores."""

    entry: Any

    def do_GET(self) -> None:
        """Whether it is up."""
        self._answer(200, b"Healthy")

    def do_POST(self) -> None:
        """What the entry script's `run` returns."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            self._answer(200, json.dumps(self.entry.run(body)).encode())
        except Exception as error:
            traceback.print_exc()
            self._answer(500, json.dumps({"message": repr(error)}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves on a socket that is open already."""

    daemon_threads = False

    def __init__(self, opened: socket.socket) -> None:
        super().__init__(opened.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = opened
        self.socket.setblocking(False)  # another server may accept what this one has seen


def run() -> None:
    """Serves until SIGTERM."""
    print("Azure ML Inferencing HTTP server v0 (a double)", flush=True)
    script, port = sys.argv[2], int(sys.argv[4])
    spec = importlib.util.spec_from_file_location("entry_module", script)
    assert spec and spec.loader
    Handler.entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(Handler.entry)
    Handler.entry.init()
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        numbers = range(FIRST, FIRST + int(os.environ["LISTEN_FDS"]))
        sockets = [socket.socket(fileno=number) for number in numbers]
    else:
        sockets = [socket.create_server((DEFAULT_HOST, port))]
    servers = [Server(opened) for opened in sockets]
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    while not over.wait(0.05):
        pass
    for server in servers:
        server.shutdown()
    for server in servers:
        server.server_close()  # waits for requests that are under way
