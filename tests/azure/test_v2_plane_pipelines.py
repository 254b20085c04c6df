"""Pipelines of components and sweeps of SDK v2, by the unmodified azure-ai-ml: really executed."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from standin import StandIn
from standin.routing import AzureError
from standin.v2 import pipeline, search_space, sweep
from tests.azure.client_v2 import ClientV2
from tests.azure.test_v2_plane import v2_python as v2_python  # a fixture

SCRIPTS = {
    "prepare": """
import os, sys
rows = open(os.path.join(sys.argv[1], "a.csv")).read()
open(os.path.join(sys.argv[3], "prepared.txt"), "w").write(rows * int(sys.argv[2]))
""",
    "train": """
import os, sys
rows = open(os.path.join(sys.argv[1], "prepared.txt")).read()
os.makedirs(sys.argv[2], exist_ok=True)
open(os.path.join(sys.argv[2], "model.txt"), "w").write(f"{rows} {sys.argv[3:]}")
""",
    "trial": """
import json, os, sys, time, urllib.request
alpha, e = float(sys.argv[1]), os.environ
uri = e["MLFLOW_TRACKING_URI"].replace("azureml://", "https://").rstrip("?")
body = {"run_id": e["MLFLOW_RUN_ID"], "key": "loss", "value": (alpha - 0.2) ** 2,
        "timestamp": int(time.time() * 1000), "step": 0}
urllib.request.urlopen(urllib.request.Request(
    uri + "/api/2.0/mlflow/runs/log-metric", json.dumps(body).encode(),
    {"Authorization": "Bearer " + e["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}))
""",
}

SCRIPT = """
from azure.ai.ml import dsl
from azure.ai.ml.sweep import Choice
for name, text in scripts.items():
    write(f"src/{name}.py", text)
write("rows/a.csv", "x")
ml.environments.create_or_update(
    Environment(name="steps", version="1", image=IMAGE, conda_file=conda()))

def step(name, words, inputs, outputs):
    return command(name=name, inputs=inputs, outputs=outputs, code="src", environment="steps:1",
        command=f"python {name}.py {words}").component

prepare = ml.components.create_or_update(step("prepare",
    "${{inputs.rows}} ${{inputs.n}} ${{outputs.out}}",
    {"rows": Input(type="uri_folder"), "n": Input(type="integer", default=2)},
    {"out": Output(type="uri_folder")}))
train = step("train", "${{inputs.data}} ${{outputs.model}} $[[--lr ${{inputs.lr}}]]",
    {"data": Input(type="uri_folder"), "lr": Input(type="number", optional=True)},
    {"model": Output(type="uri_folder")})
broken = step("absent", "${{inputs.data}}", {"data": Input(type="uri_folder")}, {})

@dsl.pipeline(compute="serverless")
def whole(rows, lr):
    prepared = prepare(rows=rows, n=3)
    with_lr = train(data=prepared.outputs.out, lr=lr)
    without = train(data=prepared.outputs.out)
    return {"model": with_lr.outputs.model, "other": without.outputs.model}

@dsl.pipeline(compute="serverless")
def failing(rows):
    first = prepare(rows=rows)
    broken(data=first.outputs.out)
    train(data=first.outputs.out)

def ended(job):
    while ml.jobs.get(job.name).status not in ("Completed", "Failed", "Canceled"):
        time.sleep(0.2)
    return ml.jobs.get(job.name)

def children(job):
    steps = ml.jobs.list(parent_job_name=job.name)
    return sorted([one.display_name, one.status] for one in steps)

rows = Input(type="uri_folder", path="rows")
pipe = ml.jobs.create_or_update(whole(rows=rows, lr=0.1), experiment_name="steps")
bad = ml.jobs.create_or_update(failing(rows=rows), experiment_name="steps")
trial = command(code="src", command="python trial.py ${{inputs.alpha}}", inputs={"alpha": 1.0},
    environment="steps:1", experiment_name="steps", compute="cpu-cluster")
tried = trial(alpha=Choice([0.1, 0.2, 0.4])).sweep(
    sampling_algorithm="grid", primary_metric="loss", goal="Minimize", compute="cpu-cluster")
tried.set_limits(max_total_trials=3, max_concurrent_trials=2, timeout=300)
tried.experiment_name = "steps"
tried = ml.jobs.create_or_update(tried)

seen = {"component": [prepare.name, prepare.version]}
seen["pipeline"] = [ended(pipe).status, ended(pipe).type]
seen["steps"] = children(pipe)
for name in ("model", "other"):
    ml.jobs.download(pipe.name, download_path="got", output_name=name)
seen["outputs"] = [open(f"got/named-outputs/{n}/model.txt").read() for n in ("model", "other")]
path = f"azureml://jobs/{pipe.name}/outputs/model"
seen["model"] = ml.models.create_or_update(Model(name="steps", path=path)).job_name == pipe.name
ml.jobs.download(pipe.name, download_path="log")
seen["log"] = open("log/artifacts/logs/azureml/executionlogs.txt").read()
seen["bad"] = [ended(bad).status, children(bad)]
done = ended(tried)
seen["sweep"] = [done.status, done.properties["best_child_run_id"] == f"{tried.name}_1",
    float(done.properties["score"]), done.type]
seen["trials"] = len(list(ml.jobs.list(parent_job_name=tried.name)))
seen["best"] = ml.jobs.get(f"{tried.name}_1").tags
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(
    standin: StandIn, v2_python: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a client sees of a pipeline, of one that fails, and of a sweep, all at once."""
    client = ClientV2(standin, v2_python, tmp_path_factory.mktemp("steps"))
    found: dict[str, Any] = client.run(f"scripts = {SCRIPTS!r}\n{SCRIPT}")
    return found


def test_steps_hand_over_what_they_wrote(seen: dict[str, Any]) -> None:
    """A registered component, an inline one used twice, an optional input, outputs handed up."""
    assert seen["component"] == ["prepare", "1"]
    assert seen["pipeline"] == ["Completed", "pipeline"]
    assert seen["steps"] == [
        ["prepared", "Completed"],
        ["with_lr", "Completed"],
        ["without", "Completed"],
    ]
    assert seen["outputs"] == ["xxx ['--lr', '0.1']", "xxx []"]
    assert seen["model"]
    assert "Step without" in seen["log"]


def test_a_failed_step_fails_the_pipeline_and_not_the_others(seen: dict[str, Any]) -> None:
    """`continue_on_step_failure` is the default."""
    status, steps = seen["bad"]
    assert status == "Failed"
    assert sorted(one for _, one in steps) == ["Completed", "Completed", "Failed"]


def test_a_sweep_names_its_best_trial(seen: dict[str, Any]) -> None:
    """By the metric that the trials logged, which each ran with its own values."""
    assert seen["sweep"] == ["Completed", True, 0.0, "sweep"]
    assert seen["trials"] == 3
    assert seen["best"] == {"hyperparameters": '{"alpha": 0.2}'}


def test_a_pipeline_in_pieces_is_canceled(standin: StandIn) -> None:
    """Its step ends with it, and no other begins."""
    azure = standin.azure
    spec = {"type": "command", "command": "sleep 60", "environment": "azureml:AzureML-none@latest"}
    kept = azure.v2.shared.checked("components", "slow", "1", {"componentSpec": spec})
    azure.v2.assets.put(_kind(), "slow", "1", kept, None)
    node = {"type": "command", "componentId": "azureml:slow:1"}
    given = {"jobType": "Pipeline", "jobs": {"a": node, "b": node}, "outputs": {}}
    record = azure.v2.jobs.submit("slow-pipeline", given, standin.account.service_principal)
    _until(lambda: len(azure.jobs.jobs[record.name].children) == 2)  # type: ignore[attr-defined]
    azure.v2.jobs.cancel(record)
    _until(lambda: record.run.status == "Canceled")
    children = [one for one in azure.runs.runs.values() if one.parent == record.name]
    assert [one.status for one in children] == ["Canceled", "Canceled"]


def _kind() -> Any:
    from standin.v2.kinds import KINDS

    return KINDS["components"]


def _until(true: Any) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


GOOD = {
    "trial": {"command": "${{search_space.a}}", "environmentId": "azureml:AzureML-none@latest"},
    "searchSpace": {"a": ["choice", [[1, 2]]]},
    "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
    "objective": {"goal": "minimize", "primaryMetric": "loss"},
}


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"samplingAlgorithm": {"samplingAlgorithmType": "Bayesian"}}, 501, "Bayesian"),
        ({"earlyTermination": {"policyType": "Bandit"}}, 501, "Bandit"),
        ({"searchSpace": {}}, 400, "search_space.a|empty"),
        ({"searchSpace": {"b": ["choice", [[1]]]}}, 400, "search_space.a"),
        ({"searchSpace": {"a": ["guess", []]}}, 400, "guess"),
        ({"objective": {"goal": "guess", "primaryMetric": "x"}}, 400, "maximize"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(
    standin: StandIn, given: dict[str, Any], status: int, words: str
) -> None:
    """Before any trial begins."""
    sweep.check(standin.azure, GOOD)
    with pytest.raises(AzureError, match=words) as refused:
        sweep.check(standin.azure, GOOD | given)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("jobs", "status", "words"),
    [
        ({}, 400, "at least one step"),
        ({"a": {"type": "spark", "componentId": "azureml:x:1"}}, 501, "spark"),
        ({"a": {"type": "command", "componentId": "azureml:none:1"}}, 404, "none"),
    ],
)
def test_a_pipeline_that_cannot_be_is_refused(
    standin: StandIn, jobs: dict[str, Any], status: int, words: str
) -> None:
    """Before any step begins."""
    with pytest.raises(AzureError, match=words) as refused:
        pipeline.check(standin.azure, {"jobs": jobs})
    assert refused.value.status == status


def test_a_grid_is_walked_and_a_seed_repeats() -> None:
    """All combinations of choices; the same values from the same seed."""
    space = {"a": ["choice", [[1, 2]]], "b": ["choice", [["x", "y"]]]}
    grid = list(search_space.samples(space, {"samplingAlgorithmType": "Grid"}))
    assert len(grid) == 4 and {"a": 2, "b": "y"} in grid
    drawn = {"u": ["quniform", [0, 1, 0.25]], "n": ["lognormal", [0, 1]], "i": ["randint", [3]]}
    way = {"samplingAlgorithmType": "Random", "seed": 7}
    first, again = (list(itertools.islice(search_space.samples(drawn, way), 20)) for _ in "12")
    assert first == again
    assert all(one["u"] * 4 % 1 == 0 and one["n"] > 0 and one["i"] in (0, 1, 2) for one in first)
