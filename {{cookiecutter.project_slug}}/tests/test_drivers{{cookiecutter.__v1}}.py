"""The drivers: the whole way on this machine; with SDK v1 installed, what Azure ML is asked for."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import pytest
from amlkit.calls import DeploymentParts, EnvironmentParts, JobParts, Named
from conftest import CONFIG, Repository

sdk = pytest.mark.skipif(
    importlib.util.find_spec("azureml") is None,
    reason="make setup-azure; make test runs them there",
)
local = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="training needs what make setup installs"
)
PARTS = EnvironmentParts("train", "3.11", ("numpy==2.3.2",), ("amlkit-0.2.0-py3-none-any.whl",))


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
    assert {*PARTS.pip_packages, *PARTS.wheels} <= set(made.python.conda_dependencies.pip_packages)
    ready = dataclasses.replace(PARTS, ready_image="contoso.azurecr.io/train:1")
    assert environment.environment(ready).python.user_managed_dependencies


@sdk
def test_a_job_is_given_the_data_and_the_champion() -> None:
    import model

    config = model.training_job(job(champion=Named("champion")))
    assert config.command[5:7] == ["--champion", "champion as champion by download"]
    assert config.run_config.target == "cpu-cluster"
    assert "--champion" not in model.training_job(job(champion=None)).command


@sdk
def test_a_deployment_asks_for_a_key() -> None:
    import deploy

    parts = DeploymentParts("src", "my_package/score.py", made(), 1, 2)
    inference, container = deploy.deployment(parts)
    assert container.auth_enabled
    assert inference.entry_script == parts.entry_script


def job(champion: Any) -> JobParts:
    """What a job is made of, with names in place of what only a workspace has."""
    return JobParts(
        "src", "m.train", Named("data"), champion, ("--target", "y"), "cpu-cluster", made()
    )


def made() -> Any:
    """An environment of no workspace."""
    import environment

    return environment.environment(PARTS)
