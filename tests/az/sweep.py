"""A bootstrap that is disturbed, one request at a time, and what must be true in the end.

In the end it is complete, nothing was made twice, and no secret is lost or left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from standin import StandIn
from standin.faults import Fault
from standin.journal import Entry
from tests.az.cloud import Cloud, Done, Machine
from tests.az.disturbances import KINDS, lay
from tests.az.leaks import left_secrets

STEPS = (
    ("apply", "--yes", "--data", "data/penguins.csv"),
    ("credentials", "--to", "azure-devops", "--organization", "contoso", "--project", "churn"),
)
DESTROY = (("destroy", "--purge", "--yes"),)


@dataclass(frozen=True)
class Outcome:
    """What became of one try: `wrong` is empty where the bootstrap came through."""

    number: int
    kind: str
    struck: str
    wrong: str = ""

    def __str__(self) -> str:
        verdict = f"FAILED: {self.wrong}" if self.wrong else "survived"
        return f"{self.number:>4} {self.kind:<10} {self.struck[:90]:<90} {verdict}"


@dataclass
class Sweep:
    """Bootstraps of a rendered repository from one machine, each in a subscription of its own."""

    machine: Machine
    rendered: Path
    folder: Path
    steps: Sequence[Sequence[str]] = STEPS
    complete: Counter[str] = field(default_factory=Counter)

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

    def attempt(self, number: int, kind: str) -> Outcome:
        """A fault at the request of this number, then the steps again."""
        with self.cloud() as cloud:
            fault = cloud.standin.fault(after=number, **KINDS[kind])
            mark = cloud.standin.journal.mark()
            ended = self.run(cloud, lambda: kind == "kill" and fault.hits > 0)
            struck = [e for e in cloud.standin.journal.since(mark) if e.fault]
            where = f"{struck[0].method} {struck[0].host}{struck[0].path}" if struck else "nothing"
            cloud.standin.clear_faults()
            if number % 2:
                as_another_clone(cloud)
            return Outcome(number, kind, where, bad_manners(ended) or self._after(cloud, ended))

    def chain(
        self, first: int, every: int = 1, before: Sequence[Sequence[str]] = ()
    ) -> list[Outcome]:
        """Every request struck once, in one subscription: each run resumes from the one before.

        Every other run is that of another clone, which knows nothing of the one before. The steps
        of `before` are undisturbed.

        The kinds take turns, from the one of the number `first` on. A run goes on to the next
        request, and the next fault, where az or the bootstrap try again by themselves. Of the
        requests, one in `every` is struck.
        """
        if not before:
            self.requests()
        outcomes: list[Outcome] = []
        ended: list[Done] = []
        with self.cloud() as cloud:
            for step in before:
                done = cloud.bootstrap(*step)
                assert done.code == 0, str(done)
            faults = lay(cloud.standin, first, every)
            while True:
                waiting = faults[len(outcomes) :]
                killers = [fault for fault in waiting if fault.kind == "kill"]
                ended += self.run(cloud, partial(any_struck, killers))
                if len(ended) % 2:
                    as_another_clone(cloud)
                struck = [fault for fault in waiting if fault.hits]
                wrong = bad_manners(ended)
                for fault in struck:
                    outcomes.append(Outcome(len(outcomes), fault.kind, fault.what, wrong))
                if not struck and ended[-1].code == 0:
                    break
                assert struck, f"no fault, and no success: {ended[-1]}"
            cloud.standin.clear_faults()
            outcomes.append(Outcome(len(outcomes), "-", "the end", self._after(cloud, ended)))
        return outcomes

    def run(self, cloud: Cloud, killed: Callable[[], bool] = lambda: False) -> list[Done]:
        """The steps, up to the first that fails; all processes die once `killed` says so."""
        ended = []
        for step in self.steps:
            process = cloud.start(*step)
            over = threading.Event()
            watcher = threading.Thread(target=_kill, args=(process, killed, over))
            watcher.start()
            out, err = process.communicate(timeout=600)
            over.set()
            watcher.join()
            ended.append(Done(process.returncode, out, err))
            if process.returncode != 0:
                break
        if ended[-1].code == -signal.SIGKILL:
            time.sleep(KINDS["kill"]["delay"] + 0.2)  # what Azure was asked for, it does
        return ended

    def _after(self, cloud: Cloud, ended: Sequence[Done]) -> str:
        """What is wrong after the steps were run again."""
        again = self.run(cloud)
        if again[-1].code != 0:
            return f"the second run failed: {again[-1]}"
        made = cloud.inventory()
        if self.steps is DESTROY:  # it is no resource of Azure's
            made.pop("variable group", None)
        if made != self.complete:
            return f"left {dict(made - self.complete)} over, missed {dict(self.complete - made)}"
        return "; ".join(left_secrets(cloud, [*ended, *again]))


def as_another_clone(cloud: Cloud) -> None:
    """Take the notes of the runs before away."""
    shutil.rmtree(cloud.project / ".azure-bootstrap", ignore_errors=True)


def bad_manners(ended: Sequence[Done]) -> str:
    """What is wrong with how a disturbed run ended: one clear line is expected."""
    last = ended[-1]
    if last.code not in (0, 1, -signal.SIGKILL):
        return f"ended with {last}"
    if "Traceback" in last.err:
        return f"showed a traceback: {last.err[-2000:]}"
    if last.code == 1 and last.err.count("error: ") != 1:
        return f"not one line says what is wrong: {last.err[-2000:]}"
    return ""


def any_struck(faults: Sequence[Fault]) -> bool:
    """Whether one of these struck."""
    return any(fault.hits for fault in faults)


def _kill(
    process: subprocess.Popen[str], killed: Callable[[], bool], over: threading.Event
) -> None:
    """Kill a process and all that it started, as a power cut does."""
    while not over.wait(0.01):
        if killed():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return
