"""Batch endpoints of SDK v2, by the unmodified azure-ai-ml: their jobs really score."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from standin import StandIn
from standin.v2.batch_jobs import DRIVER
from standin.v2.batch_rules import kept
from tests.azure import mlflow_model
from tests.azure.client_v2 import ClientV2
from tests.azure.test_v2_plane import v2_python as v2_python  # a fixture

SCORE = """
import json, os

def init():
    global offset
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "offset.json")) as file:
        offset = json.load(file)

def run(files):
    print("scoring", [os.path.basename(path) for path in files])
    rows = []
    for path in files:
        with open(path) as file:
            rows += [(os.path.basename(path), int(line) + offset) for line in file]
    return rows
"""

SCRIPT = """
from azure.ai.ml.entities import BatchDeployment, BatchEndpoint, CodeConfiguration
NAME = "plane-batch"
environment = ml.environments.create_or_update(
    Environment(name="batch", image=IMAGE, conda_file=conda()))
write("code/score.py", read_score)
write("model/offset.json", "10")
write("rows/a.txt", "1\\n2\\n")
write("rows/b.txt", "3\\n")
write("lost/c.txt", "no number\\n")
model = ml.models.create_or_update(Model(name="batch", path="model"))
seen = {}
ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=NAME)).result()

def deployment(**more):
    return BatchDeployment(
        name="blue", endpoint_name=NAME, model=model, environment=environment,
        code_configuration=CodeConfiguration(code="code", scoring_script="score.py"),
        **{"compute": "cpu-cluster", "mini_batch_size": 1, "error_threshold": 0,
           "max_concurrency_per_instance": 2, **more},
    )

begin = ml.batch_deployments.begin_create_or_update
seen["no compute"] = refused(lambda: begin(deployment(compute="none")))[0]
made = begin(deployment()).result()
seen["made"] = [made.provisioning_state, made.output_file_name, made.retry_settings.max_retries]
rows = Input(type="uri_folder", path="rows")
seen["no default"] = "default deployment" in refused(
    lambda: ml.batch_endpoints.invoke(NAME, input=rows))[1]
endpoint = ml.batch_endpoints.get(NAME)
endpoint.defaults.deployment_name = "blue"
ml.batch_endpoints.begin_create_or_update(endpoint).result()

def end(job):
    while ml.jobs.get(job.name).status not in ("Completed", "Failed"):
        time.sleep(0.2)
    return ml.jobs.get(job.name).status

job = ml.batch_endpoints.invoke(NAME, input=rows)
store = ml.datastores.get_default()
lost = ml.batch_endpoints.invoke(
    NAME, input=Input(type="uri_folder", path="lost"),
    params_override=[{"retry_settings.max_retries": 0}])
placed = ml.batch_endpoints.invoke(
    NAME, input=rows,
    params_override=[{"output_dataset.datastore_id": f"azureml:{store.id}"},
                     {"output_dataset.path": "/placed/"}, {"output_file_name": "said.csv"}])
for path, text in flow_files.items():
    write(path, text)
write("table/a.csv", "b,a\\n2,1.5\\n3,1\\n")
write("table/deep/b.csv", "b,a\\n1,1\\n")
write("other/c.avro", "")
flow = ml.models.create_or_update(Model(name="flow", path="flow", type="mlflow_model"))
seen["alone"] = begin(BatchDeployment(
    name="flow", endpoint_name=NAME, model=flow, compute="cpu-cluster", mini_batch_size=10,
)).result().environment

def predict(folder):
    given = Input(type="uri_folder", path=folder)
    return ml.batch_endpoints.invoke(NAME, deployment_name="flow", input=given)

flows = [predict(folder) for folder in ("table", "other")]
seen["ended"] = [end(one) for one in (job, lost, placed)]
seen["flows"] = [end(one) for one in flows]
seen["said"] = []
for one in flows:
    (child,) = ml.jobs.list(parent_job_name=one.name)
    ml.jobs.download(child.name, download_path=one.name, all=True)
    seen["said"].append(open(f"{one.name}/artifacts/user_logs/std_log.txt").read())
with open(f"{flows[0].name}/named-outputs/score/predictions.csv") as file:
    seen["predicted"] = file.read().splitlines()
(child,) = ml.jobs.list(parent_job_name=job.name)
ml.jobs.download(child.name, download_path="got", output_name="score")
seen["scored"] = sorted(open("got/named-outputs/score/predictions.csv").read().splitlines())
ml.jobs.download(child.name, download_path="all", all=True)
seen["log"] = open("all/artifacts/user_logs/std_log.txt").read()
seen["listed"] = [one.name for one in ml.batch_endpoints.list_jobs(NAME)] == [
    one.name for one in (*flows[::-1], placed, lost, job)]
seen["of one"] = len(ml.batch_deployments.list_jobs(name="blue", endpoint_name=NAME))
again = ml.batch_endpoints.invoke(
    NAME, deployment_name="blue",
    inputs={"in": Input(type="uri_file",
                        path="azureml://datastores/workspaceblobstore/paths/placed/said.csv")},
    outputs={"out": Output(type="uri_file",
                           path="azureml://datastores/workspaceblobstore/paths/named/other.csv")},
    params_override=[{"error_threshold": -1}, {"retry_settings.max_retries": 0}])
seen["borne"] = end(again)
ml.batch_endpoints.begin_delete(NAME).result()
seen["gone"] = refused(lambda: ml.batch_endpoints.get(NAME))[0]
print()  # the poller of azure-ai-ml ends no line
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(
    standin: StandIn, v2_python: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a client sees of a batch endpoint."""
    standin.add_compute("cpu-cluster")
    client = ClientV2(standin, v2_python, tmp_path_factory.mktemp("batch"))
    found: dict[str, Any] = client.run(
        f"read_score, flow_files = {SCORE!r}, {mlflow_model.FILES!r}\n{SCRIPT}"
    )
    return found


def test_a_deployment_is_filled_in_and_needs_its_cluster(seen: dict[str, Any]) -> None:
    """The defaults are those that the specification names."""
    assert seen["no compute"] == 400
    assert seen["made"] == ["Succeeded", "predictions.csv", 3]
    assert seen["no default"]


def test_a_word_of_a_deployment_is_answered_as_published() -> None:
    """Scripts say "info"; the specification has Info, and the default."""
    levels = [kept(given)["loggingLevel"] for given in ({"loggingLevel": "info"}, {})]
    assert levels == ["Info", "Info"]


def test_an_invocation_scores_file_by_file(seen: dict[str, Any]) -> None:
    """In mini batches of the size that was said; one row a line, its columns parted by a blank."""
    assert seen["scored"] == ["a.txt 11", "a.txt 12", "b.txt 13"]
    assert "2 files, mini batches of 1, 2 processes" in seen["log"]
    assert "scoring ['b.txt']" in seen["log"]


def test_failures_above_the_threshold_fail_the_job(seen: dict[str, Any]) -> None:
    """A request may bear them all: words are no numbers, and nothing is left to write."""
    assert seen["ended"] == ["Completed", "Failed", "Completed"]
    assert seen["borne"] == "Completed"


def test_a_model_of_mlflow_scores_tables_without_a_script(seen: dict[str, Any]) -> None:
    """Row, prediction and file; not of folders in the folder."""
    assert (seen["alone"], seen["predicted"]) == (None, ["0,3.0,a.csv", "1,3.0,a.csv"])


def test_a_file_that_mlflow_cannot_be_given_fails_the_job(seen: dict[str, Any]) -> None:
    """In the words that the documentation quotes, whatever number of failures is borne."""
    assert seen["flows"] == ["Completed", "Failed"]
    assert "c.avro'. File type 'avro' is not supported." in seen["said"][1]


def test_an_output_is_placed_by_its_file(seen: dict[str, Any], standin: StandIn) -> None:
    """By a datastore's path and a file's name, or by the whole path of a file."""
    assert seen["gone"] == 404  # all of it is done
    blobs = standin.azure.blobs
    rows = blobs.get(blobs.container, "placed/said.csv") or b""
    assert sorted(rows.decode().splitlines()) == ["a.txt 11", "a.txt 12", "b.txt 13"]
    assert blobs.get(blobs.container, "named/other.csv") == b""


def test_jobs_are_listed_by_endpoint_and_deployment(seen: dict[str, Any]) -> None:
    """Newest first."""
    assert (seen["listed"], seen["of one"], seen["gone"]) == (True, 3, 404)


@pytest.mark.parametrize(
    ("script", "settings", "said"),
    [
        ("def init(): 1 / 0\ndef run(files): return files", {}, "ZeroDivisionError"),
        ("def init(): pass\ndef run(files): return None", {}, "number of failed items, 1"),
        ("import time\ndef init(): pass\ndef run(files): time.sleep(9)", {}, "longer than 0.3"),
        ("import os\ndef init(): pass\ndef run(files): os._exit(1)", {}, "the process ended"),
        ("def init(): pass\ndef run(files): return []", {"error_threshold": -1}, "0 rows, 1 fail"),
    ],
)
def test_the_driver_tells_what_went_wrong(
    tmp_path: Path, script: str, settings: dict[str, Any], said: str
) -> None:
    """A script that throws, returns nothing, hangs or dies; -1 bears any number of failures."""
    (tmp_path / "score.py").write_text(script)
    (tmp_path / "row.txt").write_text("1")
    told = {
        "script": "score.py", "input": "row.txt", "below": True, "output": "out.csv",
        "mini_batch_size": 1,
        "error_threshold": 0, "retries": 0, "seconds": 0.3, "processes": 1, "append_row": True,
    }  # fmt: skip
    (tmp_path / "settings.json").write_text(json.dumps(told | settings))
    done = subprocess.run(
        [sys.executable, str(DRIVER), "settings.json"],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert said in done.stdout + done.stderr
    assert (done.returncode == 0) == bool(settings)
