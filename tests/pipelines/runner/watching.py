"""What runs is looked at while it runs: a secret in an argument, or in the wrong variable."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator

import psutil

# The variables that hold a secret, in the steps to which it is mapped.
NAMES = ("SPN_PASSWORD", "SYSTEM_ACCESSTOKEN")
# What such a step runs: its shell, the driver, and git, which driver and SDK ask for the commit.
PROGRAMS = ("bash", "python", "git")
# What GitHub's runner gives to all that a job runs.
OF_THE_JOB = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
SECONDS = 0.3  # between two looks


class Watch:
    """Looks at the processes below this one until it ends: `with Watch(secrets) as watch`.

    `found` names the programs that had a secret where it does not belong; `seen` are those that
    were looked at. What comes and goes between two looks is not seen, nor what was there before, of
    other tests, with all that it starts.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self.secrets = secrets
        self.found: set[str] = set()
        self.seen: set[str] = set()
        self._before = set(psutil.Process(os.getpid()).children())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        own = psutil.Process(os.getpid())
        while not self._over.wait(SECONDS):
            for process in set(own.children()) - self._before:
                for one in (process, *self._below(process)):
                    self.found.update(self._wrong(one))

    def _below(self, process: psutil.Process) -> list[psutil.Process]:
        try:
            return list(process.children(recursive=True))
        except psutil.Error:  # it has ended
            return []

    def _wrong(self, process: psutil.Process) -> Iterator[str]:
        try:
            name, words, environ = process.name(), process.cmdline(), process.environ()
        except (psutil.Error, OSError):  # it has ended
            return
        self.seen.add(name)
        if self._held(words):
            yield f"argv of {name}"
        for variable, value in environ.items():
            if variable == OF_THE_JOB or not self._held([value]):
                continue
            if variable not in NAMES or not name.startswith(PROGRAMS):
                yield f"{variable} of {name}"

    def _held(self, texts: Collection[str]) -> bool:
        return any(secret in text for text in texts for secret in self.secrets)
