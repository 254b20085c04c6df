"""The log of the job: numbered stages, their seconds, and a sign of life during the long ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

HEARTBEAT = 10.0  # seconds


class Stages:
    """Counts the stages and keeps how long each one took, in seconds, in `seconds`."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        """One line of the log, there to be read at once."""
        print(f"[{self.number}/{self.total}] {text}", flush=True)

    @contextmanager
    def stage(self, name: str, words: str) -> Iterator[None]:
        """Say what begins; every ten seconds that it goes on; and how long it took."""
        self.number += 1
        self.say(words)
        start, done = time.perf_counter(), threading.Event()

        def keep_saying() -> None:
            while not done.wait(HEARTBEAT):
                self.say(f"… {time.perf_counter() - start:.0f} s")

        voice = threading.Thread(target=keep_saying, daemon=True)
        voice.start()
        try:
            yield
        finally:
            done.set()
            voice.join()
        self.seconds[name] = round(time.perf_counter() - start, 3)
        self.say(f"done in {self.seconds[name]:.1f} s")
