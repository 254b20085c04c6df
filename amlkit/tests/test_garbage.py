"""Python's search for garbage is spared for what was imported, and for nothing else."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

from amlkit.tabular.run_log import no_collections


def printed(source: str) -> str:
    """What a program prints."""
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True, text=True)
    return ran.stdout


def test_a_driver_looks_through_nothing_as_it_exits() -> None:
    """The first to be registered is the last to be run."""
    source = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 1000))
from amlkit.garbage import spare_driver
spare_driver()
"""
    assert printed(source) == "True\n"


def test_a_driver_that_waits_for_long_keeps_little_garbage() -> None:
    """Such as the circles of exceptions that hold the answers of requests."""
    source = """
import weakref
from amlkit.garbage import spare_driver
spare_driver()
class Circle: pass
def look():
    one = Circle()
    one.itself = one
    return weakref.ref(one)
seen = [look() for _ in range(100_000)]
print(sum(one() is not None for one in seen) < 60_000)
"""
    assert printed(source) == "True\n"


def test_imports_are_looked_through_again_afterwards() -> None:
    class Circle:
        """Refers to itself."""

    with no_collections():
        assert not gc.isenabled()
        one = Circle()
        one.itself = one  # type: ignore[attr-defined]
        gone = weakref.ref(one)
        del one
    assert gc.isenabled()
    gc.collect()
    assert gone() is None
