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
from amlkit.settings import SettingsError, load_settings


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
        made = dataclasses.replace(self.calls, **calls)
        return self.pipelines(made).shape(self.chain(made), cron)

    def pipelines(self, calls: Calls, **azure: str) -> AzurePipelines:
        """Of a connection that is never opened; `azure` are settings of the compute."""
        told = [("azure.sdk", "v2"), *((f"azure.compute.{key}", v) for key, v in azure.items())]
        given = [(*pair, "--set") for pair in told]
        settings = load_settings(self.root, overrides=given, environ={})
        connection = Connection(settings, lambda line: None, self.root / "azure")
        jobs: Any = None
        return AzurePipelines(connection, calls, jobs)

    def chain(self, calls: Calls) -> Chain:
        """The steps, of a job that nobody sends."""
        environment = Environment("train", "1", False)
        job = Job("e", self.root / "code", "c", (), {}, environment)
        return Chain(job, calls.steps, "m.steps")


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


PLACE = "/subscriptions/s/resourceGroups/{}/providers/Microsoft.ManagedIdentity"
PLACE += "/userAssignedIdentities/{}"


def given(pipelines: AzurePipelines, held: dict[str, str]) -> AzurePipelines:
    """The workspace has these identities, by client id, as the SDK reads Azure's answer."""
    from azure.ai.ml._restclient.arm_ml_service.models import Workspace as Answer
    from azure.ai.ml.entities import Workspace

    users = {path: {"clientId": who, "principalId": "p"} for path, who in held.items()}
    kind = "SystemAssigned,UserAssigned"
    identity = {"type": kind, "userAssignedIdentities": users}
    answer = Answer({"id": "w", "name": "w", "properties": {}, "identity": identity})
    opened = Workspace._from_rest_object(answer)
    pipelines.connection.kept(("workspace",), lambda: opened)
    return pipelines


def test_serverless_steps_act_as_the_bootstraps_identity(asked: Asked) -> None:
    """Of several; else as the first, and as no other than the one that config.yml names."""
    azure = asked.pipelines(asked.calls).connection.settings.azure
    ours = PLACE.format(azure.resource_group.upper(), azure.identity_name)
    others = {PLACE.format("g", "first"): "1", PLACE.format("g", azure.identity_name): "2"}

    def acts(held: dict[str, str], identity: str = "") -> str:
        return given(
            asked.pipelines(asked.calls, name="", identity=identity), held
        )._workspace_identity()

    assert acts({**others, ours: "3"}) == "3"
    assert acts(others) == "1" and acts({}) == ""
    assert acts({**others, ours: "3"}, PLACE.format("g", "first")) == "1"
    theirs = PLACE.format("g", "theirs")
    assert acts(others, theirs) == ""
    with pytest.raises(SettingsError, match="the workspace was not given the identity theirs"):
        given(asked.pipelines(asked.calls, name="", identity=theirs), others)._check_identity("")


def test_a_schedule_is_another_once_its_identity_is(asked: Asked) -> None:
    def shape(who: str, cron: str = "0 6 * * 1", name: str = "") -> str:
        pipelines = given(asked.pipelines(asked.calls, name=name), {PLACE.format("g", "one"): who})
        return pipelines.shape(asked.chain(asked.calls), cron)

    assert shape("1") == shape("1") != shape("2")
    assert shape("1", cron="") == shape("2", cron="")  # a run is what it was
    assert shape("1", name="cpu") == shape("2", name="cpu")  # a cluster tells its steps
