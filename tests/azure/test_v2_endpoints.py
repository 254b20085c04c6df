"""Managed online endpoints of SDK v2, by the unmodified azure-ai-ml and plain requests."""

from __future__ import annotations

from typing import Any

import pytest

from standin import StandIn
from standin.routing import AzureError
from standin.v2 import online_rules as rules
from standin.v2.router import Deck
from tests.azure import mlflow_model
from tests.azure.client_v2 import ClientV2
from tests.azure.test_v2_plane import v2_python as v2_python  # a fixture

SCORE = """
import json, os, time

def init():
    global offset
    print("initialised with", os.listdir(os.environ["AZUREML_MODEL_DIR"]))
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "offset.json")) as file:
        offset = json.load(file)

def run(data):
    given = json.loads(data)["data"]
    if given == "sleep":
        time.sleep(4)
    return [one + offset for one in given] if isinstance(given, list) else 1 / (given == "sleep")
"""

SCRIPT = """
import concurrent.futures, requests
from collections import Counter
from azure.ai.ml.entities import (
    BatchEndpoint, CodeConfiguration, ManagedOnlineDeployment, ManagedOnlineEndpoint,
    OnlineRequestSettings,
)
NAME, endpoints, deployments = "plane-online", ml.online_endpoints, ml.online_deployments
environment = ml.environments.create_or_update(Environment(
    name="online", image=IMAGE, conda_file=conda("azureml-inference-server-http==1.5.1")))
write("context/Dockerfile", f"FROM {IMAGE}\\nRUN pip install azureml-inference-server-http==1.5.1")
built = ml.environments.create_or_update(
    Environment(name="online-built", build=BuildContext(path="context")))
write("code/score.py", read_score)
write("bad/score.py", "import nowhere")
models = []
shared = MLClient(credential, registry_name="online", enable_telemetry=False, show_progress=False)
for version, place in (("1", ml), ("2", shared)):
    write("model/offset.json", f"{version}0")
    said = Model(name="online", version=version, path="model", type="custom_model")
    models.append(place.models.create_or_update(said).id)  # the second is the registry's

def deployment(name, model, code="code", count=1):
    return ManagedOnlineDeployment(
        name=name, endpoint_name=NAME, model=model,
        environment=built if name == "green" else environment,
        code_configuration=CodeConfiguration(code=code, scoring_script="score.py"),
        instance_type="Standard_DS3_v2", instance_count=count,
        request_settings=OnlineRequestSettings(request_timeout_ms=3000),
    )

def begin(name, *given):
    return deployments.begin_create_or_update(deployment(name, *given), skip_script_validation=True)

for path, text in flow_files.items():
    write(path, text)
flow = ml.models.create_or_update(Model(name="flow", path="flow", type="mlflow_model"))

def predict(body):
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "flow"}
    answer = requests.post(address, json=body, headers=headers)
    failed = answer.headers.get("ms-azureml-model-error-statuscode")
    return [answer.status_code, failed or answer.json()]

def share(traffic, mirror=None):
    endpoint.traffic, endpoint.mirror_traffic = traffic, mirror or {}
    return endpoints.begin_create_or_update(endpoint).result()

def ask(data, **headers):
    headers = {"Authorization": f"Bearer {key}", **headers}
    return requests.post(address, json={"data": data}, headers=headers)

def metric(name, filter="", where=""):
    token = credential.get_token("https://management.azure.com/.default").token
    answer = requests.get(
        f"https://management.azure.com{endpoint.id}{where}/providers/microsoft.insights/metrics",
        params={"api-version": "2018-01-01", "metricnames": name, "$filter": filter,
                "interval": "PT1H", "aggregation": "total"},
        headers={"Authorization": f"Bearer {token}"},
    )
    return {
        "/".join(one["value"] for one in series["metadatavalues"]):
            sum(point.get("total", 0) for point in series["data"])
        for series in answer.json()["value"][0]["timeseries"]
    } if answer.ok else answer.json()["error"]["code"]

seen = {}
made = ManagedOnlineEndpoint(name=NAME, auth_mode="key", tags={"a": "b"})
endpoint = endpoints.begin_create_or_update(made).result()
address, key = endpoint.scoring_uri, endpoints.get_keys(NAME).primary_key
seen["endpoint"] = [address, endpoint.provisioning_state, endpoint.tags]
seen["taken"] = refused(lambda: ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=NAME)))
started = [begin("blue", models[0]), begin("green", models[1]), begin("bad", models[0], "bad")]
started.append(deployments.begin_create_or_update(ManagedOnlineDeployment(  # no script
    name="flow", endpoint_name=NAME, model=flow, instance_type="Standard_DS3_v2",
    instance_count=1)))
seen["nobody"] = ask([1]).status_code
seen["started"] = [one.result().provisioning_state for one in started[:2]]
seen["bad"] = refused(started[2].result)[1]
started[3].result()
for kind in ("inference-server", "storage-initializer"):
    seen[kind] = deployments.get_logs("bad", NAME, lines=50, container_type=kind)
seen["states"] = {one.name: one.provisioning_state for one in deployments.list(NAME)}
seen["wrong"] = [
    refused(lambda: share({"blue": 60}))[0],
    refused(lambda: share({"blue": 90, "bad": 10}))[0],
    refused(lambda: share({"blue": 100}, {"green": 60}))[0],
    refused(lambda: begin("two", models[0], "code", 0))[0],
]
seen["shares"] = dict(share({"blue": 90, "green": 10}).traffic)
seen["answers"] = Counter(
    (one.headers["azureml-model-deployment"], one.text) for one in (ask([1]) for _ in range(100))
)
seen["answers"] = {name: [text, count] for (name, text), count in seen["answers"].items()}
seen["by header"] = ask([1], **{"azureml-model-deployment": "green"}).text
seen["held"] = refused(lambda: deployments.begin_delete("green", NAME))[0]
share({"blue": 100}, {"green": 50})
seen["unmirrored"] = {one.text for one in [ask([2]) for _ in range(100)]} == {"[12]"}
for _ in range(20):
    time.sleep(0.5)
    seen["requests"] = metric("RequestsPerMinute", "deployment eq '*'")
    if seen["requests"].get("green") == 61:
        break
failed = ask("fail")
seen["failed"] = [failed.status_code, failed.headers["ms-azureml-model-error-statuscode"]]
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    busy = [one.status_code for one in pool.map(ask, ["sleep"] * 6)]
seen["busy"] = sorted({*busy})
time.sleep(2)
seen["classes"] = metric("RequestsPerMinute", "deployment eq 'blue' and statusCodeClass eq '*'")
seen["errors"] = metric("RequestsPerMinute", "modelStatusCode eq '500'")
seen["of one"] = metric("RequestsPerMinute", where="/deployments/green")[""]
seen["latency"] = metric("RequestLatency_P50", "deployment eq 'blue'")["blue"] > 0
seen["no metric"] = metric("Requests")
seen["back"] = dict(share({"blue": 100}).traffic)
deployments.begin_delete("green", NAME).result()
seen["left"] = sorted(one.name for one in deployments.list(NAME))
endpoints.begin_regenerate_keys(NAME).result()
seen["old key"] = [(one := ask([1])).status_code, one.text]
key = endpoints.get_keys(NAME).primary_key
seen["new key"] = ask([1]).text
table = {"columns": ["b", "a"], "index": [0, 1], "data": [[2, 1.5], [3, 1]]}
seen["flow"] = [predict(body) for body in (
    {"input_data": table},
    {"input_data": table, "params": {"times": 2}},
    {"dataframe_split": table},
    {"input_data": {**table, "columns": ["b", "c"]}},
)]
endpoint.auth_mode = "aad_token"
share({"blue": 100})
tokens = [credential.get_token(f"https://{host}/.default").token
          for host in ("ml.azure.com", "management.azure.com")]
seen["tokens"] = []
for key in (*tokens, "none"):
    seen["tokens"].append(ask([1]).status_code)
write("request.json", '{"data": [3]}')
seen["invoked"] = endpoints.invoke(NAME, request_file="request.json", deployment_name="blue")
endpoints.begin_delete(NAME).result()
seen["gone"] = [refused(lambda: endpoints.get(NAME))[0], ask([1]).status_code]
print()  # the poller of azure-ai-ml ends no line
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(
    standin: StandIn, v2_python: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a client sees of an endpoint from its making to its end."""
    standin.azure.v2.registries.add("online")
    client = ClientV2(standin, v2_python, tmp_path_factory.mktemp("online"))
    found: dict[str, Any] = client.run(
        f"read_score, flow_files = {SCORE!r}, {mlflow_model.FILES!r}\n{SCRIPT}"
    )
    return found


def test_an_endpoint_has_a_name_of_its_own_in_the_region(seen: dict[str, Any]) -> None:
    """Batch endpoints included."""
    host = "https://plane-online.westeurope.inference.ml.azure.com"
    assert seen["endpoint"] == [f"{host}/score", "Succeeded", {"a": "b"}]
    assert seen["taken"][0] == 400


def test_a_deployment_serves_once_it_has_a_share(seen: dict[str, Any]) -> None:
    """Started for real: the answers are those of its own model."""
    assert seen["started"] == ["Succeeded", "Succeeded"]
    assert (seen["nobody"], seen["shares"]) == (404, {"blue": 90, "green": 10})
    assert seen["answers"] == {"blue": ["[11]", 90], "green": ["[21]", 10]}
    assert seen["by header"] == "[21]"


def test_a_script_that_fails_is_told_with_the_logs_of_both_containers(seen: dict[str, Any]) -> None:
    """The words are those of public reports; the log is the server's own."""
    assert seen["bad"].startswith("ResourceNotReady: User container has crashed or terminated")
    assert "No module named 'nowhere'" in seen["inference-server"]
    assert "ModelDownload: Succeeded\nUserContainerStart: Failed" in seen["inference-server"]
    assert "Downloaded model azureml://" in seen["storage-initializer"]
    made = dict.fromkeys(("blue", "green", "flow"), "Succeeded")
    assert seen["states"] == {**made, "bad": "Failed"}


def test_shares_that_cannot_be_are_refused(seen: dict[str, Any]) -> None:
    """So is a deployment without instances."""
    assert seen["wrong"] == [400, 400, 400, 400]


def test_mirrored_requests_change_no_answer_and_are_counted(seen: dict[str, Any]) -> None:
    """Half of a hundred went to green as well, beside its ten and the one by header."""
    assert seen["unmirrored"]
    assert seen["requests"] == {"blue": 90 + 100, "green": 10 + 1 + 50}
    assert seen["of one"] >= 61


def test_what_a_container_cannot_answer_has_the_statuses_of_azure(seen: dict[str, Any]) -> None:
    """424 for a failed model, 408 after the timeout, 429 above the limit; Azure Monitor counts."""
    assert seen["failed"] == [424, "500"]
    assert seen["busy"] == [408, 429]
    assert seen["classes"] == {"blue/2xx": 190, "blue/4xx": 7}
    assert seen["errors"]["500"] >= 1
    assert (seen["latency"], seen["no metric"]) == (True, "BadRequest")


def test_a_deployment_is_deleted_when_its_traffic_is_gone(seen: dict[str, Any]) -> None:
    """And the endpoint with what is left."""
    assert (seen["held"], seen["back"]) == (400, {"blue": 100})
    assert (seen["left"], seen["gone"]) == (["bad", "blue", "flow"], [404, 404])


def test_a_model_of_mlflow_is_served_without_a_script(seen: dict[str, Any]) -> None:
    """A table is read by the model's signature, whole numbers as its types; MLflow's own words for
    a table are not those of Azure ML."""
    assert seen["flow"] == [[200, [3.0, 3.0]], [200, [6.0, 6.0]], [424, "400"], [424, "500"]]


def test_only_the_right_credential_scores(seen: dict[str, Any]) -> None:
    """A key until it is made anew; a token for Azure ML, not for Resource Manager."""
    assert seen["old key"] == [401, "key_auth_access_denied"]
    assert seen["new key"] == "[11]"
    assert seen["tokens"] == [200, 401, 401]
    assert seen["invoked"] == "[13]"


def test_a_hundred_draws_hold_each_share() -> None:
    """What makes no hundred is left to nobody: so the mirrored share is drawn."""
    deck = Deck({"one": 30, "two": 5})
    drawn = [deck.draw() for _ in range(200)]
    assert (drawn.count("one"), drawn.count("two"), drawn.count(None)) == (60, 10, 130)


@pytest.mark.parametrize(
    ("traffic", "mirror"),
    [({"a": 101}, {}), ({"a": 50}, {}), ({"a": 100}, {"b": 51}), ({"a": 100}, {"a": 10}),
     ({"a": 100}, {"b": 10, "c": 10}), ({"a": 100}, {"b": -1}), ({"a": True}, {})],
)  # fmt: skip
def test_shares_have_rules(traffic: dict[str, int], mirror: dict[str, int]) -> None:
    """They make 100; one deployment at most is mirrored, with half of the requests at most."""
    states = dict.fromkeys("abc", "Succeeded")
    with pytest.raises(AzureError) as refused:
        rules.check_shares(
            rules.shares(traffic, states, "Traffic"), rules.shares(mirror, states, "MirrorTraffic")
        )
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"endpointComputeType": "Kubernetes"}, 501), ({"codeConfiguration": None}, 501),
     ({"dataCollector": {"collections": {}}}, 501), ({"instanceType": "large"}, 400),
     ({"requestSettings": {"requestTimeout": "PT4M"}}, 400),
     ({"requestSettings": {"maxConcurrentRequestsPerInstance": 0}}, 400),
     ({"scaleSettings": {"scaleType": "TargetUtilization"}}, 400),
     ({"readinessProbe": {"period": "soon"}}, 400)],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(changed: dict[str, Any], status: int) -> None:
    """400 where Azure refuses, 501 where only the stand-in cannot."""
    whole: dict[str, Any] = {
        "endpointComputeType": "Managed",
        "codeConfiguration": {"codeId": "…", "scoringScript": "score.py"},
        "instanceType": "Standard_DS3_v2",
    }
    rules.check_deployment(whole, {"capacity": 1})
    with pytest.raises(AzureError) as refused:
        rules.check_deployment(whole | changed, {"capacity": 1})
    assert refused.value.status == status
