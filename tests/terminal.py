"""Cookiecutter on a terminal of its own, for what is asked only where somebody can answer."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

#: Sees what is on the terminal so far, and may type.
Act = Callable[[str, Callable[[bytes], object]], None]


def on_a_terminal(*arguments: str, cwd: Path, env: Mapping[str, str], act: Act) -> str:
    """Run cookiecutter on a terminal of its own; `act` sees what is there and may type.

    Returns what the terminal has shown in the end.
    """
    import pty  # not on Windows

    inner = [sys.executable, "-P", "-m", "cookiecutter", "--no-input", "--default-config"]
    # A shell leads the session, as it does in life: the end of its leader ends what runs in it.
    command = ["sh", "-c", '"$@"; sleep 1', "sh", *inner, *arguments]
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child
        os.chdir(cwd)
        os.execvpe(command[0], command, env)  # noqa: S606 - a program of our own choice
    shown, deadline = b"", time.monotonic() + 180
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:  # nobody holds the other end any more
                break
        act(shown.decode(errors="replace"), lambda typed: os.write(terminal, typed))
    else:
        os.killpg(pid, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode(errors="replace").replace("\r\n", "\n")
