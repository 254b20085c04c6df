"""Starts Azure ML's inference server, unmodified, on the sockets that its supervisor hands over.

Run by the serving environment's interpreter as a file, not as a module of amlkit: that environment
has none of the drivers' packages, so this is the standard library alone.

    python start_server.py SOCKETS PORT ENTRY_SCRIPT

SOCKETS are the numbers of open listening sockets, as `7,9`; `-` where the system cannot pass one
on: then the server binds PORT on loopback by itself.
"""

import importlib
import json
import os
import re
import sys
from typing import Any

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def main(sockets: str, port: str, script: str) -> None:
    """Turns this process into the server; returns when it is told to end."""
    # Python puts this file's folder in front of the path, where our modules would hide its own.
    del sys.path[0]
    if sockets != "-":  # before any thread: a file that one opens could get the same number
        offer([int(number) for number in sockets.split(",")])
    import threading

    threading.Thread(target=end_with_supervisor, daemon=True).start()
    guard()
    from azureml_inference_server_http import amlserver

    # It listens on every address of the machine, with no option to say otherwise.
    amlserver.DEFAULT_HOST = "127.0.0.1"
    sys.argv = ["azmlinfsrv", "--entry_script", script, "--port", port]
    amlserver.run()


def guard() -> None:
    """Has the server refuse what a page in a browser could send to this machine."""
    try:
        Flask: Any = importlib.import_module("flask").Flask
    except ModuleNotFoundError:  # another server than Azure ML's
        return
    plain = Flask.wsgi_app

    def guarded(app: Any, environ: dict[str, Any], start_response: Any) -> Any:
        status, words = refused(environ)
        if not status:
            return plain(app, environ, start_response)
        body = json.dumps({"error": words}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    Flask.wsgi_app = guarded


def refused(environ: dict[str, Any]) -> tuple[str, str]:
    """Why a request is refused, as (status, words); ("", "") where it is not.

    A name that resolves to loopback, and a form that needs no leave of the browser, are how a page
    from elsewhere reaches a server on this machine.
    """
    host = re.sub(r":\d+$", "", environ.get("HTTP_HOST", "")) or "localhost"
    if host.lower() not in LOOPBACK:
        return "403 Forbidden", f"the host {host[:60]!r} is not this machine's: use 127.0.0.1"
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if environ["REQUEST_METHOD"] == "POST" and kind != "application/json":
        return "415 Unsupported Media Type", "send JSON, with Content-Type: application/json"
    return "", ""


def offer(sockets: list[int]) -> None:
    """Lays out sockets as systemd does, which is how gunicorn takes over open ones.

    https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
    """
    first = 3
    aside = [os.dup(number) for number in sockets]  # a number may be the place of another
    while any(number < first + len(sockets) for number in aside):
        aside = [os.dup(number) for number in aside]
    for place, number in enumerate(aside):
        os.dup2(number, first + place, inheritable=True)
    os.environ["LISTEN_FDS"] = str(len(sockets))
    os.environ["LISTEN_PID"] = str(os.getpid())


def end_with_supervisor() -> None:
    """Ends the server when the supervisor is gone: standard input is a pipe that it holds open."""
    import signal

    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:4])
