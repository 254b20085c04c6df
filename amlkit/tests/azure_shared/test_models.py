"""Who becomes champion when several trainings register; the registry is a double."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from amlkit.azure.models import SharedModels
from amlkit.records import Model, Run

RUN = Run("run-1", "exp", "Completed", "2026-01-01", None, "", "churn", {}, "2", "")


class Registry(SharedModels):
    """A double of the registry: versions and the runs that registered them; what was asked."""

    def __init__(self, *runs: str, late: str = "") -> None:
        self.runs, self.late, self.asked, self.deleted = list(runs), late, list[Any](), list[str]()
        connection: Any = SimpleNamespace(workspace=None, settings=None, forget=lambda *kind: None)
        super().__init__(connection)

    def every(self, name: str, *, run_id: str = "", latest: bool = False) -> list[Model]:
        self.asked.append((run_id, latest))
        every = [
            Model(name, str(number), "", {"run_id": run})
            for number, run in enumerate(self.runs, start=1)
            if run_id in ("", run)
        ]
        return every[-1:] if latest else every

    def add(self, run: Run, tags: Mapping[str, str], properties: Mapping[str, str]) -> Model:
        """Another training may be a moment faster."""
        self.runs += [self.late] if self.late else []
        self.runs.append(run.id)
        return Model(run.model_name, str(len(self.runs)), "", tags)

    def remove(self, model: Model) -> None:
        self.deleted.append(model.version)


def test_nothing_more_is_asked_where_nothing_was_registered_since() -> None:
    registry = Registry("a", "b")
    done = registry.register(RUN, {}, lambda champion: True)
    assert done is not None
    assert done.version == "3"
    assert registry.asked == [("", True)]


def test_a_run_registers_once() -> None:
    registry = Registry("a", "b", RUN.id, "c")
    done = registry.register(RUN, {}, lambda champion: pytest.fail("it was judged before"))
    assert done is not None
    assert done.version == "3"


def test_a_version_that_came_since_is_the_champion_to_beat() -> None:
    registry = Registry("a", "b", "c")
    beaten: list[str] = []
    registry.register(RUN, {}, lambda champion: bool(beaten.append(champion.version)))  # type: ignore[union-attr,func-returns-value]
    assert beaten == ["3"]
    assert RUN.id not in registry.runs


@pytest.mark.parametrize("good", [True, False])
def test_one_that_came_in_between_is_looked_at(good: bool) -> None:
    registry = Registry("a", "b", late="c")
    done = registry.register(RUN, {}, lambda champion: good or champion.version == "2")  # type: ignore[union-attr]
    assert (done is not None) == good
    assert registry.deleted == ([] if good else ["4"])
