"""What the owner's functions in src/pipeline.py return: written down by content, and checked.

Run where SDK v2 is installed, with no network; beside the template's own a second pipeline, with a
step of the owner's and another trigger.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import SAMPLE, TEMPLATE, write_drivers

pytest.importorskip("azure.ai.ml", reason="SDK v2 has an environment of its own")

from amlkit.azureml_v2.connection import Connection
from amlkit.azureml_v2.pipelines import AzurePipelines
from amlkit.calls import Calls, PipelineParts, ScheduleParts, Step
from amlkit.pipelines import Chain
from amlkit.records import Environment, Job, WorkError
from amlkit.settings import load_settings


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The template's src/pipeline.py."""
    folder = write_drivers(tmp_path_factory.mktemp("drivers") / "src", "v2")
    file = TEMPLATE / "src" / "pipeline{{cookiecutter.__pipeline}}.py"
    spec = importlib.util.spec_from_file_location("template_pipeline", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


class Asked:
    """The functions, asked for a shape in a repository that has no workspace."""

    def __init__(self, root: Path, driver: Any) -> None:
        (root / "src").mkdir()
        (root / "config.yml").write_bytes((SAMPLE / "config.yml").read_bytes())
        self.root = root
        self.calls = Calls(steps=driver.STEPS, pipeline=driver.pipeline, schedule=driver.schedule)

    def shape(self, cron: str = "", **calls: Any) -> str:
        """With some of the owner's functions, or the steps, replaced."""
        settings = load_settings(self.root, overrides=[("azure.sdk", "v2", "--set")], environ={})
        made = dataclasses.replace(self.calls, **calls)
        environment = Environment("train", "1", False)
        job = Job("e", self.root / "code", "c", (), {}, environment)
        connection = Connection(settings, lambda line: None, self.root / "azure")
        jobs: Any = None
        return AzurePipelines(connection, made, jobs).shape(Chain(job, made.steps, "m.steps"), cron)


@pytest.fixture
def asked(tmp_path: Path, driver: Any) -> Asked:
    """A repository of the test's own."""
    return Asked(tmp_path, driver)


def test_the_shape_is_what_the_functions_return(asked: Asked) -> None:
    first = asked.shape()
    assert asked.shape() == first

    def larger(parts: PipelineParts) -> Any:
        made = asked.calls.pipeline(parts) if asked.calls.pipeline else None
        made.jobs["train"].set_resources(shm_size="9g")
        return made

    assert asked.shape(pipeline=larger) != first


def test_a_step_of_the_owners_and_another_trigger(asked: Asked) -> None:
    from azure.ai.ml.entities import JobSchedule, RecurrenceTrigger

    seen: dict[str, Any] = {}

    def kept(parts: PipelineParts) -> Any:
        seen["job"] = asked.calls.pipeline(parts) if asked.calls.pipeline else None
        return seen["job"]

    check = Step("check", inputs=("trained",))
    steps = (*asked.calls.steps[:2], check, *asked.calls.steps[2:])
    assert asked.shape(steps=steps, pipeline=kept) != asked.shape()
    nodes = seen["job"].jobs
    assert list(nodes) == ["prepare", "train", "check", "evaluate", "register"]
    bound = nodes["check"].inputs["trained"]._to_job_input()
    assert "parent.jobs.train.outputs.trained" in str(getattr(bound, "path", bound))
    acting = [name for name, node in nodes.items() if node.identity is not None]
    assert acting == ["prepare", "register"]
    assert nodes["train"].component.is_deterministic
    assert not nodes["prepare"].component.is_deterministic

    def days(count: int) -> Any:
        def schedule(parts: ScheduleParts) -> Any:
            trigger = RecurrenceTrigger(frequency="day", interval=count)
            return JobSchedule(name=parts.name, trigger=trigger, create_job=parts.job)

        return schedule

    shapes = [asked.shape("0 6 * * 1", schedule=days(count)) for count in (1, 1, 2)]
    assert shapes[0] == shapes[1] != shapes[2]
    assert asked.shape("0 6 * * 1") not in shapes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pipeline": lambda parts: None}, "must return what a function under azure.ai.ml.dsl"),
        ({"pipeline": None}, "hands over no pipeline function"),
        ({"schedule": lambda parts: parts.job}, "must return an azure.ai.ml.entities.JobSchedule"),
    ],
)
def test_what_is_no_pipeline_is_said(asked: Asked, change: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkError, match=words):
        asked.shape("0 6 * * 1", **change)
