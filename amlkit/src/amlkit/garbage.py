"""Python's search for garbage, spared where it finds none: in what was imported.

Azure's SDKs and MLflow are a million objects that live to the end. Python goes through them again
and again while it imports, and once more as it exits: half of the time that a short driver takes.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


def spare_driver() -> None:
    """Have a driver look for garbage among what is new, and hardly ever among what it keeps.

    At its exit for none: not for a job, whose code may leave files open that are written only then.
    """
    gc.set_threshold(50_000, 100, 1_000)
    atexit.register(gc.freeze)


@contextmanager
def spare_imports() -> Iterator[None]:
    """Look for no garbage in a block that imports much."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
