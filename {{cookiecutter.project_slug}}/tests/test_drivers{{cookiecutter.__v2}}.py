"""The drivers: the whole way on this machine; with SDK v2 installed, what Azure ML is asked for."""

from __future__ import annotations

import dataclasses

import pytest
from amlkit.calls import DeploymentParts, EndpointParts, EnvironmentParts, JobParts
from amlkit.interpreter import has_module
from conftest import CONFIG, ROOT, Repository

sdk = pytest.mark.skipif(
    not has_module("azure.ai.ml"), reason="make setup-azure; make test runs them there"
)
local = pytest.mark.skipif(
    not has_module("sklearn"), reason="training needs what make setup installs"
)
PARTS = EnvironmentParts(
    "train", "3.11", ("numpy==2.3.2",), ("https://store/amlkit-0.2.0-py3-none-any.whl",)
)


@local
def test_a_dry_run_says_what_would_be_done_and_does_nothing(repository: Repository) -> None:
    before = repository.files()
    assert repository.run("data", "--local", "--dry-run")["data"]["created"]
    assert repository.run("environment", "--local", "--dry-run")["dry_run"]
    assert repository.run("model", "--local", "--dry-run")["model"]["version"] is None
    assert "src/model.py" in repository.run("deploy", "--local", "--dry-run", code=2)["error"]
    assert repository.files() == before


@local
def test_a_model_is_trained_once_judged_and_registered(repository: Repository) -> None:
    first = repository.run("model", "--local")
    assert first["registered"], first["reason"]
    assert repository.run("model", "--local")["run_id"] == first["run_id"]
    out_of_reach = [
        f"--set=gate.rules.{task}.thresholds.{rules['primary_metric']}=" + "{min: 1000000}"
        for task, rules in CONFIG["gate"]["rules"].items()
    ]
    refused = repository.run("model", "--local", "--force", *out_of_reach)
    assert not refused["registered"]
    assert "misses the threshold" in refused["reason"]


def test_without_settings_azure_ml_is_not_reached(repository: Repository) -> None:
    assert "TENANT_ID" in repository.run("model", code=2)["error"]


@sdk
def test_an_environment_is_made_of_the_lock_and_the_private_wheels() -> None:
    import environment

    made = environment.environment(PARTS)
    assert made.conda_file["dependencies"] == [
        "python=3.11",
        "pip",
        {"pip": [*PARTS.pip_packages, *PARTS.wheels]},
    ]
    ready = dataclasses.replace(PARTS, ready_image="contoso.azurecr.io/train:1")
    made = environment.environment(ready)
    assert (made.image, made.conda_file) == ("contoso.azurecr.io/train:1", None)


@sdk
def test_a_job_is_given_the_data_and_the_champion() -> None:
    import model

    made = model.training_job(job(champion="azureml:penguins:3"))
    assert made._validate().passed  # of the SDK: what can be told with no workspace
    assert made.command.endswith("--champion ${{inputs.champion}} --target y")
    assert set(made.inputs) == {"data", "champion"}
    alone = model.training_job(job(champion=None))
    assert set(alone.inputs) == {"data"} and "champion" not in alone.command


@sdk
def test_a_deployment_serves_the_model_behind_the_endpoint() -> None:
    import deploy

    parts = DeploymentParts(
        *(str(ROOT / "src"), "my_package/score.py", "azureml:serve:1", 0, 0, "d1", "penguins"),
        model="azureml:penguins:3",
        instance_type="Standard_DS3_v2",
    )
    made = deploy.deployment(parts)
    assert (made.endpoint_name, made.model) == ("penguins", "azureml:penguins:3")
    assert made.code_configuration.scoring_script == parts.entry_script
    assert deploy.endpoint(EndpointParts("penguins", "aad_token")).auth_mode == "aad_token"


def job(champion: str | None) -> JobParts:
    """What a job is made of, with ids in place of what only a workspace has."""
    code, data, arguments = str(ROOT / "src"), "azureml:data:1", ("--target", "y")
    return JobParts(code, "m.train", data, champion, arguments, "", "azureml:train:1")
