"""A run's log as it grows, handed over line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

# Where the log of the training itself lies: today's runtime, the one before, one of several nodes;
# of a sweep, which trials were begun.
LOGS = (
    "user_logs/std_log.txt",
    "azureml-logs/70_driver_log.txt",
    "user_logs/std_log_process_0.txt",
    "azureml-logs/hyperdrive.txt",
)


class SharedLog:
    """A run's log; an SDK's own class finds it and reads its bytes."""

    def __init__(self, on_log: Callable[[str], None]) -> None:
        self.on_log = on_log
        self.place, self.rest, self.grew = 0, b"", False

    def more(self) -> bytes:
        """What the log holds from `place` on; nothing where there is none yet."""
        raise NotImplementedError

    def read(self) -> None:
        """Hands over what is new, in whole lines."""
        new = self.more()
        self.place += len(new)
        self.grew = bool(new)
        *lines, self.rest = (self.rest + new).split(b"\n")
        for line in lines:
            self.on_log(line.decode("utf-8", "replace").rstrip("\r"))

    def catch_up(self) -> None:
        """Reads to the end of a run that is over."""
        self.read()

    def finish(self) -> None:
        """Hands over all that is left; a run that ended at once has not shown any of it yet."""
        self.catch_up()
        if self.rest:
            self.on_log(self.rest.decode("utf-8", "replace"))
            self.rest = b""


def log_among(names: Iterable[str]) -> str:
    """The log of the training among a run's files: the first of `LOGS`, else one of `user_logs`."""
    found = set(names)
    others = sorted(name for name in found if name.startswith("user_logs"))
    return next((name for name in (*LOGS, *others) if name in found), "")
