"""Who becomes champion when several trainings register; the registry is a double."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from amlkit.azureml_v1 import models as of_azure
from amlkit.azureml_v1.models import AzureModels
from amlkit.records import Model, Run

RUN = Run("run-1", "exp", "Completed", "2026-01-01", None, "", "churn", {}, "2", "")


class Registry(AzureModels):
    """A double of the registry: versions and the runs that registered them; what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *runs: str, late: str = "") -> None:
        self.runs, self.late, self.asked, self.deleted = list(runs), late, list[Any](), list[str]()
        connection: Any = SimpleNamespace(workspace=None, settings=None, run=lambda _: self)
        super().__init__(connection)
        monkeypatch.setattr(of_azure.artifacts, "outputs", lambda *_: {"outputs/model/m": ""})

    def _models(self, name: str, **query: Any) -> list[Model]:
        self.asked.append(query)
        every = [
            Model(name, str(number), "", {"run_id": run})
            for number, run in enumerate(self.runs, start=1)
            if query.get("run_id") in (None, run)
        ]
        return every[-1:] if query.get("latest") else every

    def register_model(self, name: str, **_: Any) -> Any:
        """The SDK's; another training may be a moment faster."""
        self.runs += [self.late] if self.late else []
        self.runs.append(RUN.id)
        version = len(self.runs)
        return SimpleNamespace(name=name, version=version, run_id=RUN.id, tags={}, id="")

    def sdk(self, model: Model) -> Any:
        return SimpleNamespace(delete=lambda: self.deleted.append(model.version))


def test_nothing_more_is_asked_where_nothing_was_registered_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = Registry(monkeypatch, "a", "b")
    done = registry.register(RUN, {}, lambda champion: True)
    assert done is not None
    assert done.version == "3"
    assert registry.asked == [{"latest": True}]


def test_a_run_registers_once(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(monkeypatch, "a", "b", RUN.id, "c")
    done = registry.register(RUN, {}, lambda champion: pytest.fail("it was judged before"))
    assert done is not None
    assert done.version == "3"


def test_a_version_that_came_since_is_the_champion_to_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(monkeypatch, "a", "b", "c")
    beaten: list[str] = []
    registry.register(RUN, {}, lambda champion: bool(beaten.append(champion.version)))  # type: ignore[union-attr,func-returns-value]
    assert beaten == ["3"]
    assert RUN.id not in registry.runs


@pytest.mark.parametrize("good", [True, False])
def test_one_that_came_in_between_is_looked_at(good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(monkeypatch, "a", "b", late="c")
    done = registry.register(RUN, {}, lambda champion: good or champion.version == "2")  # type: ignore[union-attr]
    assert (done is not None) == good
    assert registry.deleted == ([] if good else ["4"])
