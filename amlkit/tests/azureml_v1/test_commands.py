"""What a job's command becomes for SDK v1; no SDK is needed for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from amlkit.azure.parts import job_parts, without_champion
from amlkit.azureml_v1.commands import script_run_config
from amlkit.calls import Named
from amlkit.flow.training import training_command
from amlkit.records import DataAsset, Environment, Job, Model, Resources, WorkError

DATA = DataAsset("penguins", "0123456789ab", "Sex of it", 10, "somewhere", "1")
CHAMPION = Model("penguins-sex", "7", "azureml:penguins-sex:7", {"run_id": "r"})


def a_job(champion: Model | None = CHAMPION, **more: Any) -> Job:
    """The job that the flow makes."""
    inputs: dict[str, DataAsset | Model] = {"data": DATA}
    if champion:
        inputs["champion"] = champion
    job = Job(
        experiment="e",
        code=Path("code"),
        code_version="c",
        command=training_command("penguins_model", DATA, {"seed": 0}, champion),
        inputs=inputs,
        environment=Environment("train", "1", False),
    )
    return dataclasses.replace(job, **more)


def parts(job: Job) -> Any:
    """What the owner's function is given."""
    inputs = {name: Named(name) for name in job.inputs}
    return job_parts(job, code="code", inputs=inputs, compute="cpu", environment=None)


def test_inputs_are_left_to_the_owner_and_the_rest_is_quoted() -> None:
    found = parts(a_job())
    assert found.module == "penguins_model.train"
    assert found.arguments == (
        "--champion-version", "7", "--target", "'Sex of it'", "--settings", "'{\"seed\": 0}'"
    )  # fmt: skip
    assert found.champion.name == "champion"


def test_a_job_has_one_shape_with_any_champion() -> None:
    without = parts(a_job(champion=None))
    assert parts(without_champion(a_job())).arguments == without.arguments
    assert without.champion is None


def test_variables_and_resources_reach_the_owner() -> None:
    job = a_job(variables={"A": "b"}, resources=Resources(shm_size="4g"))
    assert parts(job).variables == {"A": "b"}
    assert parts(job).resources.shm_size == "4g"


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ("bash", "run.sh")},
        {"inputs": {"data": DATA, "weights": CHAMPION}},
    ],
)
def test_another_job_needs_no_function_of_the_owner(changes: dict[str, Any]) -> None:
    with pytest.raises(WorkError, match=r"python -m MODULE"):
        parts(a_job(**changes))


def test_several_instances_need_their_distribution_said() -> None:
    pytest.importorskip("azureml.core")
    with pytest.raises(WorkError, match="MpiConfiguration"):
        script_run_config(a_job(resources=Resources(instance_count=2)), {}, None, None)
