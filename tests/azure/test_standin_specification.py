"""The stand-in is held to what was published, and the check itself is shown to fail."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from standin import StandIn
from standin.specification import ROUTES, check, find, published
from standin.specifications import coverage, notation
from standin.specifications.mutations import Figures, measure, total
from standin.specifications.witness import Witness, watched
from tests.azure.client import Client

ID = "00000000-0000-0000-0000-000000000000"
WORKSPACE = (
    f"/subscriptions/{ID}/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)
ARM, API, LOGIN = "management.azure.com", "westeurope.api.azureml.ms", "login.microsoftonline.com"
GRAPH, DEVOPS = "graph.microsoft.com", "dev.azure.com"
HISTORY = f"/history/v1.0{WORKSPACE}/experiments/e"
MODELS = f"/modelmanagement/v1.0{WORKSPACE}"
STORAGE = f"/subscriptions/{ID}/providers/Microsoft.Storage"
POOL = "/fabrikam/RM/_apis/pipelines/pipelinepermissions"
MOMENT = "2022-08-30T19:56:28.2261097+00:00"

# Answers as the sources show them (examples and recordings named in specifications/*.json), with
# names of our own. One of each service.
COMPUTE: dict[str, Any] = {
    "id": f"{WORKSPACE}/computes/c",
    "type": "Microsoft.MachineLearningServices/workspaces/computes",
    "name": "c",
    "location": "eastus2",
    "tags": None,
    "properties": {
        "description": "some compute",
        "createdOn": MOMENT,
        "modifiedOn": MOMENT,
        "computeType": "AmlCompute",
        "disableLocalAuth": False,
        "resourceId": None,
        "provisioningState": "Succeeded",
        "provisioningErrors": None,
        "provisioningWarnings": None,
        "isAttachedCompute": False,
        "properties": {
            "vmSize": "STANDARD_NC6",
            "vmPriority": "Dedicated",
            "osType": "Linux",
            "virtualMachineImage": None,
            "isolatedNetwork": False,
            "subnet": {"id": "test-subnet-resource-id"},
            "scaleSettings": {
                "maxNodeCount": 1,
                "minNodeCount": 0,
                "nodeIdleTimeBeforeScaleDown": "PT5M",
            },
            "remoteLoginPortPublicAccess": "Enabled",
            "allocationState": "Resizing",
            "allocationStateTransitionTime": "2017-09-27T22:28:08.998Z",
            "errors": None,
            "currentNodeCount": 0,
            "targetNodeCount": 1,
            "nodeStateCounts": {"preparingNodeCount": 0, "runningNodeCount": 0},
            "enableNodePublicIp": True,
            "enableBatchPrivateLink": False,
        },
    },
}
TOKEN = {
    "token_type": "Bearer",
    "expires_in": 86399,
    "ext_expires_in": 86399,
    "refresh_in": 43199,
    "access_token": "Sanitized",
}
ENTRA_ERROR = {
    "error": "unauthorized_client",
    "error_description": "AADSTS700016: Application with identifier 'a' was not found.",
    "error_codes": [700016],
    "timestamp": "2022-03-10 07:37:21Z",
    "trace_id": ID,
    "correlation_id": ID,
    "error_uri": "https://login.microsoftonline.com/error?code=700016",
}
ARM_ERROR = {"error": {"code": "ResourceNotFound", "message": "The Resource 'w' was not found."}}
ERROR: dict[str, Any] = {
    "error": {
        "code": "UserError",
        "message": "Run r was not found",
        "details": [],
        "innerError": {"code": "NotFound", "innerError": None},
    },
    "correlation": {"operation": "o", "request": "r"},
    "environment": "westeurope",
    "location": "westeurope",
    "time": MOMENT,
}
MODEL_ERROR = {
    "code": "Conflict",
    "statusCode": 409,
    "message": "Conflict",
    "details": [{"code": "ServiceExists", "message": "There is a service of that name."}],
}
DETAILS: dict[str, Any] = {
    "runId": "r",
    "target": "c",
    "status": "Failed",
    "startTimeUtc": MOMENT,
    "endTimeUtc": None,
    "services": {},
    "error": ERROR,
    "warnings": [],
    "properties": {"ContentSnapshotId": ID},
    "inputDatasets": [],
    "outputDatasets": [],
    "runDefinition": None,
    "logFiles": {"user_logs/std_log.txt": "https://a.blob.core.windows.net/c/b"},
}

ASSIGNMENT = {
    "id": f"{WORKSPACE}/providers/Microsoft.Authorization/roleAssignments/{ID}",
    "name": ID,
    "type": "Microsoft.Authorization/roleAssignments",
    "properties": {
        "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{ID}",
        "principalId": ID,
        "principalType": "User",
        "scope": WORKSPACE,
        "condition": None,
        "conditionVersion": None,
        "createdBy": ID,
        "createdOn": MOMENT,
        "delegatedManagedIdentityResourceId": None,
        "description": None,
        "updatedBy": ID,
        "updatedOn": MOMENT,
    },
}
PASSWORD = {
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x",
    "customKeyIdentifier": None,
    "displayName": "key1",
    "endDateTime": "2024-05-07T06:52:43Z",
    "hint": "yXo",
    "keyId": ID,
    "secretText": "Sanitized",
    "startDateTime": "2022-05-07T06:52:43Z",
}
PERMISSIONS = {
    "resource": {"type": "variablegroup", "id": "1"},
    "pipelines": [],
    "allPipelines": {
        "authorized": True,
        "authorizedBy": {"displayName": "User Name", "id": ID, "uniqueName": "u"},
        "authorizedOn": "2020-01-02T08:59:48.77Z",
    },
}
NAME_TAKEN = {"nameAvailable": False, "reason": "AlreadyExists", "message": "It is taken."}

GOOD = [
    pytest.param("GET", ARM, f"{WORKSPACE}/computes/c", 200, COMPUTE, id="compute"),
    pytest.param("POST", LOGIN, f"/{ID}/oauth2/v2.0/token", 200, TOKEN, id="token"),
    pytest.param("POST", LOGIN, f"/{ID}/oauth2/v2.0/token", 400, ENTRA_ERROR, id="no such app"),
    pytest.param("GET", ARM, WORKSPACE, 404, ARM_ERROR, id="no such workspace"),
    pytest.param("GET", API, f"{HISTORY}/runs/r", 404, ERROR, id="no such run"),
    pytest.param("GET", API, f"{HISTORY}/runs/r/details", 200, DETAILS, id="run details"),
    pytest.param("POST", API, f"{MODELS}/services", 409, MODEL_ERROR, id="service exists"),
    pytest.param(
        "POST",
        API,
        f"/execution/v1.0{WORKSPACE}/experiments/e/snapshotrun",
        200,
        {"runId": "demorun_15501234342_0"},
        id="run started",
    ),
    pytest.param(
        "POST",
        API,
        f"/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow/runs/create",
        200,
        {"run": {"info": {"run_id": "r", "status": "RUNNING", "start_time": 1}}},
        id="mlflow run",
    ),
    pytest.param("GET", ARM, ASSIGNMENT["id"], 200, ASSIGNMENT, id="role assignment"),
    pytest.param("POST", ARM, f"{STORAGE}/checkNameAvailability", 200, NAME_TAKEN, id="name"),
    pytest.param(
        "POST", GRAPH, f"/v1.0/applications/{ID}/addPassword", 200, PASSWORD, id="password"
    ),
    pytest.param("GET", DEVOPS, f"{POOL}/variablegroup/1", 200, PERMISSIONS, id="permissions"),
]


@pytest.mark.parametrize(("method", "host", "path", "status", "body"), GOOD)
def test_what_was_published_conforms(
    method: str, host: str, path: str, status: int, body: object
) -> None:
    """The check lets through what the sources show."""
    assert check(method, host, path, {}, status, None, body) == []


def _objects(value: object, place: str = "") -> Iterator[str]:
    """The places of all objects in a JSON value."""
    if isinstance(value, dict):
        yield place
        for key, inner in value.items():
            yield from _objects(inner, f"{place}.{key}".lstrip("."))


def _at(value: Any, place: str) -> Any:
    for key in place.split(".") if place else []:
        value = value[key]
    return value


@pytest.mark.parametrize(("method", "host", "path", "status", "body"), GOOD)
def test_an_unknown_key_is_refused_wherever_it_stands(
    method: str, host: str, path: str, status: int, body: object
) -> None:
    """No object, however deep, may hold a key that the specification does not name."""
    for place in _objects(body):
        broken = copy.deepcopy(body)
        _at(broken, place)["madeUp"] = {"madeUp": 1}  # in a map of strings: a wrong value
        assert check(method, host, path, {}, status, None, broken), place


@pytest.mark.parametrize(("method", "host", "path", "status", "body"), GOOD)
def test_a_value_of_another_type_is_refused(
    method: str, host: str, path: str, status: int, body: object
) -> None:
    """Each value in its turn is made one of a wrong type."""
    for place in _objects(body):
        for key in _at(body, place):
            broken = copy.deepcopy(body)
            _at(broken, place)[key] = [[1]]
            assert check(method, host, path, {}, status, None, broken), f"{place}.{key}"


@pytest.mark.parametrize(
    ("method", "host", "path", "status", "body", "missing"),
    [
        (*GOOD[0].values, "properties.computeType"),  # by the specification
        (*GOOD[0].values, "properties.provisioningErrors"),  # because azureml-core reads it
        (*GOOD[0].values, "properties.properties.scaleSettings.maxNodeCount"),
        (*GOOD[1].values, "access_token"),
        (*GOOD[2].values, "error_codes"),
        (*GOOD[4].values, "error.details"),
        (*GOOD[5].values, "logFiles"),
        (*GOOD[6].values, "statusCode"),
        (*GOOD[7].values, "runId"),
    ],
)
def test_a_missing_field_is_refused(
    method: str, host: str, path: str, status: int, body: object, missing: str
) -> None:
    """What the specification requires, and what the client reads, must be there."""
    broken = copy.deepcopy(body)
    place, _, key = missing.rpartition(".")
    del _at(broken, place)[key]
    found = check(method, host, path, {}, status, None, broken)
    assert found and key in found[0]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("properties.createdOn", "yesterday"),
        ("properties.createdOn", "2022-08-30T19:56:28"),  # no time zone
        ("properties.provisioningState", "Done"),
        ("properties.properties.scaleSettings.nodeIdleTimeBeforeScaleDown", "120 seconds"),
        ("properties.properties.currentNodeCount", "0"),
    ],
)
def test_formats_and_words_are_checked(place: str, value: object) -> None:
    """A date, a duration, an enumeration, a number."""
    broken = copy.deepcopy(COMPUTE)
    above, _, key = place.rpartition(".")
    _at(broken, above)[key] = value
    assert check("GET", ARM, f"{WORKSPACE}/computes/c", {}, 200, None, broken)


def test_a_call_that_azure_has_not_is_404_without_a_body() -> None:
    """MLflow 3 asks for models of its own; the refusal is the proxy's (see `logged_models`)."""
    path = f"/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow/logged-models"
    assert check("POST", API, path, {}, 404, None, None) == []
    error = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}
    assert check("POST", API, path, {}, 404, None, error)


@pytest.mark.parametrize(
    ("method", "host", "path", "right"),
    [
        ("GET", ARM, WORKSPACE, ARM_ERROR),
        ("GET", API, f"{HISTORY}/runs/r", ERROR),
        ("GET", API, f"{MODELS}/models/m:1", MODEL_ERROR),
        ("POST", LOGIN, f"/{ID}/oauth2/v2.0/token", ENTRA_ERROR),
        (
            "GET",
            API,
            f"/mlflow/v1.0{WORKSPACE}/api/2.0/mlflow/runs/get",
            {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"},
        ),
    ],
)
def test_each_service_has_its_own_shape_of_error(
    method: str, host: str, path: str, right: object
) -> None:
    """The error of one service is refused from another."""
    for error in (ARM_ERROR, ERROR, MODEL_ERROR, ENTRA_ERROR, {"error_code": "X", "message": "m"}):
        found = check(method, host, path, {}, 404, None, error)
        same = isinstance(right, dict) and set(error) == set(right)
        assert (found == []) == same, error


def test_what_nothing_published_covers_is_left_open() -> None:
    """None, not "no violations", where there is nothing to hold an answer to."""
    path = f"/content/v1.0{WORKSPACE}/snapshots/latest/metadata"
    assert check("GET", API, path, {}, 200, None, {"anything": 1}) is None
    assert check("GET", "example.com", WORKSPACE, {}, 200, None, {}) is None


def test_a_status_or_a_body_that_was_not_published_is_refused() -> None:
    """Deploying is answered by 202 with no body; deleting a model that is not there by 204."""
    services, model = f"{MODELS}/services", f"{MODELS}/models/m:1"
    assert check("POST", API, services, {}, 202, None, None) == []
    assert check("POST", API, services, {}, 200, None, None)
    assert check("POST", API, services, {}, 202, None, {"name": "s"})
    assert check("DELETE", API, model, {}, 204, None, None) == []
    assert check("GET", API, model, {}, 200, None, None)


def test_the_rows_that_say_most_of_a_path_win() -> None:
    """`…/batch/metadata` is no artifact's container."""
    row = find("POST", API, f"/artifact/v2.0{WORKSPACE}/artifacts/batch/metadata/Origin/container")
    assert row is not None and row.path.endswith("/batch/metadata/{origin}/{container}")


def test_the_files_agree_with_themselves() -> None:
    """Every file builds, names its sources, and backs its rows by a source that it names."""
    assert len(published()) > 100
    for name in notation.names():
        notation.definitions(name)
        data = notation.load(name)
        used = {backing for *_, backing in data["answers"]}
        assert used <= set(data["sources"]) and data["sources"], name


def test_the_page_of_routes_lists_them_as_they_are() -> None:
    """ROUTES.md's table is the one that `python -m standin.specification --table` prints."""
    standin = StandIn()
    try:
        table = coverage.table(standin.azure.router)
    finally:
        standin.stop()
    assert table.strip() in ROUTES.read_text(encoding="utf-8")


TRAIN = """
import mlflow
from azureml.core import Run
with mlflow.start_run():
    mlflow.log_metric("accuracy", 0.9)
    mlflow.log_param("depth", 3)
    mlflow.set_tag("kind", "tree")
    mlflow.log_artifact(__file__)
    inside, client = mlflow.active_run().info.run_id, mlflow.MlflowClient()
    client.create_registered_model("held-mlflow")
    made = client.create_model_version("held-mlflow", mlflow.get_artifact_uri("x"), inside)
assert [made.version, client.get_model_version("held-mlflow", "1").status] == ["1", "READY"]
assert client.search_model_versions("name='held-mlflow'")[0].run_id == inside
try:
    client.create_registered_model("held-mlflow")
    raise SystemExit("made twice")
except mlflow.exceptions.RestException as error:
    assert error.error_code == "RESOURCE_ALREADY_EXISTS", error.error_code
run = Run.get_context()
run.log("loss", 0.1)
run.tag("inside", "yes")
run.flush()
open("outputs/model.txt", "w").write("weights")
"""
SCORE = """
import os
def init():
    global model
    model = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.txt")).read()
def run(data):
    return {"model": model}
"""
FLOW = """
from azureml.core import ComputeTarget, Datastore, Webservice
from azureml.core.compute import AmlCompute
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice

def refused(call):
    try:
        call()
    except Exception:
        return
    raise SystemExit(f"not refused: {call}")

def user():
    secret = ServicePrincipalAuthentication(e["TENANT_ID"], e["SPN_ID"], "wrong")
    return Workspace.get(ws.name, secret, ws.subscription_id, ws.resource_group)

refused(user)
refused(lambda: Workspace.get("none", ws._auth_object, ws.subscription_id, ws.resource_group))
refused(lambda: ComputeTarget(ws, "none"))
plan = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=1)
made = ComputeTarget.create(ws, "held", plan)
made.wait_for_completion()
assert "held" in ws.compute_targets
made.delete()

refused(lambda: Environment.get(ws, "none"))
env = environment(
    "held", "azureml-core==1.61.0.post4", "azureml-mlflow==1.62.0.post6", "mlflow-skinny==3.15.0"
)
env.register(ws)
assert Environment.get(ws, "held").version == "1"

refused(lambda: Datastore.get(ws, "none"))
store = ws.get_default_datastore()
with open("a.csv", "w") as file:
    file.write("x,y\\n1,2\\n")
store.upload_files(["a.csv"], target_path="held", overwrite=True, show_progress=False)
data = Dataset.File.from_files((store, "held/*.csv"), validate=False)
data.register(ws, "held", create_new_version=True)
assert Dataset.get_by_name(ws, "held").version == 1
refused(lambda: Dataset.get_by_name(ws, "none"))

run = submit("held", read("train"), environment=env, tags={"a": "b"})
assert wait(run)["status"] == "Completed", run.get_details()
assert run.get_metrics()["loss"] == 0.1 and run.get_metrics()["accuracy"] == 0.9
run.download_file("outputs/model.txt", "model.txt")
assert [one.id for one in run.experiment.get_runs()] == [run.id] and not list(run.get_children())
failed = submit("held", "raise SystemExit(3)", environment=env)
assert wait(failed)["status"] == "Failed" and failed.get_details()["error"]
ended = submit("held", "import time; time.sleep(600)", environment=env)
ended.cancel()
assert wait(ended)["status"] == "Canceled"
own = run.experiment.start_logging(snapshot_directory=None)
own.fail(error_details="not good enough")
assert own.get_details()["error"]["error"]["message"] == "not good enough"
vault = ws.get_default_keyvault()
vault.set_secret("held", "s")
assert vault.get_secret("held") == "s" and vault.list_secrets() == [{"name": "held"}]
refused(lambda: vault.get_secret("none"))
refused(lambda: Run.get(ws, "none"))

assert Model(ws, "held-mlflow", version=1).version == 1
model = run.register_model("held", model_path="outputs/model.txt", tags={"t": "1"})
refused(lambda: Model(ws, "held", version=99))
time.sleep(0.5)  # lists lag
assert Model(ws, "held").id == model.id and Model.list(ws, "held", latest=True)
model.add_tags({"more": "1"})
serving = environment("serving", "azureml-inference-server-http")
inference = InferenceConfig(entry_script="score.py", source_directory=".", environment=serving)
aci = AciWebservice.deploy_configuration(auth_enabled=True)
service = Model.deploy(ws, "held", [model], inference, aci)
service.wait_for_deployment()
assert service.run(b"{}") == {"model": "weights"} and service.get_logs()
before = service.get_keys()
service.regen_key("Primary")
assert service.get_keys()[0] != before[0]
service.update(tags={"n": "1"})
refused(lambda: Model.deploy(ws, "held", [model], inference, aci))
assert "held" in [one.name for one in Webservice.list(ws)]
service.delete()
refused(lambda: Webservice(ws, "held"))
model.delete()
print(json.dumps("done"))
"""


@pytest.fixture(scope="module")
def seen(
    standin: StandIn, sdk_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Witness]:
    """What the stand-in answered to the unmodified SDK, from workspace to service."""
    client = Client(standin, sdk_python, tmp_path_factory.mktemp("held"))
    with watched() as witness:
        assert client.run(FLOW, train=TRAIN, score=SCORE) == "done"
        yield witness


def test_the_answers_given_to_the_sdk_conform(seen: Witness) -> None:
    """Every answer that anything published covers has no violation."""
    assert seen.violations == {}


def test_most_answers_given_to_the_sdk_are_covered(seen: Witness) -> None:
    """The check saw each service, and what nothing covers is the smaller part."""
    parts = {handler.partition(".")[0] for handler in seen.conforming}
    assert parts >= {
        "Identity", "Arm", "Computes", "Artifacts", "Environments", "Datastores", "Datasets",
        "History", "Jobs", "Metrics", "MlflowTracking", "Models", "Services",
    }  # fmt: skip
    assert sum(seen.uncovered.values()) < sum(seen.conforming.values()) / 3


def _holds(figures: Figures, removed: float) -> None:
    """What the check is to notice of answers whose keys are broken one at a time."""
    assert figures.share("renamed") > 0.95 and figures.share("retyped") > 0.95
    assert figures.share("removed") > removed


def test_broken_answers_are_noticed(seen: Witness) -> None:
    """A fixed sample of the keys of all answers to the SDK: taken away, renamed, retyped."""
    figures = total(measure(seen.answers.values(), every=5))
    assert figures.broken["retyped"] > 400
    _holds(figures, 0.7)  # which answers there are varies with the speed of the machine


@pytest.mark.sweep
def test_every_broken_answer_is_noticed(seen: Witness) -> None:
    """Every key of all answers to the SDK; `python -m standin.specifications.mutations` prints."""
    _holds(total(measure(seen.answers.values())), 0.77)  # see benchmarks/answers.md
