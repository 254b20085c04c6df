"""The training as a pipeline job of SDK v2: it registers by itself, and so on a schedule."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standin import StandIn
from standin.account import Principal
from tests.azure.changes import changes
from tests.azure.client_v2 import ClientV2
from tests.azure.conftest import KEPT, Answer, AzureProject
from tests.azure.retraining import CLUSTER, ROLE, let_in
from tests.azure.test_v2_drivers import SDK
from tests.conftest import Bake
from tests.environments import give
from tests.forks import ForkServer, place_shim
from tests.parity.places import with_other_package

STEPS = ["prepare", "train", "evaluate", "register"]


@pytest.fixture(scope="module")
def piped(
    bake_anew: Bake, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AzureProject]:
    """A repository with the pipeline, whose package is the second model of amlkit's tests."""
    python = tmp_path_factory.mktemp("sdk") / "python"
    answers = {"azureml_sdk": "v2", "training_pipeline": True}
    rendered = bake_anew(project_name="Azure steps", **answers).path
    project = AzureProject(rendered, standin, str(python))
    with_other_package(project)
    give(project, "setup-azure")
    real = project.path / ".venv-azure" / "bin" / "python"
    with ForkServer(real, standin.caller, SDK, KEPT) as server:
        place_shim(python, [str(real)], server.socket)
        yield project


@pytest.fixture(scope="module")
def identity(standin: StandIn) -> Iterator[Principal]:
    """What the cluster runs as: it may do what a step needs."""
    with let_in(standin) as who:
        yield who


def drive(project: AzureProject, *flags: str, **parameters: Any) -> Answer:
    """The driver, with parameters of the second model."""
    told = [*CLUSTER]
    told += [f"training.parameters={json.dumps(parameters)}"] if parameters else []
    return project.drive("pipeline", *(f"--set={text}" for text in told), *flags)


@pytest.fixture(scope="module")
def first(piped: AzureProject, identity: Principal) -> dict[str, Any]:
    """What the driver answered when nothing was there yet; it was waited for too short."""
    left = drive(piped, "--wait-minutes", "0.02", accuracy=0.6)
    assert left.code == 0 and left.record["status"] not in ("Completed", "Failed"), left.said
    assert left.record["waited"] and not left.record["registered"]
    assert left.record["reason"] == "the pipeline goes on after 0.02 minutes of waiting"
    answer = drive(piped, "--resume", left.record["run_id"], "--wait-minutes", "9")
    assert answer.code == 0, answer.said
    return answer.record


def test_a_pipeline_registers_what_model_py_registers(
    piped: AzureProject, first: dict[str, Any], standin: StandIn, tmp_path: Path
) -> None:
    """By the identity of its own steps, and with the same tags."""
    assert first["status"] == "Completed" and list(first["steps"]) == STEPS
    assert first["registered"] and first["model"]["version"] == "1"
    assert first["seconds"] > 0
    assert first["report"].startswith("https://ml.azure.com/runs/")
    flags = ("--set=training.parameters={accuracy: 0.7}",)
    by_model = piped.done("model", *flags)
    assert by_model["model"] == {"name": first["model"]["name"], "version": "2"}
    seen = ClientV2(standin, piped.python, tmp_path).run(
        f"""
        found = [ml.models.get({first["model"]["name"]!r}, v) for v in "12"]
        print(json.dumps([[m.type, m.tags, m.properties, m.job_name] for m in found]))
        """
    )
    (kind, tags, properties, run), (other_kind, other_tags, other_properties, _) = seen
    assert kind == other_kind == "custom_model"
    assert tags.keys() == other_tags.keys() and properties.keys() == other_properties.keys()
    alike = {"data_name", "data_version", "target", "code_version", "environment_version", "task"}
    assert {key: tags[key] for key in alike} == {key: other_tags[key] for key in alike}
    assert run == tags["run_id"] == first["steps"]["evaluate"]["run_id"]
    assert piped.done("deploy", "--dry-run")["model"] == by_model["model"]


def test_the_second_call_sends_nothing(
    piped: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    mark = standin.journal.mark()
    answer = drive(piped, accuracy=0.6)
    assert answer.record["run_id"] == first["run_id"] and not answer.record["created"]
    assert changes(standin, mark) == []


def test_what_is_exported_is_what_the_sdk_loads(
    piped: AzureProject, first: dict[str, Any], standin: StandIn, tmp_path: Path
) -> None:
    """A schedule and the pipeline that it starts, with all they name; nothing is sent."""
    mark = standin.journal.mark()
    folder = tmp_path / "there"
    done = drive(piped, "--schedule", "0 6 * * 1", "--export", str(folder), accuracy=0.6)
    assert done.code == 0, done.said
    environments = ["environment.yml", "environment-client.yml"]
    files = [*environments, "pipeline.yml", "schedule.yml", "pipeline-code"]
    assert done.record["export"]["files"] == files
    assert done.record["export"]["commands"][-1] == "az ml schedule create --file schedule.yml"
    assert changes(standin, mark) == []
    seen = ClientV2(standin, piped.python, tmp_path).run(
        f"""
        from azure.ai.ml import load_environment, load_job
        from azure.ai.ml.entities._load_functions import load_schedule
        at = lambda name: {str(folder)!r} + "/" + name
        job, starts = load_job(at("pipeline.yml")), load_schedule(at("schedule.yml"))
        made = [load_environment(at(f"environment{{one}}.yml")) for one in ("", "-client")]
        seen = json.dumps([list(job.jobs), starts.create_job.experiment_name, starts.name,
            {{node.component.code for node in job.jobs.values()}} == {{"./pipeline-code"}},
            [f"{{one.name}}:{{one.version}}" for one in made],
            [job.jobs[name].component.environment for name in ("train", "register")],
            str(job.jobs["evaluate"].inputs["trained"].path), job.settings.default_compute])
        sent = ml.jobs.create_or_update(job)
        ml.jobs.begin_cancel(sent.name).result()
        print(seen)
        """
    )
    steps, experiment, name, code, environments, used, bound, compute = seen
    assert steps == STEPS and code and used == environments
    assert name == f"{experiment}-retraining"
    assert (bound, compute) == ("${{parent.jobs.train.outputs.trained}}", "retraining")
    code_files = {path.name for path in (folder / "pipeline-code").iterdir()}
    assert {"config.yml", "pipeline.json"} < code_files
    plan = json.loads((folder / "pipeline-code" / "pipeline.json").read_text(encoding="utf-8"))
    assert plan["data_version"] is None  # the newest of the moment at which it starts

    for flags in (("--export", str(folder)), ("--wait-minutes", "3")):
        answer = drive(piped, "--status", *flags)
        assert answer.code == 2 and answer.record["error"].startswith(flags[0]), answer.said

    assert drive(piped, "--export", str(folder), accuracy=0.6).code == 0
    assert not (folder / "schedule.yml").exists(), "it named another pipeline"
    (folder / "thesis.tex").touch()
    answer = drive(piped, "--export", str(folder), accuracy=0.6)
    assert answer.code == 2 and "(thesis.tex)" in answer.record["error"]


def test_a_pipeline_is_ended(piped: AzureProject, first: dict[str, Any]) -> None:
    begun = drive(piped, "--force", "--no-wait", accuracy=0.6).record["run_id"]
    would = drive(piped, "--cancel", begun, "--dry-run")
    assert would.record["run_id"] == begun and would.record["status"] != "Canceled"
    ended = drive(piped, "--cancel", begun)
    assert ended.code == 0 and ended.record["status"] == "Canceled", ended.said


@pytest.mark.sweep
def test_a_refusal_is_a_result(piped: AzureProject, first: dict[str, Any]) -> None:
    """A failed step is in tests/parity."""
    answer = drive(piped, accuracy=0.05)
    assert answer.code == 0 and not answer.record["registered"]
    assert "threshold" in answer.record["reason"]


def test_without_an_identity_nothing_is_sent(
    piped: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    """Neither serverless compute nor that cluster has one."""
    mark = standin.journal.mark()
    for place, lacks in (("", "no user-assigned"), ("cpu-cluster", "cpu-cluster has no")):
        flags = ("--force", f"--set=azure.compute.name={json.dumps(place)}")
        answer = piped.drive("pipeline", *flags)
        assert answer.code == 2 and f"{lacks} managed identity" in answer.record["error"]
    assert not standin.journal.find(method="PUT", path_regex="/jobs/", since=mark)


def test_a_step_without_the_role_says_so(
    piped: AzureProject, first: dict[str, Any], identity: Principal
) -> None:
    identity.roles.clear()
    try:
        answer = drive(piped, "--force")
    finally:
        identity.roles.add(ROLE)
    assert answer.code == 1 and "step prepare: " in answer.record["error"]
    assert "AuthorizationFailed" in answer.record["error"] or ROLE in answer.record["error"]


def test_a_schedule_retrains_on_the_newest_table(
    piped: AzureProject, first: dict[str, Any], standin: StandIn, tmp_path: Path
) -> None:
    """Made once, fired with nobody there, shown, ended."""
    assert drive(piped, "--status").record["schedule"] is None
    made = drive(piped, "--schedule", "0 6 * * 1", accuracy=0.8)
    assert made.code == 0, made.said
    assert made.record["changed"] and made.record["schedule"]["cron"] == "0 6 * * 1"
    mark = standin.journal.mark()
    assert not drive(piped, "--schedule", "0  6 * * 1", accuracy=0.8).record["changed"]
    assert changes(standin, mark) == []

    table = piped.path / "data" / "penguins.csv"
    newer = tmp_path / "newer.csv"
    newer.write_text("".join(table.read_text("utf-8").splitlines(keepends=True)[:-3]), "utf-8")
    version = piped.done("data", "--path", str(newer))["data"]["version"]
    name = made.record["schedule"]["name"]
    begun = ClientV2(standin, piped.python, tmp_path).run(
        f"print(json.dumps(ml.schedules.trigger({name!r}).job_name))"
    )
    ends = time.monotonic() + 300
    while not (run := standin.azure.runs.get(begun)).status.startswith(("Comp", "Fail")):
        assert time.monotonic() < ends, run.status
        time.sleep(0.5)
    shown = drive(piped, "--status").record
    assert (shown["run_id"], shown["status"]) == (begun, "Completed")
    assert shown["registered"] and shown["schedule"]["enabled"]
    models = [
        m for m in standin.azure.models.models.values() if m["name"] == shown["model"]["name"]
    ]
    newest = max(models, key=lambda model: int(model["version"]))
    assert str(newest["version"]) == shown["model"]["version"]
    assert newest["kvTags"]["data_version"] == version

    assert drive(piped, "--unschedule").record["changed"]
    assert not drive(piped, "--unschedule").record["changed"]
