"""Starts Azure ML's inference server, unmodified, so that it listens on loopback alone.

Run by the serving environment's interpreter as a file: `python inference_launcher.py PORT SCRIPT`.
The server listens on every address of the machine and has no option to say otherwise.
"""

import os
import signal
import sys
import threading


def main(port: str, script: str) -> None:
    """Turns this process into the server; returns when it is told to end."""
    threading.Thread(target=end_with_standin, daemon=True).start()
    del sys.path[0]  # this file's folder, whose modules would hide the server's own
    from azureml_inference_server_http import amlserver  # type: ignore[import-not-found]

    amlserver.DEFAULT_HOST = "127.0.0.1"
    sys.argv = ["azmlinfsrv", "--entry_script", script, "--port", port]
    amlserver.run()


def end_with_standin() -> None:
    """Ends the server when the stand-in is gone: standard input is a pipe that it holds open."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:3])
