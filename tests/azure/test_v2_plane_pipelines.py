"""Pipelines of components and sweeps of SDK v2, by the unmodified azure-ai-ml: really executed."""

from __future__ import annotations

import datetime
import itertools
import time
from typing import Any

import pytest

from standin import StandIn
from standin.routing import AzureError
from standin.v2 import early_termination, pipeline, search_space, sweep, triggers
from standin.v2.kinds import KINDS
from standin.v2.schedules import Schedule
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
if sys.argv[3:] == ["--lr", "0.5"]:
    from metric import log
    log(1.0)
""",
    "copy": """
import os, shutil, sys
shutil.copytree(sys.argv[1], sys.argv[2], dirs_exist_ok=True)
""",
    "trial": "import sys\nfrom metric import log\nlog((float(sys.argv[1]) - 0.2) ** 2)\n",
    "metric": """
import json, os, time, urllib.request
def log(value):
    e = os.environ
    uri = e["MLFLOW_TRACKING_URI"].replace("azureml://", "https://").rstrip("?")
    body = {"run_id": e["MLFLOW_RUN_ID"], "key": "loss", "value": value,
            "timestamp": int(time.time() * 1000), "step": 0}
    head = {"Authorization": "Bearer " + e["MLFLOW_TRACKING_TOKEN"],
            "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(
        uri + "/api/2.0/mlflow/runs/log-metric", json.dumps(body).encode(), head))
""",
}

SCRIPT = """
from azure.ai.ml import dsl
from azure.ai.ml.entities import CronTrigger, JobSchedule
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
copy = step("copy", "${{inputs.data}} ${{outputs.model}}",
    {"data": Input(type="uri_folder")}, {"model": Output(type="uri_folder")})
broken = step("absent", "${{inputs.data}}", {"data": Input(type="uri_folder")}, {})

@dsl.pipeline(compute="serverless")
def whole(rows: Input(type="uri_folder"), lr: float):
    prepared = prepare(rows=rows, n=3)
    with_lr = train(data=prepared.outputs.out, lr=lr)
    without = train(data=prepared.outputs.out)
    return {"model": with_lr.outputs.model, "other": without.outputs.model}

@dsl.pipeline(compute="serverless")
def named(rows, lr):
    return {"model": train(data=prepare(rows=rows).outputs.out, lr=lr).outputs.model}

@dsl.pipeline(compute="serverless")
def failing(rows):
    first = prepare(rows=rows)
    broken(data=first.outputs.out)
    train(data=first.outputs.out)

@dsl.pipeline(compute="serverless")
def outer(rows, where):
    first = whole(rows=rows, lr=0.3)
    first.name = "inner"
    again = prepare(rows=rows)
    search = train(data=again.outputs.out, lr=Choice([0.5])).sweep(
        primary_metric="loss", goal="maximize", sampling_algorithm="grid", compute=where)
    search.set_limits(max_total_trials=1, max_concurrent_trials=1, timeout=300)
    search.name = "searched"
    taken = copy(data=search.outputs.model)
    return {"taken": taken.outputs.model}

def ended(job):
    while ml.jobs.get(job.name).status not in ("Completed", "Failed", "Canceled"):
        time.sleep(0.2)
    return ml.jobs.get(job.name)

def children(job):
    steps = ml.jobs.list(parent_job_name=job.name)
    return sorted([one.display_name, one.status] for one in steps)

rows = Input(type="uri_folder", path="rows")
pipe = ml.jobs.create_or_update(whole(rows=rows, lr=0.1), experiment_name="steps")
deep = ml.jobs.create_or_update(outer(rows=rows, where="cpu-cluster"), experiment_name="steps")
bad = ml.jobs.create_or_update(failing(rows=rows), experiment_name="steps")
trial = command(code="src", command="python trial.py ${{inputs.alpha}}", inputs={"alpha": 1.0},
    environment="steps:1", experiment_name="steps", compute="cpu-cluster")
tried = trial(alpha=Choice([0.1, 0.2, 0.4])).sweep(
    sampling_algorithm="grid", primary_metric="loss", goal="Minimize", compute="cpu-cluster")
tried.set_limits(max_total_trials=3, max_concurrent_trials=2, timeout=300)
tried.experiment_name = "steps"
tried = ml.jobs.create_or_update(tried)

nightly = JobSchedule(name="nightly", trigger=CronTrigger(expression="0 2 * * *", time_zone="UTC"),
    create_job=named(rows=rows, lr="${{name}}"))
made = ml.schedules.begin_create_or_update(nightly).result()
begun = ml.schedules.trigger("nightly")
seen = {"schedule": [made.name, made.is_enabled, made.trigger.expression]}
early = refused(lambda: ml.schedules.begin_delete("nightly"))[0]
ml.schedules.begin_disable("nightly").result()
time.sleep(0.3)
seen["disabled"] = [early, len(list(ml.schedules.list())), len(list(
    ml.schedules.list(list_view_type="DisabledOnly")))]
ml.schedules.begin_delete("nightly").result()
seen["deleted"] = refused(lambda: ml.schedules.get("nightly"))[0]

seen["component"] = [prepare.name, prepare.version]
seen["pipeline"] = [ended(pipe).status, ended(pipe).type]
seen["steps"] = children(pipe)
for name in ("model", "other"):
    ml.jobs.download(pipe.name, download_path="got", output_name=name)
seen["outputs"] = [open(f"got/named-outputs/{n}/model.txt").read() for n in ("model", "other")]
path = f"azureml://jobs/{pipe.name}/outputs/model"
seen["model"] = ml.models.create_or_update(Model(name="steps", path=path)).job_name == pipe.name
ml.jobs.download(pipe.name, download_path="log")
seen["log"] = open("log/artifacts/logs/azureml/executionlogs.txt").read()
seen["nested"] = [ended(deep).status, children(deep)]
assert seen["nested"][0] == "Completed", seen["nested"]
seen["nested"][1] = [one for one in seen["nested"][1] if one[0] != "again"]
ml.jobs.download(deep.name, download_path="deep", output_name="taken")
seen["taken"] = open("deep/named-outputs/taken/model.txt").read()
seen["bad"] = [ended(bad).status, children(bad)]
seen["scheduled"] = [begun.job_name.rpartition("-")[0], ended(ml.jobs.get(begun.job_name)).status]
ml.jobs.download(begun.job_name, download_path="nightly", output_name="model")
seen["named"] = begun.job_name in open("nightly/named-outputs/model/model.txt").read()
done = ended(tried)
seen["sweep"] = [done.status, done.properties["best_child_run_id"] == f"{tried.name}_1",
    float(done.properties["score"]), done.type]
seen["trials"] = len(list(ml.jobs.list(parent_job_name=tried.name)))
seen["best"] = ml.jobs.get(f"{tried.name}_1").tags
print("\\n" + json.dumps(seen))
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


def test_a_pipeline_is_a_step_and_a_sweep_is_too(seen: dict[str, Any]) -> None:
    """The step after the sweep takes what its best trial wrote."""
    assert seen["nested"] == [
        "Completed",
        [["inner", "Completed"], ["searched", "Completed"], ["taken", "Completed"]],
    ]
    assert seen["taken"] == "xx ['--lr', '0.5']"


SERIES = {"a": [9.0, 9.0], "b": [8.0, 8.5], "c": [1.0, 2.0], "d": []}


@pytest.mark.parametrize(
    ("policy", "maximize", "lost"),
    [
        ({"policyType": "Bandit", "slackFactor": 0.2}, True, ["c"]),
        ({"policyType": "Bandit", "slackAmount": 0.1}, True, ["b", "c"]),
        ({"policyType": "Bandit", "slackFactor": 0.5}, False, ["a", "b"]),
        ({"policyType": "MedianStopping"}, True, ["c"]),
        ({"policyType": "MedianStopping"}, False, ["a"]),
        ({"policyType": "TruncationSelection", "truncationPercentage": 40}, True, ["c"]),
    ],
)
def test_a_policy_ends_the_trials_that_lose(
    policy: dict[str, Any], maximize: bool, lost: list[str]
) -> None:
    """By the best of what each has logged so far; one that logged nothing is left alone."""
    early_termination.check(policy)
    judged = [one for one, values in SERIES.items() if values]
    ended = [o for o in judged if early_termination.loses(policy, o, SERIES, maximize=maximize)]
    assert ended == lost


def test_a_policy_waits_and_counts() -> None:
    """Every n-th value, after a delay."""
    policy = {"policyType": "MedianStopping", "evaluationInterval": 2, "delayEvaluation": 3}
    assert [one for one in range(8) if early_termination.due(policy, one)] == [4, 6]


def test_a_schedule_begins_jobs(seen: dict[str, Any]) -> None:
    """Triggered by hand; its job is named after it. Only a disabled one is deleted."""
    assert seen["schedule"] == ["nightly", True, "0 2 * * *"]
    assert seen["scheduled"] == ["nightly", "Completed"] and seen["named"]
    assert (seen["disabled"], seen["deleted"]) == ([400, 0, 1], 404)


def test_the_clock_begins_what_is_due(standin: StandIn) -> None:
    """Once a minute, at the minute that the trigger says."""
    _make_slow(standin)
    schedules, moment = standin.azure.v2.schedules, _at("2030-01-07T02:00")
    node = {"type": "command", "componentId": "azureml:slow:1"}
    job = {"jobType": "Pipeline", "jobs": {"a": node}, "outputs": {}}
    trigger = {"triggerType": "Cron", "expression": "0 2 * * 1"}
    given = {"action": {"actionType": "CreateJob", "jobDefinition": job}, "trigger": trigger}
    schedules.schedules["clock"] = Schedule("clock", given, standin.account.service_principal)
    try:
        assert schedules.tick(moment + datetime.timedelta(minutes=1)) == []
        assert schedules.tick(moment) == ["clock-20300107T020000Z"]
    finally:
        del schedules.schedules["clock"]
        standin.azure.v2.jobs.cancel(standin.azure.v2.jobs.find("clock-20300107T020000Z"))


def _at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("trigger", "fires", "not_then"),
    [
        ({"expression": "*/15 * * * *"}, "2030-01-01T10:45", "2030-01-01T10:46"),
        ({"expression": "0 9 1 * 1"}, "2030-01-07T09:00", "2030-01-08T09:00"),
        ({"expression": "0 9 1 2 1"}, "2030-01-07T09:00", "2030-02-01T09:00"),  # no days, no months
        ({"expression": "30 8 * * 0"}, "2030-01-06T08:30", "2030-01-07T08:30"),
        ({"expression": "30 8 * * Sun,tuesday"}, "2030-01-06T08:30", "2030-01-07T08:30"),
        (
            {"expression": "0 8 * * *", "timeZone": "W. Europe Standard Time"},
            "2030-07-01T06:00",
            "2030-07-01T08:00",
        ),
        ({"frequency": "Hour", "interval": 2}, "2030-01-01T02:00", "2030-01-01T03:00"),
        ({"frequency": "Month", "interval": 1}, "2030-03-01T00:00", "2030-03-02T00:00"),
        (
            {"frequency": "week", "interval": 2, "schedule": {"hours": [6], "minutes": [0, 30],
             "weekDays": ["Tuesday"]}},
            "2030-01-15T06:30",
            "2030-01-08T06:30",
        ),
        ({"frequency": "day", "interval": 1, "endTime": "2030-01-03"},
         "2030-01-02T00:00", "2030-01-03T00:00"),
    ],
)  # fmt: skip
def test_a_trigger_is_due(trigger: dict[str, Any], fires: str, not_then: str) -> None:
    """Cron in its zone, summer time too; recurrences from their start on."""
    kind = "Cron" if "expression" in trigger else "Recurrence"
    given = {"triggerType": kind, "startTime": "2030-01-01T00:00:00", **trigger}
    triggers.check(given)
    assert triggers.due(given, _at(fires), _at("2029-01-01"))
    assert not triggers.due(given, _at(not_then), _at("2029-01-01"))
    assert not triggers.due(given, _at("2029-12-31T02:00"), _at("2029-01-01"))


@pytest.mark.parametrize(
    ("trigger", "status"),
    [
        ({"triggerType": "Cron", "expression": "* * *"}, 400),
        ({"triggerType": "Cron", "expression": "61 * * * *"}, 400),
        ({"triggerType": "Recurrence", "frequency": "year", "interval": 1}, 400),
        ({"triggerType": "Cron", "expression": "* * * * *", "timeZone": "Mars"}, 501),
        ({"triggerType": "Cron", "expression": "* * * * *", "startTime": "soon"}, 400),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(trigger: dict[str, Any], status: int) -> None:
    """Before the schedule is kept."""
    with pytest.raises(AzureError) as refused:
        triggers.check(trigger)
    assert refused.value.status == status


def test_a_pipeline_in_pieces_is_canceled(standin: StandIn) -> None:
    """Its step ends with it, and no other begins."""
    azure = standin.azure
    _make_slow(standin)
    node = {"type": "command", "componentId": "azureml:slow:1"}
    given = {"jobType": "Pipeline", "jobs": {"a": node, "b": node}, "outputs": {}}
    record = azure.v2.jobs.submit("slow-pipeline", given, standin.account.service_principal)
    _until(lambda: len(azure.jobs.jobs[record.name].children) == 2)  # type: ignore[attr-defined]
    azure.v2.jobs.cancel(record)
    _until(lambda: record.run.status == "Canceled")
    children = [one for one in azure.runs.runs.values() if one.parent == record.name]
    assert [one.status for one in children] == ["Canceled", "Canceled"]


def _make_slow(standin: StandIn) -> None:
    """A component that sleeps."""
    spec = {"type": "command", "command": "sleep 60", "environment": "azureml:AzureML-none@latest"}
    v2 = standin.azure.v2
    kept = v2.shared.checked("components", "slow", "1", {"componentSpec": spec})
    v2.assets.put(KINDS["components"], "slow", "1", kept, None)


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
        ({"earlyTermination": {"policyType": "Bandit"}}, 400, "slack"),
        ({"earlyTermination": {"policyType": "Guess"}}, 400, "Guess"),
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
