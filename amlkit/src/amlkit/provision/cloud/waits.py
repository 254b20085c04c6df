"""Waits that a person can see, and that end: a countdown on a terminal, one line in a log."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from amlkit.provision.cloud.failures import Failure
from amlkit.say import overwrite

Say = Callable[[str], None]
T = TypeVar("T")

# Set while a countdown has the terminal's line, so that nothing else is written over it.
counting = threading.Event()


def countdown(seconds: float, why: str, say: Say) -> None:
    """Waits and shows how long, on stderr; where that is no terminal, says it once."""
    if not sys.stderr.isatty():
        say(f"{why}: waiting {seconds:.0f} s")
        time.sleep(seconds)
        return
    end = time.monotonic() + seconds
    counting.set()
    try:
        while (left := end - time.monotonic()) > 0:
            overwrite(f"{why}: waiting {left:.0f} s")
            time.sleep(min(1.0, left))
    finally:
        counting.clear()
        overwrite("")


def pauses(at_most: float) -> Iterator[float]:
    """Yields pauses that grow to half a minute and sum up to `at_most` seconds."""
    left, pause = at_most, 2.0
    while left > 0:
        # Spread, so that those who were throttled together do not come back together.
        this = min(left, pause * random.uniform(0.8, 1.2))  # noqa: S311 - nothing to guess
        yield this
        left -= this
        pause = min(pause * 2, 30.0)


def retry(
    attempt: Callable[[], T], again: Callable[[Failure], str], *, say: Say, at_most: float
) -> T:
    """Returns what `attempt` answers, tried until it succeeds or the time is over.

    Args:
        attempt: what to try.
        again: tells for a failure why a wait may help, "" where it does not.
        say: takes the line that a log shows.
        at_most: seconds to wait in all.

    Raises:
        Failure: the last attempt's.
    """
    for pause in pauses(at_most):
        try:
            return attempt()
        except Failure as failure:
            why = again(failure)
            if not why:
                raise
            countdown(pause, why, say)
    return attempt()


def poll(look: Callable[[], T], good: Callable[[T], bool], why: str, say: Say, at_most: float) -> T:
    """Returns what was seen last: what is good, or after that many seconds what there is."""
    for pause in pauses(at_most):
        if good(found := look()):
            return found
        countdown(pause, why, say)
    return look()
