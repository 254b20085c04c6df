"""The `az` on PATH of a test: notes its arguments, then is the real az or asks for a fork of it.

It stands as `az` in a folder with `shim.json`: `log` (a file that gets one JSON line a call),
`socket` (of fork_server.py; "" to start the real program) and `python` (which has azure-cli).
"""

import json
import os
import signal
import socket
import sys
import time


def main() -> int:
    """Note the call; its exit code."""
    folder = os.path.dirname(os.path.realpath(__file__))
    with open(os.path.join(folder, "shim.json")) as file:
        settings = json.load(file)
    note = json.dumps({"arguments": sys.argv[1:], "time": time.time()}) + "\n"
    log = os.open(settings["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, note.encode())  # one write: calls may run side by side
    os.close(log)
    if not settings["socket"]:
        python = settings["python"]
        os.environ.setdefault("AZ_INSTALLER", "PIP")  # as az's own start script does
        os.execv(python, [python, "-m", "azure.cli", *sys.argv[1:]])  # noqa: S606
    return ask(settings["socket"])


def ask(path: str) -> int:
    """Have a fork make the call, and pass signals on to it."""
    request = {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }
    data = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)

        def pass_on(number: int, frame: object) -> None:
            server.sendall(bytes([number]))

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        socket.send_fds(server, [b"%16d" % len(data)], [0, 1, 2])
        server.sendall(data)
        return (server.recv(1) or b"\xff")[0]


if __name__ == "__main__":
    sys.exit(main())
