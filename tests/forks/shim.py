"""A program of a test's own: notes its arguments, then is the real one or asks for a fork of it.

Beside it lies a JSON file of its name: `program` (an interpreter, and what comes before the
arguments), `environment` (what the program's own start script sets), `socket` (of server.py; "" to
start the real program) and `log` (a file that gets one JSON line a call; "" for none).
"""

import json
import os
import signal
import socket
import sys
import time


def main() -> int:
    """Note the call; its exit code."""
    with open(os.path.realpath(__file__) + ".json") as file:
        settings = json.load(file)
    if settings["log"]:
        note = json.dumps({"arguments": sys.argv[1:], "time": time.time()}) + "\n"
        log = os.open(settings["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, note.encode())  # one write: calls may run side by side
        os.close(log)
    for name, value in settings["environment"].items():
        os.environ.setdefault(name, value)
    words = settings["program"] + sys.argv[1:]
    if not settings["socket"]:
        os.execv(words[0], words)  # noqa: S606
    return ask(settings["socket"], words[1:])


def ask(path: str, words: list[str]) -> int:
    """Have a fork make the call, and pass signals on to it."""
    request = {
        "arguments": words,
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
