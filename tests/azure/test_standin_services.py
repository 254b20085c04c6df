"""The stand-in's models and web services, by the unmodified SDK and the real inference server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from standin import StandIn
from tests.azure.client import Client

DEPLOY = """
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, Webservice

def score(source, folder="score"):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/score.py", "w") as file:
        file.write(source)
    env = environment("serving", "azureml-defaults==1.62.0")
    return InferenceConfig(entry_script="score.py", source_directory=folder, environment=env)

def deploy(name, models, inference, wait=True, **more):
    config = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, auth_enabled=True)
    service = Model.deploy(ws, name, models, inference, config, **more)
    if wait:
        service.wait_for_deployment()
    return service

def model(name, content, **more):
    with open(name + ".txt", "w") as file:
        file.write(content)
    return Model.register(ws, model_path=name + ".txt", model_name=name, **more)
"""

SCORE = """
import json, os

def init():
    global content
    folder = os.environ["AZUREML_MODEL_DIR"]
    with open(os.path.join(folder, "served.txt")) as file:
        content = file.read()
    print("loaded", content, flush=True)

def run(raw_data):
    return {"model": content, "given": json.loads(raw_data)}
"""


@pytest.fixture(scope="module")
def client(standin: StandIn, sdk_python: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client in a folder of this module's own."""
    return Client(standin, sdk_python, tmp_path_factory.mktemp("services"))


def ask(standin: StandIn, url: str, body: Any, key: str = "") -> tuple[int, str]:
    """Status and body of a scoring request without the SDK, through the proxy."""
    proxy = urllib.request.ProxyHandler({"http": standin.env["HTTP_PROXY"]})
    request = urllib.request.Request(url, json.dumps(body).encode())  # noqa: S310
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.build_opener(proxy).open(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def service(client: Client) -> dict[str, Any]:
    """A deployed service, and what the SDK says of it."""
    seen: dict[str, Any] = client.run(
        DEPLOY
        + """
served = model("served", "weights")
service = deploy("standin-service", [served], score(read("scoring")))
print(json.dumps({
    "state": service.state, "uri": service.scoring_uri, "keys": service.get_keys(),
    "answer": service.run(json.dumps({"a": 1})), "logs": service.get_logs(),
    "listed": [one.name for one in Webservice.list(ws, model_name="served")],
    "swagger": service.swagger_uri,
}))
""",
        scoring=SCORE,
    )
    return seen


def test_the_textbook_sequence_from_compute_to_service(client: Client) -> None:
    seen = client.run(
        DEPLOY
        + """
from azureml.core.compute import AmlCompute, ComputeTarget
cluster = ComputeTarget(ws, "cpu-cluster")
source = '''
from azureml.core import Run
Run.get_context().log("accuracy", 0.9)
open("outputs/model.txt", "w").write("trained")
'''
env = environment("serving", "azureml-defaults==1.62.0")
run = submit("textbook-service", source, environment=env)
run.wait_for_completion()
trained = run.register_model("trained", "outputs/model.txt", tags={"a": "b"})
inference = score(read("scoring").replace("served.txt", "model.txt"), "score6")
service = deploy("standin-textbook", [trained], inference)
answer = service.run("1")
service.delete()
print(json.dumps([cluster.provisioning_state, run.get_metrics(), answer]))
""",
        scoring=SCORE,
    )
    assert seen == ["Succeeded", {"accuracy": 0.9}, {"model": "trained", "given": 1}]


def test_a_service_answers_with_its_model(service: dict[str, Any]) -> None:
    assert service["state"] == "Healthy"
    assert service["answer"] == {"model": "weights", "given": {"a": 1}}
    assert "loaded weights" in service["logs"]
    assert "Azure ML Inferencing HTTP server" in service["logs"]
    assert service["listed"] == ["standin-service"]


def test_a_service_answers_only_to_its_keys(standin: StandIn, service: dict[str, Any]) -> None:
    body = {"a": 2}
    assert ask(standin, service["uri"], body)[0] == 401
    assert ask(standin, service["uri"], body, "wrong")[0] == 401
    for key in service["keys"]:
        status, text = ask(standin, service["uri"], body, key)
        assert (status, json.loads(text)["given"]) == (200, body)


def test_a_failing_request_is_the_servers_own_answer(
    standin: StandIn, service: dict[str, Any]
) -> None:
    url, key = service["uri"], service["keys"][0]
    proxy = urllib.request.ProxyHandler({"http": standin.env["HTTP_PROXY"]})
    request = urllib.request.Request(url, b"no json")  # noqa: S310
    request.add_header("Authorization", f"Bearer {key}")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.build_opener(proxy).open(request, timeout=60)
    assert error.value.code == 500


def test_keys_are_made_anew(client: Client, standin: StandIn, service: dict[str, Any]) -> None:
    keys = client.run(
        DEPLOY
        + """
service = Webservice(ws, "standin-service")
service.regen_key("Secondary")
print(json.dumps(service.get_keys()))
"""
    )
    assert keys[0] == service["keys"][0]
    assert keys[1] != service["keys"][1]
    assert ask(standin, service["uri"], 1, service["keys"][1])[0] == 401
    assert ask(standin, service["uri"], 1, keys[1])[0] == 200


def test_a_service_can_be_updated_and_deleted(client: Client, standin: StandIn) -> None:
    seen = client.run(
        DEPLOY
        + """
first = model("updated", "one")
source = read("scoring").replace("served.txt", "updated.txt")
service = deploy("standin-updated", [first], score(source, "score2"))
before = service.run("1")["model"]
second = model("updated", "two")
service.update(models=[second], inference_config=score(source, "score2"), tags={"t": "2"})
service.wait_for_deployment()
after = Webservice(ws, "standin-updated")
answer = [before, service.run("1")["model"], service.scoring_uri == after.scoring_uri, after.tags]
refused = ""
try:
    second.delete()
except Exception as error:
    refused = str(error)
service.delete()
second.delete()
gone = [one.name for one in Webservice.list(ws)]
print(json.dumps([*answer, refused, gone, after.scoring_uri]))
""",
        scoring=SCORE,
    )
    assert seen[:4] == ["one", "two", True, {"t": "2"}]
    assert "Response Code: 409" in seen[4]
    assert "standin-updated" not in seen[5]
    assert ask(standin, seen[6], 1)[0] == 502


def test_a_crash_in_init_fails_the_deployment_with_its_log(client: Client) -> None:
    said, state, logs = client.run(
        DEPLOY
        + """
crashing = model("crashing", "x")
source = "def init():\\n    raise RuntimeError('no model here')\\ndef run(raw_data): return 1\\n"
service = deploy("standin-crash", [crashing], score(source, "score3"), wait=False)
said = ""
try:
    service.wait_for_deployment()
except Exception as error:
    said = str(error)
print(json.dumps([said, service.state, service.get_logs()]))
service.delete()
""".replace("\nservice.delete()", "")
    )
    assert state == "Failed"
    assert "container application crashed" in said
    assert "no model here" in logs


def test_refusals_of_a_deployment(client: Client, service: dict[str, Any]) -> None:
    taken = client.fail(
        DEPLOY
        + """
served = Model(ws, "served")
deploy("standin-service", [served], score("x", "score4"))
"""
    )
    assert "already exists" in taken
    large = client.fail(
        DEPLOY
        + """
config = AciWebservice.deploy_configuration(cpu_cores=64, memory_gb=1)
Model.deploy(ws, "standin-large", [Model(ws, "served")], score("x", "score4"), config)
"""
    )
    assert "not available" in large


def test_an_environment_without_the_server_cannot_serve(client: Client) -> None:
    said = client.fail(
        DEPLOY
        + """
inference = score("x", "score5")
inference.environment = environment("no-server", "idna==3.10")
deploy("standin-no-server", [model("lonely", "x")], inference)
"""
    )
    assert "container application crashed" in said


def test_models_are_versioned_listed_changed_and_downloaded(client: Client) -> None:
    seen = client.run(
        DEPLOY
        + """
os.makedirs("folder/deep", exist_ok=True)
open("folder/a.txt", "w").write("a")
open("folder/deep/b.txt", "w").write("b")
for version in range(21):
    tags = {"v": str(version)}
    made = Model.register(ws, "folder", "foldered", tags=tags, properties={"p": "1"})
time.sleep(0.5)
every = Model.list(ws, name="foldered", page_count=20)
latest = Model.list(ws, name="foldered", latest=True)
tagged = Model.list(ws, name="foldered", tags=[["v", "1"]], properties=["p"])
made.add_tags({"more": "yes"})
made.remove_tags(["v"])
made.update(description="said")
again = Model(ws, "foldered", version=21)
path = Model(ws, "foldered").download("got", exist_ok=True)
Model(id="foldered:1", workspace=ws).delete()
time.sleep(0.5)
left = [one.version for one in Model.list(ws, name="foldered")]
next_one = Model.register(ws, "folder", "foldered").version
missing = ""
try:
    Model(ws, "foldered", version=1)
except Exception as error:
    missing = str(error)
print(json.dumps([[one.version for one in every], [one.version for one in latest],
    [one.version for one in tagged], again.tags, again.description,
    open(path + "/deep/b.txt").read(), left, next_one, missing]))
"""
    )
    assert seen[:3] == [list(range(21, 0, -1)), [21], [2]]
    assert seen[3:6] == [{"more": "yes"}, "said", "b"]
    assert seen[6:8] == [list(range(21, 1, -1)), 22]
    assert "ModelNotFound" in seen[8]
