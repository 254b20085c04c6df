"""The drivers by SDK v2, beside what tests/parity shows: what is asked, found, kept and refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from standin import StandIn
from standin.v2.kinds import KINDS
from tests.azure.changes import changes
from tests.azure.client_v2 import ClientV2
from tests.azure.conftest import KEPT, AzureProject
from tests.azure.test_data import table
from tests.conftest import Bake
from tests.environments import NoPython, give, install
from tests.foreign import replace_package
from tests.forks import ForkServer, place_shim

SDK = ("azure.ai.ml", "azure.ai.ml.entities", "azure.identity", "azure.storage.blob")
# What `model.py` does, as a person writes it with the SDK alone.
PLAIN = """
import contextlib, io
data, environment, version, code, package = given
workspace = ml.workspaces.get(e["AML_WORKSPACE_NAME"])
table = ml.data.get(data, label="latest")
made = ml.environments.get(environment, version)
job = ml.jobs.create_or_update(command(
    code=code,
    command=f"python -m {package}.train --data ${{{{inputs.data}}}} --target Sex --settings '{{}}'",
    inputs={"data": Input(type="uri_folder", path=f"azureml:{data}:{table.version}")},
    environment=made, experiment_name="plain"))
with contextlib.redirect_stdout(io.StringIO()):
    ml.jobs.stream(job.name)
ml.jobs.download(job.name, download_path="plain")
path = f"azureml://jobs/{job.name}/outputs/artifacts/paths/outputs/model/"
model = ml.models.create_or_update(Model(name="plain", path=path, type="custom_model"))
print(json.dumps(model.version))
"""


@pytest.fixture(scope="module")
def two(
    bake_anew: Bake, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AzureProject]:
    """A repository of SDK v2 whose training is that of docs/contract.md."""
    python = tmp_path_factory.mktemp("sdk") / "python"
    rendered = bake_anew(project_name="Azure two", azureml_sdk="v2").path
    project = AzureProject(rendered, standin, str(python))
    replace_package(project.path)
    with at_hand(project):
        yield project


@contextmanager
def at_hand(project: AzureProject) -> Iterator[None]:
    """Its drivers start from an interpreter that has imported the SDK."""
    give(project, "setup-azure")
    real = project.path / ".venv-azure" / "bin" / "python"
    with ForkServer(real, project.standin.caller, SDK, KEPT) as server:
        place_shim(Path(project.python), [str(real)], server.socket)
        yield


@pytest.fixture(scope="module")
def first(two: AzureProject, standin: StandIn) -> dict[str, Any]:
    """What the drivers answered when nothing was there yet."""
    return {name: two.done(name) for name in ("data", "environment", "model")}


def test_contents_are_versions(first: dict[str, Any]) -> None:
    versions = [first["data"]["data"]["version"], first["environment"]["environment"]["version"]]
    assert all(re.fullmatch("[0-9a-f]{12}", version) for version in versions)
    assert first["model"]["registered"] and first["model"]["model"]["version"] == "1"


def test_the_workspace_shows_where_a_model_comes_from(
    two: AzureProject, first: dict[str, Any], standin: StandIn, tmp_path: Path
) -> None:
    trained = first["model"]
    client = ClientV2(standin, two.python, tmp_path)
    seen = client.run(
        f"""
        job = ml.jobs.get({trained["run_id"]!r})
        model = ml.models.get({trained["model"]["name"]!r}, "1")
        data = ml.data.get({first["data"]["data"]["name"]!r}, label="latest")
        print(json.dumps([job.inputs["data"].path, job.environment, job.tags, job.compute,
                          model.job_name, model.tags, model.properties, data.type, data.version]))
        """
    )
    data, environment, tags, compute, job_name, kept, properties, kind, version = seen
    assert data.endswith(f":{version}") and kind == "uri_folder"
    assert environment.endswith(first["environment"]["environment"]["version"])
    assert (job_name, compute) == (trained["run_id"], None)
    assert tags["data_version"] == kept["data_version"] == version
    assert float(properties["accuracy"]) == pytest.approx(trained["metrics"]["accuracy"], abs=1e-5)


def test_the_second_run_sends_nothing(
    two: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    mark = standin.journal.mark()
    again = {name: two.done(name) for name in ("data", "environment", "model")}
    assert changes(standin, mark) == []
    assert again["model"]["run_id"] == first["model"]["run_id"]
    assert not again["data"]["data"]["created"]


def test_a_plain_script_asks_nearly_as_much(
    two: AzureProject, first: dict[str, Any], standin: StandIn, tmp_path: Path
) -> None:
    """Both count: what is asked before, the looks at the job and its log, what is read after."""
    job = re.compile(r"/mlflow/|/history/.*/artifacts/|/metadata/")  # its own requests

    def asked(mark: int) -> list[str]:
        entries = (f"{one.method} {one.path}" for one in standin.journal.since(mark))
        return [one for one in entries if not job.search(one)]

    mark = standin.journal.mark()
    two.done("model", "--force", "--set", "model.name=ours")
    ours, mark = asked(mark), standin.journal.mark()
    environment = first["environment"]["environment"]
    train = next(two.path.glob("src/*/train.py"))
    [code] = (two.path / ".local-workspace" / "code").iterdir()
    name = first["data"]["data"]["name"]
    given = [name, environment["name"], environment["version"], str(code), train.parent.name]
    assert ClientV2(standin, two.python, tmp_path).run(f"given = {given}\n{PLAIN}") == "1"
    theirs = asked(mark)
    assert len(ours) <= 1.3 * len(theirs), "\n".join([*ours, "", *theirs])


def test_a_table_in_a_datastore_is_registered_where_it_lies(
    two: AzureProject, first: dict[str, Any], standin: StandIn, tmp_path: Path
) -> None:
    """A file, which a job gets as a file; without a key, as the caller."""
    container = standin.azure.datastores.container_of("workspaceblobstore")
    rows = table(tmp_path / "customers.csv").read_bytes()
    standin.blobs.put(container, "landing/customers.csv", rows)
    where = ("--datastore", "workspaceblobstore", "--datastore-path", "landing/customers.csv")
    standin.azure.blobs.shared_key_allowed = False
    mark = standin.journal.mark()
    try:
        flags = ("--target", "good", "--name", "landed")
        landed = two.done("data", *where, *flags)["data"]
        assert landed["rows"] == 60
        written = standin.journal.find(method="PUT", host=r"\.blob\.", path_regex="", since=mark)
        assert [one.path.rpartition("/")[2] for one in written] == [f"{landed['version']}.json"]
        assert not standin.journal.find(path_regex="listSecrets", since=mark)
    finally:
        standin.azure.blobs.shared_key_allowed = True
    assert not two.done("data", *where, *flags)["data"]["created"]
    trained = two.done("model", "--set", "data.name=landed", "--set", "data.target=good")
    assert trained["status"] == "Completed"


def test_what_either_sdk_registered_is_found_by_the_other(
    two: AzureProject, first: dict[str, Any], project: AzureProject, tmp_path: Path
) -> None:
    """As after `cruft update` with the other answer: the same workspace, the same name."""
    a, b = table(tmp_path / "a.csv"), table(tmp_path / "b.csv", shift=1)
    flags, name = ("--target", "good", "--name", "moved"), ("--set", "data.name=moved")
    by_v1 = project.done("data", "--path", str(a), *flags)["data"]
    assert two.done("model", *name, "--dry-run")["data"]["version"] == by_v1["version"]
    assert two.done("model", *name, "--set", "data.target=good")["status"] == "Completed"
    by_v2 = two.done("data", "--path", str(b), *flags)["data"]
    assert project.done("model", *name, "--dry-run")["data"]["version"] == by_v2["version"]
    again = two.done("data", "--path", str(a), *flags)["data"]
    assert (again["version"], again["created"]) == (by_v1["version"], False)
    assert two.done("model", *name, "--dry-run")["data"]["version"] == by_v1["version"]


def test_a_table_that_either_sdk_registered_where_it_lies_is_found_by_the_other(
    two: AzureProject,
    first: dict[str, Any],
    project: AzureProject,
    standin: StandIn,
    tmp_path: Path,
) -> None:
    """One file: a job of either gets it as that, whichever SDK registered it."""
    container = standin.azure.datastores.container_of("workspaceblobstore")
    name = ("--set", "data.name=there", "--set", "data.target=good")

    def register(by: AzureProject, shift: int) -> dict[str, Any]:
        where = ("--datastore", "workspaceblobstore", "--datastore-path", f"there/{shift}.csv")
        return dict(by.done("data", *where, "--target", "good", "--name", "there")["data"])

    for shift in (1, 2):
        rows = table(tmp_path / "rows.csv", shift=shift).read_bytes()
        standin.blobs.put(container, f"there/{shift}.csv", rows)
    by_v1 = register(project, 1)
    assert two.done("model", *name)["status"] == "Completed"
    by_v2 = register(two, 2)
    assert project.done("model", *name, "--dry-run")["data"]["version"] == by_v2["version"]
    assert project.done("model", *name)["status"] == "Completed"
    again = register(two, 1)
    assert (again["version"], again["created"]) == (by_v1["version"], False)
    assert two.done("model", *name, "--dry-run")["data"]["version"] == by_v1["version"]


def test_a_run_is_left_to_itself_resumed_and_ended(
    two: AzureProject, first: dict[str, Any]
) -> None:
    train = next(two.path.glob("src/*/train.py"))
    text = train.read_text(encoding="utf-8")
    train.write_text(f"import time\ntime.sleep(60)\n{text}", encoding="utf-8")
    try:
        left = two.done("model", "--no-wait")
        assert not left["waited"]
        waited = two.done("model", "--resume", left["run_id"], "--wait-minutes", "0.02")
        assert waited["status"] not in ("Completed", "Failed")
        assert two.done("model", "--cancel", left["run_id"])["status"] == "Canceled"
    finally:
        train.write_text(text, encoding="utf-8")
    assert "no run" in two.drive("model", "--resume", "nothing").record["error"]


def test_a_cluster_is_made_where_config_yml_lets_it(
    two: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    flags = ["--set", "azure.compute.name=made-by-two", "--set", "training.seed=3"]
    refused = two.drive("model", *flags)
    assert refused.code == 2 and "azure.compute.create" in refused.record["error"]
    flags += ["--set", "azure.compute.create=true", "--set", "azure.compute.max_nodes=3"]
    assert two.done("model", *flags)["status"] == "Completed"
    [made] = standin.journal.find(method="PUT", path_regex="/computes/made-by-two")
    assert made.status in (200, 201)


def test_a_job_that_cannot_work_is_not_sent(
    two: AzureProject, first: dict[str, Any], standin: StandIn
) -> None:
    driver = two.path / "src" / "model.py"
    text = driver.read_text(encoding="utf-8")
    driver.write_text(text.replace('inputs = {"data"', 'inputs = {"rows"'), encoding="utf-8")
    mark = standin.journal.mark()
    try:
        answer = two.drive("model", "--force")
    finally:
        driver.write_text(text, encoding="utf-8")
    assert answer.code == 1
    assert answer.record["error"] == (
        "training_job() in src/model.py: the command names ${{inputs.data}}, and the job's inputs "
        "are: rows"
    )
    assert not standin.journal.find(method="PUT", path_regex="/jobs/", since=mark)


# A training that reads its data by amlkit, wherever it lies.
READS = """
import argparse, json
from pathlib import Path

from amlkit.tabular.asset import open_asset
from amlkit.tabular.table import read_table

parser = argparse.ArgumentParser()
parser.add_argument("--data", type=Path)
args, _ = parser.parse_known_args()
asset = open_asset(args.data, "good")
rows = read_table(asset.path, asset.schema)
assert (rows.num_rows, rows.column_names) == (60, ["size", "good"]), rows.schema
model = Path("outputs/model")
model.mkdir(parents=True)
(model / "rule.json").write_text("{}")
Path("outputs/metrics.json").write_text(json.dumps({"accuracy": 0.9}))
"""


def described(home: Path) -> Path:
    """A folder with an MLTable and two files that it names."""
    header, *rows = table(home / "t.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    made = home / "described"
    made.mkdir()
    for name, some in (("a.csv", rows[:20]), ("b.csv", rows[20:])):
        (made / name).write_text("".join([header, *some]), encoding="utf-8")
    (made / "MLTable").write_text(
        "type: mltable\npaths:\n- pattern: ./*.csv\ntransformations:\n- read_delimited:\n"
        "    delimiter: ','\n    encoding: ascii\n- drop_columns: [colour]\n",
        encoding="utf-8",
    )
    return made


def test_a_folder_with_an_mltable_is_an_asset_of_that_type(
    two: AzureProject,
    first: dict[str, Any],
    project: AzureProject,
    standin: StandIn,
    tmp_path: Path,
) -> None:
    """Uploaded or where it lies; nothing is asked for the schema, whose host may be out of reach.

    (A request to a host that is not played fails the session.)
    """
    home = described(tmp_path)
    container = standin.azure.datastores.container_of("workspaceblobstore")
    for path in home.iterdir():
        standin.blobs.put(container, f"landing/described/{path.name}", path.read_bytes())
    where = ("--datastore", "workspaceblobstore", "--datastore-path", "landing/described")
    upload, flags = ("--path", str(home)), ("--target", "good", "--name")
    train = next(two.path.glob("src/*/train.py"))
    text = train.read_text(encoding="utf-8")
    train.write_text(READS, encoding="utf-8")
    made, jobs = {}, []
    try:
        for name, source in (("described", upload), ("lies", where)):
            made[name] = two.done("data", *source, *flags, name)["data"]
            named = ("--set", f"data.name={name}", "--set", "data.target=good")
            jobs.append(two.done("model", *named, "--no-wait")["run_id"])
    finally:
        train.write_text(text, encoding="utf-8")
    finished = [two.done("model", "--resume", job)["status"] for job in jobs]
    assert finished == ["Completed", "Completed"]
    for job, (name, data) in zip(jobs, made.items(), strict=True):
        kept = standin.azure.v2.assets.version("data", name, data["version"]).properties
        assert (kept["dataType"], kept["referencedUris"]) == ("mltable", ["./*.csv"])
        assert kept["dataUri"].endswith(f"{data['source'].removeprefix('azureml://datastores')}/")
        given = standin.azure.v2.jobs.records[job].given["inputs"]["data"]
        assert (given["jobInputType"], given["mode"]) == ("mltable", "ReadOnlyMount")
    sent = standin.blobs.list(container, f"data/described/{made['described']['version']}/")
    found = {name.rpartition("/")[2] for name in sent}
    assert found == {"MLTable", "a.csv", "b.csv", "schema.json", "profile.json"}
    # SDK v1 has no such type: to it the folder is a FileDataset.
    assert not project.done("data", *upload, *flags, "described")["data"]["created"]
    other = two.drive("data", "--path", str(tmp_path / "t.csv"), *flags, "described")
    assert other.code == 2 and "described is of type mltable in this workspace" in other.said
    # Azure ML shows v1's Datasets so; what `az ml data create` makes of an MLTable looks the same.
    given = {"dataType": "mltable", "dataUri": made["described"]["source"]}
    for name in ("described", "foreign"):
        standin.azure.v2.assets.put(KINDS["data"], name, "1", given, None)
    held = two.drive("data", "--path", str(tmp_path / "t.csv"), *flags, "described")
    assert held.code == 0 and "described is held by a Dataset of SDK v1" in held.said
    mark = standin.journal.mark()
    foreign = two.drive("data", "--path", str(tmp_path / "t.csv"), *flags, "foreign")
    assert foreign.code == 2 and "foreign, which data.py did not register, is of" in foreign.said
    assert changes(standin, mark) == []


@pytest.mark.sweep
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_drivers_run_on_every_python_that_they_are_for(
    version: str, bake_anew: Bake, standin: StandIn
) -> None:
    """3.11 runs everything else; jobs run on the one of `azure.environment.python`."""
    rendered = bake_anew(project_name=f"Azure on {version}", azureml_sdk="v2")
    replace_package(rendered.path)
    try:
        python = install(rendered, "setup-azure", version) / "bin" / "python"
    except NoPython as lacking:
        pytest.skip(str(lacking))
    project = AzureProject(rendered.path, standin, str(python))
    done = {name: project.done(name) for name in ("data", "environment", "model", "deploy")}
    assert done["model"]["registered"] and done["deploy"]["switched"]
    assert project.done("model")["run_id"] == done["model"]["run_id"]
    project.done("deploy", "--delete")


# A search.

# A package of few lines that tries by amlkit's own rule.
SEARCHED = """
import json
import sys
import time

from amlkit.tabular.evaluation import Evaluation
from amlkit.tabular.run_log import track
from amlkit.tabular.search import best_of_trials
from amlkit.tabular.training import main
from sklearn.tree import DecisionTreeClassifier

SETTINGS = json.loads(sys.argv[sys.argv.index("--settings") + 1])


def evaluate(model, X, y, task, classes):
    answer = model.predict(X)
    return Evaluation({"accuracy": (answer == y).mean()}, answer)


def train(job):
    rows = job.read(folds=5)
    X, X_test = (side.select_dtypes("number").fillna(0.0) for side in (rows.X, rows.X_test))
    tree = DecisionTreeClassifier(random_state=0)
    [best] = best_of_trials(job, [tree], evaluate, rows, X, rows.y, None, None)
    found = evaluate(best.fit(X, rows.y), X_test, rows.y_test, rows.task, rows.classes)
    (job.outputs / "model").mkdir(parents=True)
    (job.outputs / "model" / "tree.txt").write_text(str(best.get_params()))
    record = {"metrics": found.metrics, "search": job.searched}
    (job.outputs / "metrics.json").write_text(json.dumps(record))
    print(track({}, {"cv_accuracy": job.searched["best"]["score"]}, {}, job.outputs))


sys.exit(main(train, SETTINGS))
"""
SPACE = {"max_depth": [1, 4], "splitter": ["best", "no such"], "class_weight": [None]}


def searching(space: dict[str, Any], *flags: str) -> list[str]:
    """Flags of a search over a space."""
    estimator = "training.estimator=sklearn.tree.DecisionTreeClassifier"
    given = [f"training.search={json.dumps(space)}", estimator, "model.name=searched"]
    return [*(word for one in given for word in ("--set", one)), *flags]


@pytest.fixture(scope="module")
def searched(
    two: AzureProject, first: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], AzureProject]]:
    """What the driver answered of a sweep whose trials fail by half; its package stays for long."""
    train = next(two.path.glob("src/*/train.py"))
    text = train.read_text(encoding="utf-8")
    train.write_text(SEARCHED, encoding="utf-8")
    yield two.done("model", *searching(SPACE)), two
    train.write_text(text, encoding="utf-8")


Searched = tuple[dict[str, Any], AzureProject]


def test_a_search_is_a_sweep_whose_best_trial_is_registered(
    searched: Searched, standin: StandIn, tmp_path: Path
) -> None:
    record, two = searched
    assert record["registered"], record
    found = dict(record["search"])
    trial = found.pop("trial")
    assert trial.startswith(f"{record['run_id']}_")
    # In one job on this machine the same trials are scored alike, and the same one is the best.
    train = next(two.path.glob("src/*/train.py"))
    told = {"space": SPACE, "trials": 20, "metric": "accuracy", "goal": "maximize"}
    settings = json.dumps({"search": told, "seed": 0})
    flags = ["--data", str(two.path / "data" / "penguins.csv"), "--target", "Sex"]
    subprocess.run(
        [sys.executable, str(train), *flags, "--settings", settings], cwd=tmp_path, check=True
    )
    here = json.loads((tmp_path / "outputs" / "metrics.json").read_text(encoding="utf-8"))
    assert here["metrics"]["accuracy"] == pytest.approx(record["metrics"]["accuracy"])
    assert found == {"metric": "accuracy", **here["search"]["best"]}
    assert found["parameters"]["splitter"] == "best"
    report = (two.path / record["report"]).read_text(encoding="utf-8")
    assert re.search(r"Experiment .+ · \d[\d.]* s</p>", report), "it does not say how long it took"
    assert len([one for one in here["search"]["trials"] if "error" in one]) == 2
    seen = ClientV2(standin, two.python, tmp_path).run(
        f"""
        sweep, model = ml.jobs.get({record["run_id"]!r}), ml.models.get("searched-sex", "1")
        trials = {{one.name: one for one in ml.jobs.list(parent_job_name=sweep.name)}}
        ml.models.download("searched-sex", "1", download_path="got")
        tree = open("got/searched-sex/model/tree.txt").read()
        print(json.dumps([sweep.type, sweep.objective.primary_metric, sweep.sampling_algorithm.type,
            sorted(one.status for one in trials.values()), sweep.properties["best_child_run_id"],
            float(sweep.properties["score"]), model.path, model.tags["run_id"], tree]))
        """
    )
    kind, metric, sampling, trials, best, score, path, run_id, tree = seen
    assert (kind, metric, sampling) == ("sweep", "cv_accuracy", "grid")
    assert trials == ["Completed"] * 4  # the service gives a sweep up whose trials fail
    assert (best, score) == (trial, pytest.approx(found["score"]))
    assert trial in path and run_id == record["run_id"]
    assert f"'max_depth': {found['parameters']['max_depth']}" in tree


def test_an_equal_sweep_is_found_and_resumed(searched: Searched, standin: StandIn) -> None:
    record, two = searched
    mark = standin.journal.mark()
    again = two.done("model", *searching(SPACE))
    assert changes(standin, mark) == []
    assert (again["run_id"], again["search"]) == (record["run_id"], record["search"])
    resumed = two.done("model", "--resume", record["run_id"], "--set", "model.name=searched")
    assert resumed["model"] == record["model"]
    dry = two.drive("model", *searching({**SPACE, "max_depth": [1, 4, 5]}), "--dry-run")
    assert dry.record["run_id"] is None and "trials at most by accuracy, in a sweep job" in dry.said


def test_a_sweep_is_left_to_itself_and_ended(searched: Searched) -> None:
    """It compares itself with the champion, an input of each trial."""
    _, two = searched
    train = next(two.path.glob("src/*/train.py"))
    train.write_text(SEARCHED.replace("def train(job):", "def train(job):\n    time.sleep(60)"))
    try:
        left = two.done("model", *searching(SPACE, "--no-wait"))
        ended = two.done("model", "--cancel", left["run_id"])
    finally:
        train.write_text(SEARCHED, encoding="utf-8")
    assert not left["waited"] and ended["status"] == "Canceled"


def test_a_sweep_of_which_no_trial_has_a_score_says_why(searched: Searched) -> None:
    _, two = searched
    answer = two.drive("model", *searching({"splitter": ["no such"]}))
    assert answer.code == 1
    said = "the run failed: training.search: this trial has no score: InvalidParameterError: The"
    assert said in answer.record["error"], answer.record
    # One that trains, and logs its score by another name.
    train = next(two.path.glob("src/*/train.py"))
    train.write_text(SEARCHED.replace("cv_accuracy", "cv_acc"), encoding="utf-8")
    try:
        answer = two.drive("model", *searching({"max_depth": [3]}))
    finally:
        train.write_text(SEARCHED, encoding="utf-8")
    said = "the run failed: no trial has logged cv_accuracy to MLflow"
    assert said in answer.record["error"], answer.record


def test_an_exported_sweep_is_what_the_sdk_loads(searched: Searched, tmp_path: Path) -> None:
    _, two = searched
    two.done("model", *searching({"max_depth": {"min": 1, "max": 9}}), "--export", str(tmp_path))
    job = yaml.safe_load((tmp_path / "job.yml").read_text(encoding="utf-8"))
    assert job["type"] == "sweep" and job["trial"]["code"] == "./job-code"
    assert job["search_space"] == {
        "max_depth": {"type": "quniform", "min_value": 1, "max_value": 9, "q": 1}
    }
    assert job["inputs"].keys() == {"data", "champion"}
    assert job["inputs"]["champion"]["type"] == "custom_model"


@pytest.mark.sweep
def test_the_trials_of_a_sweep_do_as_they_do_in_one_job(
    bake_anew: Bake, standin: StandIn, tmp_path: Path
) -> None:
    """With the template's own package: the same trial is the best, and its model is the same."""
    rendered = bake_anew(project_name="Azure searched", azureml_sdk="v2").path
    project = AzureProject(rendered, standin, str(tmp_path / "python"))
    (rendered / "config.search.yml").write_text(
        "training:\n  estimator: sklearn.linear_model.LogisticRegression\n"
        "  search: {C: [0.01, 1.0], class_weight: [null]}\n",
        encoding="utf-8",
    )
    driver, flags = rendered / "src" / "model.py", ("--env", "search")
    give(project)
    with at_hand(project):
        mark = standin.journal.mark()
        for more in ((), ("--dry-run",)):
            typo = project.drive("model", *flags, "--set=training.search={tl: [1]}", *more)
            assert typo.code == 2 and "did you mean 'tol'?" in typo.record["error"], typo.said
        assert not standin.journal.find(method="PUT", path_regex="/jobs/", since=mark)
        sweep = project.done("model", *flags)
        text = driver.read_text(encoding="utf-8")
        assert text.count(", training_sweep=training_sweep)") == 1
        text = text.replace(", training_sweep=training_sweep)", ")")
        driver.write_text(text, encoding="utf-8")
        alone = project.done("model", *flags)
    assert sweep["run_id"] != alone["run_id"] and alone["search"].pop("trial") is None
    assert sweep["search"].pop("trial").startswith(sweep["run_id"])
    assert sweep["search"] == alone["search"] and sweep["metrics"] == alone["metrics"]
