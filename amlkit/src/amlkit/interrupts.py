"""Ctrl-C during a long wait, wherever it strikes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Waiting:
    """Sleeps, and does not lose a Ctrl-C: Python swallows one that strikes in a finaliser."""

    def __init__(self) -> None:
        self.interrupted = False

    def sleep(self, seconds: float) -> None:
        """Sleeps.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, now or since the wait began.
        """
        if not self.interrupted:
            time.sleep(seconds)
        if self.interrupted:
            raise KeyboardInterrupt


@contextmanager
def waiting() -> Iterator[Waiting]:
    """A wait that remembers a Ctrl-C."""
    this = Waiting()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield this
        return

    def remember(number: int, frame: Any) -> None:
        this.interrupted = True
        before(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield this
    finally:
        signal.signal(signal.SIGINT, before)
