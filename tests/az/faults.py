"""`python -m tests.az.faults`: a fault at every request of a bootstrap, one at a time.

After each, the bootstrap is run again: it must end complete, with nothing made twice and no secret
lost or left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.az.cloud import Cloud, Done, Machine
from tests.az.leaks import leaks
from tests.conftest import ROOT
from tests.standin import StandIn
from tests.standin.journal import Entry

# What the services say, as az shows it; Microsoft Graph's codes it does not show.
DENIED = "Insufficient privileges to complete the operation: the client does not have authorization"
BUSY = "Another operation is in progress on the resource; it conflicts with this one"
SOON = {"Retry-After": "1"}
KINDS: dict[str, dict[str, Any]] = {
    "drop": {"drop": True},
    "drop after": {"drop": "after"},
    "403": {"status": 403, "code": "AuthorizationFailed", "message": DENIED},
    "409": {"status": 409, "code": "Conflict", "message": BUSY},
    "429": {
        "status": 429,
        "code": "TooManyRequests",
        "message": "Too many requests",
        "headers": SOON,
    },
    "503": {
        "status": 503,
        "code": "ServiceUnavailable",
        "message": "The service is unavailable",
        "headers": SOON,
    },
    "kill": {"delay": 0.3},  # every process is gone by then; Azure does what it was asked for
}
STEPS = (
    ("apply", "--yes", "--data", "data/penguins.csv"),
    ("credentials", "--to", "azure-devops", "--organization", "contoso", "--project", "churn"),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one try: `wrong` is empty where the bootstrap came through."""

    number: int
    kind: str
    struck: str
    seconds: float
    wrong: str = ""

    def __str__(self) -> str:
        verdict = f"FAILED: {self.wrong}" if self.wrong else "survived"
        return f"{self.number:>4} {self.kind:<10} {self.struck:<90} {self.seconds:5.1f} s {verdict}"


@dataclass
class Sweep:
    """One machine after another: `with Sweep() as sweep`, then `sweep.attempt(number, kind)`."""

    steps: Sequence[Sequence[str]] = STEPS
    folder: Path = field(init=False)
    machine: Machine = field(init=False)
    rendered: Path = field(init=False)
    complete: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Sweep:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        words = ["--no-input", "--default-config", "-o", str(self.folder / "new"), str(ROOT)]
        subprocess.run(
            [sys.executable, "-m", "cookiecutter", *words], check=True, capture_output=True
        )
        [self.rendered] = (self.folder / "new").iterdir()
        self.machine = Machine(self.folder / "machine").__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.machine.__exit__(kind, error, trace)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def cloud(self) -> Iterator[Cloud]:
        """An empty subscription and a fresh copy of the repository."""
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as folder,
            StandIn(Path(folder) / "standin", empty=True) as standin,
        ):
            self.machine.forget()
            yield Cloud.begin(self.machine, standin, self.rendered, Path(folder))

    def requests(self) -> list[Entry]:
        """What an undisturbed bootstrap asks for; what it made is the measure of all others."""
        with self.cloud() as cloud:
            mark = cloud.standin.journal.mark()
            for done in self.run(cloud):
                assert done.code == 0, str(done)
            self.complete = cloud.inventory()
            return cloud.standin.journal.since(mark)

    def run(self, cloud: Cloud) -> list[Done]:
        """The steps, up to the first that fails."""
        ended = []
        for step in self.steps:
            ended.append(cloud.bootstrap(*step))
            if ended[-1].code != 0:
                break
        return ended

    def attempt(self, number: int, kind: str) -> Outcome:
        """A fault at the request of this number, then the steps again."""
        begun = time.monotonic()
        with self.cloud() as cloud:
            fault = cloud.standin.fault(after=number, **KINDS[kind])
            mark = cloud.standin.journal.mark()
            if kind == "kill":
                ended = self._killed(cloud, lambda: fault.hits > 0)
            else:
                ended = self.run(cloud)
            struck = [entry for entry in cloud.standin.journal.since(mark) if entry.fault]
            where = f"{struck[0].method} {struck[0].host}{struck[0].path}" if struck else "nothing"
            cloud.standin.clear_faults()
            wrong = self._bad_manners(ended) or self._after(cloud, ended)
        return Outcome(number, kind, where[:90], time.monotonic() - begun, wrong)

    def _killed(self, cloud: Cloud, struck: Callable[[], bool]) -> list[Done]:
        """The steps, with every process killed while the request is under way."""
        ended = []
        for step in self.steps:
            process = cloud.start(*step)
            over = threading.Event()

            def kill(process: subprocess.Popen[str] = process, over: Any = over) -> None:
                while not over.wait(0.01):
                    if struck():
                        with contextlib.suppress(ProcessLookupError):
                            os.killpg(process.pid, signal.SIGKILL)
                        return

            watcher = threading.Thread(target=kill)
            watcher.start()
            out, err = process.communicate(timeout=600)
            over.set()
            watcher.join()
            ended.append(Done(process.returncode, out, err))
            if process.returncode != 0:
                break
        time.sleep(KINDS["kill"]["delay"] + 0.2)  # what Azure was asked for, it does
        return ended

    def _bad_manners(self, ended: Sequence[Done]) -> str:
        """What is wrong with how the disturbed run ended: one clear line is expected."""
        last = ended[-1]
        if last.code not in (0, 1, -signal.SIGKILL):
            return f"ended with {last}"
        if "Traceback" in last.err:
            return f"showed a traceback: {last.err[-2000:]}"
        return ""

    def _after(self, cloud: Cloud, ended: Sequence[Done]) -> str:
        """What is wrong after the steps were run again."""
        again = self.run(cloud)
        if again[-1].code != 0:
            return f"the second run failed: {again[-1]}"
        made = cloud.inventory()
        if made != self.complete:
            return f"left {dict(made - self.complete)} over, missed {dict(self.complete - made)}"
        return "; ".join(left_secrets(cloud, [*ended, *again]))


def left_secrets(cloud: Cloud, ended: Sequence[Done]) -> list[str]:
    """Secrets of the made principals that stand where none may."""
    account, world = cloud.standin.account, cloud.standin.world
    secrets = {
        f"secret {number}": secret
        for application in world.applications.values()
        for number, secret in account.credentials.get(application.body["appId"], {}).items()
    }
    said = [text for done in ended for text in (done.out, done.err)]
    said += [" ".join(call) for call in cloud.machine.program.calls()]
    folders = [
        cloud.project,
        cloud.machine.home,
        cloud.machine.scratch,
        cloud.machine.folder / "bin",
    ]
    return leaks(secrets, folders, *said)


_sweep: Sweep | None = None  # of this worker process


def _work(number: int, kind: str) -> Outcome:
    """A try in a worker process, which keeps its machine."""
    global _sweep
    if _sweep is None:
        _sweep = Sweep().__enter__()
        Finalize(None, _sweep.__exit__, (None, None, None), exitpriority=1)
        _sweep.requests()
    return _sweep.attempt(number, kind)


def main() -> None:
    """Every kind at every request, or what fits into the time; exit 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="tries side by side")
    parser.add_argument("--minutes", type=float, default=0, help="stop after these (0: never)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only these kinds")
    arguments = parser.parse_args()
    with Sweep() as sweep:
        count = len(sweep.requests())
    kinds = arguments.kind or list(KINDS)
    tries = [(number, kind) for kind in kinds for number in range(count)]
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
    print(f"{count} requests; faults tried {tried}, survived {tried - failed}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
