"""Command jobs of SDK v2, by the unmodified azure-ai-ml: really executed, streamed, downloaded."""

from __future__ import annotations

from typing import Any

import pytest

from standin import StandIn
from tests.azure.client_v2 import ClientV2
from tests.azure.test_v2_plane import v2_python as v2_python  # a fixture

TRAIN = """
import json, os, sys, time
print("given", sys.argv[1:3], sorted(os.listdir(sys.argv[3])), flush=True)
print("variables", os.environ["GREETING"], os.environ["AZUREML_RUN_ID"], flush=True)
os.makedirs("outputs/model", exist_ok=True)
open("outputs/model/weights.txt", "w").write("weights of " + sys.argv[1])
open(os.path.join(sys.argv[4], "scores.txt"), "w").write("scores")
open("aside.txt", "w").write("stays")
if "fail" in sys.argv:
    sys.exit(3)
if "wait" in sys.argv:
    time.sleep(100)
"""

SCRIPT = """
import contextlib, io
ml.environments.create_or_update(
    Environment(name="jobs", version="1", image=IMAGE, conda_file=conda()))
write("rows/a.csv", "x")
write("src/train.py", read_train)
ml.data.create_or_update(Data(name="jobs-rows", version="1", path="rows", type="uri_folder"))
ROWS = Input(type="uri_folder", path="azureml:jobs-rows:1")

def submit(text="", **more):
    words = "python train.py ${{inputs.n}} ${{inputs.words}} ${{inputs.rows}} ${{outputs.out}} "
    return ml.jobs.create_or_update(command(
        code="src", command=words + text, environment="jobs:1", experiment_name="plane",
        inputs={"n": 4, "words": "one", "rows": ROWS},
        outputs={"out": Output(type="uri_folder")},
        environment_variables={"GREETING": "hello"}, tags={"a": "b c"}, **more,
    ))

def stream(job):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            ml.jobs.stream(job.name)
        except Exception as error:
            print(error)
    return said.getvalue()

def files(folder):
    found = [os.path.join(above, one) for above, _, ones in os.walk(folder) for one in ones]
    return sorted(os.path.relpath(one, folder) for one in found)

seen = {}
job, failing, waiting = submit(), submit("fail", compute="cpu-cluster"), submit("wait")
seen["id"], seen["streamed"] = job.name, stream(job)
done = ml.jobs.get(job.name)
seen["status"] = [done.status, done.experiment_name, done.tags, done.compute]
ml.jobs.download(job.name, download_path="all", all=True)
seen["files"] = files("all")
path = f"azureml://jobs/{job.name}/outputs/artifacts/paths/outputs/model/"
model = ml.models.create_or_update(Model(name="jobs", path=path, type="custom_model"))
seen["model"] = [model.version, model.job_name]
ml.models.download("jobs", "1", download_path="model")
seen["weights"] = open("model/jobs/model/weights.txt").read()
lost = Model(name="jobs", path=path.replace("outputs/model", "outputs/none"), type="custom_model")
seen["lost"] = refused(lambda: ml.models.create_or_update(lost))[0]
scores = f"azureml://jobs/{job.name}/outputs/out/paths/scores.txt"
used = ml.jobs.create_or_update(command(
    command="cat ${{inputs.m}}/weights.txt ${{inputs.f}}", environment="jobs:1",
    inputs={"m": Input(type="custom_model", path="azureml:jobs:1"),
            "f": Input(type="uri_file", path=scores)},
))
seen["used"] = stream(used)
seen["failed"] = [stream(failing), ml.jobs.get(failing.name).status]
ml.jobs.download(failing.name, download_path="failed")
seen["its log"] = open("failed/artifacts/user_logs/std_log.txt").read()
while ml.jobs.get(waiting.name).status != "Running":
    time.sleep(0.1)
ml.jobs.begin_cancel(waiting.name).result()
seen["canceled"] = ml.jobs.get(waiting.name).status
ml.jobs.update(job.name, tags={"c": "d"}, display_name="shown")
seen["updated"] = [ml.jobs.get(job.name).tags, ml.jobs.get(job.name).display_name]
ml.jobs.archive(job.name)
time.sleep(0.3)
mine = {job.name: "job", failing.name: "failing", waiting.name: "waiting"}
seen["listed"] = sorted(mine[one.name] for one in ml.jobs.list() if one.name in mine)
seen["missing"] = refused(lambda: ml.jobs.get("none"))[0]
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(
    standin: StandIn, v2_python: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a client sees of four jobs."""
    client = ClientV2(standin, v2_python, tmp_path_factory.mktemp("jobs"))
    found: dict[str, Any] = client.run(f"read_train = {TRAIN!r}\n{SCRIPT}")
    return found


def test_a_job_is_executed_with_its_inputs(seen: dict[str, Any]) -> None:
    """The log that `stream` prints is the script's own."""
    assert "given ['4', 'one'] ['a.csv']" in seen["streamed"]
    assert f"variables hello {seen['id']}" in seen["streamed"]
    assert seen["status"] == ["Completed", "plane", {"a": "b c"}, None]


def test_what_a_job_wrote_is_downloaded(seen: dict[str, Any]) -> None:
    """./outputs, the log and the named output; nothing of what lies aside."""
    assert {"artifacts/outputs/model/weights.txt", "artifacts/user_logs/std_log.txt"} <= {
        *seen["files"]
    }
    assert "named-outputs/out/scores.txt" in seen["files"]
    assert not [one for one in seen["files"] if "aside" in one]


def test_a_model_is_registered_from_the_job(seen: dict[str, Any]) -> None:
    """And is the input of another job; what the job did not write is refused."""
    assert seen["model"] == ["1", seen["id"]]
    assert (seen["weights"], seen["lost"]) == ("weights of 4", 400)
    assert "weights of 4scores" in seen["used"]


def test_an_exit_code_fails_the_job(seen: dict[str, Any]) -> None:
    """`stream` raises with the service's words."""
    said, status = seen["failed"]
    assert status == "Failed" and "exited with status code 3" in said
    assert "variables hello" in seen["its log"]


def test_a_canceled_job_ends(seen: dict[str, Any]) -> None:
    """Within the poller's wait."""
    assert seen["canceled"] == "Canceled"


def test_a_job_is_changed_archived_and_listed(seen: dict[str, Any]) -> None:
    """By run history, as azure-ai-ml does it."""
    assert seen["updated"] == [{"a": "b c", "c": "d"}, "shown"]
    assert seen["listed"] == ["failing", "waiting"]
    assert seen["missing"] == 404


def test_its_run_is_a_run_for_everyone(seen: dict[str, Any], standin: StandIn) -> None:
    """SDK v1 and MLflow find it under the same id."""
    run = standin.azure.runs.get(seen["id"])
    assert (run.experiment.name, run.status) == ("plane", "Completed")
    assert "outputs/model/weights.txt" in standin.azure.runs.files(run)
