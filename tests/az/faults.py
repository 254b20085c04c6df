"""`python -m tests.az.faults`: each kind of fault at every request of a bootstrap, one at a time.

Each try begins with an empty subscription and takes some ten seconds of a core, so all of them take
hours: in an order drawn by lot, so that a part of them is one of each kind. The tests hit each
request in a chain of runs instead (test_faults.py).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from multiprocessing.util import Finalize
from pathlib import Path

from cookiecutter.main import cookiecutter

from tests.az.cloud import Machine
from tests.az.disturbances import KINDS
from tests.az.sweep import Outcome, Sweep
from tests.conftest import clone

_sweep: Sweep | None = None  # of this worker process


@contextmanager
def prepared() -> Iterator[Sweep]:
    """A machine and a rendered repository of one's own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        # Not by pytest-cookies: this is no test.
        output = str(folder / "new")
        rendered = cookiecutter(
            str(clone(folder)), no_input=True, default_config=True, output_dir=output
        )
        with Machine(folder / "machine") as machine:
            yield Sweep(machine, Path(rendered), folder)


def _work(number: int, kind: str) -> Outcome:
    """A try in a worker process, which keeps its machine."""
    global _sweep
    if _sweep is None:
        stack = ExitStack()
        _sweep = stack.enter_context(prepared())
        Finalize(None, stack.close, exitpriority=1)
        _sweep.requests()
    return _sweep.attempt(number, kind)


def main() -> None:
    """Every kind at every request, or what fits into the time; exit 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="tries side by side")
    parser.add_argument("--minutes", type=float, default=0, help="stop after these (0: never)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only these kinds")
    arguments = parser.parse_args()
    with prepared() as sweep:
        count = len(sweep.requests())
    kinds = arguments.kind or list(KINDS)
    tries = [(number, kind) for kind in kinds for number in range(count)]
    random.Random(0).shuffle(tries)
    ends = time.monotonic() + arguments.minutes * 60
    tried = failed = 0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        waiting = [pool.submit(_work, *each) for each in tries]
        for future in as_completed(waiting):
            outcome = future.result()
            print(outcome, flush=True)
            tried, failed = tried + 1, failed + bool(outcome.wrong)
            if arguments.minutes and time.monotonic() > ends:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    print(f"{count} requests; faults tried {tried} of {len(tries)}, survived {tried - failed}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
