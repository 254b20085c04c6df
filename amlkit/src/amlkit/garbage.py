"""Python's search for garbage, spared where it finds none: in what a driver imported."""

from __future__ import annotations

import atexit
import gc


def spare_driver() -> None:
    """Have a driver look for garbage among what is new, hardly among the rest, not at its exit.

    Azure's SDKs and MLflow are a million objects that live to the end. Python goes through them
    again and again while it imports, and once more as it exits: half of the time that a short
    driver takes. A job's exit stays as it is: its code may leave files open that are written then.
    """
    gc.set_threshold(50_000, 100, 1_000)
    atexit.register(gc.freeze)
