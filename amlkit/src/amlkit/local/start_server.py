"""Starts Azure ML's inference server, unmodified, on the sockets that its supervisor hands over.

Run by the serving environment's interpreter as a file, not as a module of amlkit: that environment
has none of the drivers' packages, so this is the standard library alone.

    python start_server.py SOCKETS PORT ENTRY_SCRIPT

SOCKETS are the numbers of open listening sockets, as `7,9`; `-` where the system cannot pass one
on: then the server binds PORT on loopback by itself.
"""

import os
import sys


def main(sockets: str, port: str, script: str) -> None:
    """Turns this process into the server; returns when it is told to end."""
    # Python puts this file's folder in front of the path, where our modules would hide its own.
    del sys.path[0]
    if sockets != "-":  # before any thread: a file that one opens could get the same number
        offer([int(number) for number in sockets.split(",")])
    import threading

    threading.Thread(target=end_with_supervisor, daemon=True).start()
    from azureml_inference_server_http import amlserver

    # It listens on every address of the machine, with no option to say otherwise.
    amlserver.DEFAULT_HOST = "127.0.0.1"
    sys.argv = ["azmlinfsrv", "--entry_script", script, "--port", port]
    amlserver.run()


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
