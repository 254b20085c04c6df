"""Runs at the same time: which waits for which, by the locks of environments and by `batch`."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

from .documents import load
from .orchestrator import SUPERSEDED, Stop
from .results import Run
from .service import Service
from .triggers import started


@dataclass
class Going:
    """A run under way, and where it stands; no stop once it is done."""

    run: Run
    moves: Generator[Stop, str | None]
    stop: Stop | None = None

    @property
    def at(self) -> str:
        """`waits STAGE`, `holds STAGE` or `done`."""
        if self.stop is None:
            return "done"
        return f"{'holds' if self.stop.holds else 'waits'} {self.stop.stage.name}"


class Line:
    """Runs of one project, each moved when a test says so."""

    def __init__(self, service: Service, file: str = "azure-pipelines.yml") -> None:
        self.service, self.file = service, file
        self.going: list[Going] = []
        self.pending: dict[str, str] = {}  # by branch: the newest commit that batch holds back

    def push(self, commit: str, changed: Iterable[str], branch: str = "refs/heads/main") -> None:
        """What a push starts: a run, nothing, or a run once the one on its branch is over."""
        root = self.service.files(commit)
        if not started(root, [self.file], "IndividualCI", branch, changed):
            return
        busy = any(one.stop and one.run.branch == branch for one in self.going)
        trigger = load(root, self.file)["trigger"]
        if busy and isinstance(trigger, dict) and trigger.get("batch", "").lower() == "true":
            self.pending[branch] = commit
            return
        self.begin(reason="IndividualCI", branch=branch, commit=commit)

    def begin(self, **how: Any) -> Going:
        """Start a run; it goes to its first stop."""
        asked = {"parameters": None, "reason": "Manual", "branch": "refs/heads/main", "commit": ""}
        run, orchestrator = self.service.queue(self.file, **asked | how)
        going = Going(run, orchestrator.moves())
        self.going.append(going)
        self._to(going, None)
        return going

    def advance(self, going: Going) -> str:
        """On to the next stop, if the locks allow it; says where the run is then."""
        if going.stop is None:
            return going.at
        answer = None if going.stop.holds else self._answer(going)
        if answer != "wait":
            self._to(going, answer)
        return going.at

    def finish(self, going: Going) -> Run:
        """On to the end; a run that has to wait for another is a mistake of the test."""
        before = None
        while going.stop is not None:
            assert going.stop is not before, f"run {going.run.id} {going.at}"
            before = going.stop
            self.advance(going)
        return going.run

    def _to(self, going: Going, answer: str | None) -> None:
        try:
            going.stop = next(going.moves) if answer is None else going.moves.send(answer)
        except StopIteration:
            going.stop = None
            branch = going.run.branch
            if commit := self.pending.pop(branch, ""):
                self.begin(reason="BatchedCI", branch=branch, commit=commit)

    def _answer(self, going: Going) -> str | None:
        """Whether a stage that waits may go on, must wait, or is ended for a newer run."""
        assert going.stop is not None
        wanted = going.stop.stage.environments & self.service.locks
        others = [
            one
            for one in self.going
            if one is not going and one.stop and one.stop.stage.environments & wanted
        ]
        if any(one.stop.holds for one in others if one.stop):
            return "wait"
        if going.stop.stage.lock == "runLatest":
            return SUPERSEDED if any(one.run.id > going.run.id for one in others) else None
        return "wait" if any(one.run.id < going.run.id for one in others) else None
