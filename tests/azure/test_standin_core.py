"""The stand-in's ground floor: proxy, identity, ARM, storage, data, faults; by clients not ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from standin import StandIn
from standin.dataflow import materialise

ROOT = Path(__file__).parents[2]

SDK = """
import json, logging, os, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from azureml.core import Dataset, Datastore, Environment, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.exceptions import AzureMLException, ComputeTargetException
e = json.loads(os.environ["DETAILS"])
def get(**other):
    d = e | other
    return Workspace.get(
        d["workspace_name"],
        auth=ServicePrincipalAuthentication(
            d["tenant_id"], d["service_principal_id"], d["service_principal_password"]
        ),
        subscription_id=d["subscription_id"],
        resource_group=d["resource_group"],
    )
def said(function):
    try:
        function()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""
answer = None
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A stand-in of this module's own: what it is asked here would fail the shared one."""
    with StandIn(tmp_path_factory.mktemp("own")) as running:
        yield running


@pytest.fixture(autouse=True)
def clean(own: StandIn) -> Iterator[None]:
    """Faults and roles end with a test."""
    roles = set(own.account.roles)
    yield
    own.clear_faults()
    own.account.set_roles(roles)
    own.account.workspace_exists = own.account.public_network_access = True
    own.blobs.forbid_shared_key(False)


def ask(own: StandIn, python: str, script: str, folder: Path, **env: str) -> Any:
    """What a script with the unmodified SDK leaves in `answer`."""
    tail = "\nprint('\\n' + json.dumps(answer))\n"
    done = subprocess.run(
        [python, "-c", SDK + script + tail],
        cwd=folder,
        env={**own.env, "DETAILS": json.dumps(own.details), "PYTHONUTF8": "1", **env},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def opener(own: StandIn) -> urllib.request.OpenerDirector:
    """Plain HTTP through the proxy, which is trusted."""
    import ssl

    url = own.overlay["HTTPS_PROXY"]
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": url, "https": url}),
        urllib.request.HTTPSHandler(
            context=ssl.create_default_context(cafile=own.overlay["SSL_CERT_FILE"])
        ),
    )


def http(own: StandIn, url: str, token: str = "", **more: Any) -> tuple[int, Any]:
    """Status and JSON of a request."""
    request = urllib.request.Request(url, **more)  # noqa: S310
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with opener(own).open(request) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def test_workspace_and_computes(own: StandIn, sdk_python: str, tmp_path: Path) -> None:
    """The textbook begins: get, details, list, update, the cluster, a new cluster, its end."""
    got = ask(
        own,
        sdk_python,
        """
ws = get()
os.mkdir("config")
ws.write_config("config")
again = Workspace.from_config("config", auth=ws._auth)
ws.update(tags={"team": "a"}, image_build_compute="cpu-cluster")
config = AmlCompute.provisioning_configuration(
    "STANDARD_D2_V2", max_nodes=2, vm_priority="lowpriority", tags={"x": "y"}
)
missing = said(lambda: ComputeTarget(ws, "new1"))
made = ComputeTarget.create(ws, "new1", config)
made.wait_for_completion(show_output=True)
made.update(max_nodes=4)
import time; time.sleep(0.3)
answer = {
    "id": ws.get_details()["id"],
    "again": again.get_details()["id"],
    "listed": list(Workspace.list(e["subscription_id"], auth=ws._auth)),
    "tags": ws.tags,
    "build": Workspace(e["subscription_id"], e["resource_group"], ws.name, ws._auth)
        .get_details()["imageBuildCompute"],
    "tracking": ws.get_mlflow_tracking_uri(),
    "missing": missing,
    "max": made.get_status().scale_settings.maximum_node_count,
    "priority": made.get_status().vm_priority,
    "targets": sorted(ws.compute_targets),
    "bad": said(lambda: ComputeTarget.create(ws, "9bad_name", config)),
    "size": said(lambda: ComputeTarget.create(
        ws, "new2", AmlCompute.provisioning_configuration("HUGE", max_nodes=1)
    )),
    "sizes": [size["name"] for size in AmlCompute.supported_vmsizes(ws)],
    "nodes": made.list_nodes(),
}
made.delete()
""",
        tmp_path,
    )
    assert got["id"] == got["again"] == own.account.workspace_path
    assert got["listed"] == [own.account.workspace_name]
    assert got["tags"] == {"team": "a"} and got["build"] == "cpu-cluster"
    assert own.account.workspace_path in got["tracking"]
    assert "ComputeTargetNotFound" in got["missing"] or "not found" in got["missing"]
    assert (got["max"], got["priority"]) == (4, "LowPriority")
    assert got["targets"] == ["cpu-cluster", "new1"]
    assert "400" in got["bad"] and "400" in got["size"]
    assert "Standard_DS3_v2" in got["sizes"] and got["nodes"] == []
    polls = own.journal.find(path_regex="computeOperationsStatus")
    assert len(polls) > 1, "a creation takes several polls"
    own.account.image_build_compute = None


def test_wheels_and_snapshots(own: StandIn, sdk_python: str, tmp_path: Path) -> None:
    """A wheel is stored once; of a changed folder only what changed is sent, from any machine."""
    got = ask(
        own,
        sdk_python,
        """
from azureml._restclient.snapshots_client import SnapshotsClient
ws = get()
open("pkg-0.1-py3-none-any.whl", "wb").write(b"PK")
first = Environment.add_private_pip_wheel(ws, "pkg-0.1-py3-none-any.whl", exist_ok=True)
again = Environment.add_private_pip_wheel(ws, "pkg-0.1-py3-none-any.whl", exist_ok=True)
taken = said(lambda: Environment.add_private_pip_wheel(ws, "pkg-0.1-py3-none-any.whl"))
client = SnapshotsClient(ws.service_context)
os.makedirs("source/sub")
open("source/a.py", "w").write("print(1)")
open("source/sub/b # %20 ä.py", "w").write("print(2)")
one = client.create_snapshot("source")
same = client.create_snapshot("source")
open("source/a.py", "w").write("print(3)")
import shutil
shutil.rmtree(os.path.expanduser("~/.azureml"))
two = client.create_snapshot("source")
import zipfile
with zipfile.ZipFile(client.restore_snapshot(two, ".")) as archive:
    restored = {n: archive.read(n).decode() for n in archive.namelist()}
answer = [first, again, taken, one, same, two, restored]
""",
        tmp_path,
    )
    first, again, taken, one, same, two, restored = got
    assert first == again and "already exists" in taken
    blob = first.split("/azureml/", 1)[1]
    assert own.blobs.get("azureml", blob) == b"PK"
    assert one == same != two
    files = {"a.py": "print(3)", "sub/b # %20 ä.py": "print(2)"}
    assert restored == files
    assert own.azure.snapshots.get(two).sent == ["a.py"]
    own.azure.snapshots.write_to(two, tmp_path / "out")
    for name, text in files.items():
        assert (tmp_path / "out" / name).read_text() == text


def test_datastores_and_datasets(own: StandIn, sdk_python: str, tmp_path: Path) -> None:
    """Upload, download, datastores of one's own, datasets with versions, the native engine."""
    got = ask(
        own,
        sdk_python,
        """
ws = get()
store = ws.get_default_datastore()
os.makedirs("data/sub")
open("data/a.csv", "w").write("x,y\\n1,2\\n3,4\\n")
open("data/sub/b.csv", "w").write("x,y\\n5,6\\n")
store.upload("data", target_path="in", overwrite=True, show_progress=False)
store.download("down", prefix="in", overwrite=True, show_progress=False)
mine = Datastore.register_azure_blob_container(
    ws, "mine", store.container_name, store.account_name, account_key=store.account_key
)
made = Datastore.register_azure_blob_container(
    ws, "made", "its-own", store.account_name, account_key=store.account_key,
    create_if_not_exists=True,
)
made.upload_files(["data/a.csv"], show_progress=False)
made.unregister()
wrong = said(lambda: Datastore.register_azure_blob_container(
    ws, "wrong", store.container_name, store.account_name, account_key="AAAA"
))
ws.set_default_datastore("mine")
default = ws.get_default_datastore().name
ws.set_default_datastore("workspaceblobstore")
import time; time.sleep(0.3)
stores = sorted(ws.datastores)
mine.download("own", prefix="in/a.csv", overwrite=True, show_progress=False)
mine.unregister()
files = Dataset.File.from_files((store, "in/*.csv"), validate=False)
one = files.register(ws, "files", tags={"a": "b"}, create_new_version=True)
taken = said(lambda: files.register(ws, "files"))
two = Dataset.File.from_files((store, "in")).register(ws, "files", create_new_version=True)
two.add_tags({"c": "d"})
table = Dataset.Tabular.from_delimited_files((store, "in/a.csv"), validate=False,
                                             infer_column_types=False)
table.register(ws, "table", description="a table")
found = Dataset.get_by_name(ws, "files", version=1)
byid = Dataset.get_by_id(ws, found.id)
Dataset.File.upload_directory("data", (store, "up"), overwrite=True, show_progress=False)
time.sleep(0.3)
answer = {
    "down": open("down/in/sub/b.csv").read(),
    "wrong": wrong, "default": default, "stores": stores,
    "gone": said(lambda: Datastore.get(ws, "mine")),
    "versions": [one.version, two.version, found.version, byid.version],
    "taken": taken,
    "tags": Dataset.get_by_name(ws, "files").tags,
    "all": sorted([name for name in Dataset.get_all(ws)]),
    "latest": sorted(
        os.path.relpath(p, os.path.realpath("fetch"))
        for p in Dataset.get_by_name(ws, "files").download("fetch")
    ),
    "missing": said(lambda: Dataset.get_by_name(ws, "nothing")),
    "saved": two.id,
    "first": one.id,
}
table.unregister_all_versions() if table.name else Dataset.get_by_name(
    ws, "table").unregister_all_versions()
answer["unregistered"] = said(lambda: Dataset.get_by_name(ws, "table"))
""",
        tmp_path,
    )
    assert got["down"] == "x,y\n5,6\n"
    assert "validate" in got["wrong"] and got["default"] == "mine"
    assert {"mine", "workspaceblobstore", "workspacefilestore"} <= set(got["stores"])
    assert "not find" in got["gone"] and "already a dataset" in got["taken"]
    assert got["versions"] == [1, 2, 1, 1]
    assert got["tags"] == {"a": "b", "c": "d"} and got["all"] == ["files", "table"]
    assert got["latest"] == ["a.csv", "sub/b.csv"]
    assert "Cannot find dataset" in got["missing"] and "Cannot find" in got["unregistered"]
    # What the runtime of a job does lays the files out as the native engine's download did.
    folder = own.azure.datasets.materialise(got["saved"], tmp_path / "job")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*.csv")) == got["latest"]
    assert own.blobs.list(own.blobs.container, "up/") == ["up/a.csv", "up/sub/b.csv"]
    assert own.blobs.list("its-own") == ["a.csv"]


def flow(*paths: str) -> str:
    """A dataflow over paths of the default datastore."""
    base = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore"
    lines = "".join(f'  - pattern: "{base}/paths/{path}"\n' for path in paths)
    return json.dumps({"blocks": [], "meta": {"RsDataflow": f"paths:\n{lines}"}})


@pytest.mark.parametrize(
    ("paths", "value", "files"),
    [
        (("m/*.csv",), "", ["a.csv"]),
        (("m",), "", ["a.csv", "sub/b.csv"]),
        (("m/**",), "", ["a.csv", "sub/b.csv"]),
        (("m/a.csv",), "a.csv", ["a.csv"]),
        (
            ("m/sub/**", "m/a.csv"),
            "",
            ["workspaceblobstore/m/a.csv", "workspaceblobstore/m/sub/b.csv"],
        ),
    ],
)
def test_a_job_gets_its_files(
    own: StandIn, tmp_path: Path, paths: tuple[str, ...], value: str, files: list[str]
) -> None:
    """One file is given as a file, anything else as its folder (DatasetConsumptionConfig)."""
    for name in ("m/a.csv", "m/sub/b.csv", "m2/c.csv"):
        own.blobs.put(own.blobs.container, name, b"x")
    given = materialise(own.azure, flow(*paths), tmp_path / "d")
    assert given == tmp_path / "d" / value
    found = (p for p in (tmp_path / "d").rglob("*") if p.is_file())
    assert sorted(str(p.relative_to(tmp_path / "d")) for p in found) == files


class Credential:
    """What azure-identity gives a client of the storage account."""

    def __init__(self, own: StandIn) -> None:
        self.own = own

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A bearer token for storage."""
        token = self.own.azure.identity.token(scopes[0].removesuffix("/.default"))
        return AccessToken(token, int(time.time()) + 3000)


def test_storage_by_key_signature_and_token(own: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-storage-blob through the proxy: blocks, ranges, and each refusal in Azure's words."""
    for name, text in own.overlay.items():
        monkeypatch.setenv(name, text)
    container, url = own.blobs.container, f"https://{own.blobs.host}"
    keyed = BlobServiceClient(url, credential=own.blobs.key, retry_total=0)
    data = os.urandom(1 << 20) * 70
    process = psutil.Process()
    keyed.get_blob_client(container, "big").upload_blob(data, max_concurrency=2)
    assert len(own.journal.find(method="PUT", path_regex="/big$")) > 2, "sent in blocks"
    before = process.memory_info().rss
    blob = keyed.get_blob_client(container, "big").download_blob(offset=1 << 20, length=100)
    assert blob.readall() == data[1 << 20 :][:100]
    assert process.memory_info().rss - before < len(data) / 2
    own.blobs.put(container, "small", b"s")
    signed = BlobClient.from_blob_url(own.blobs.sas(container, "small"), retry_total=0)
    assert signed.download_blob().readall() == b"s"
    bearer = ContainerClient(url, container, credential=Credential(own), retry_total=0)
    assert "small" in list(bearer.list_blob_names())

    def code(call: Any) -> str | None:
        with pytest.raises(HttpResponseError) as caught:
            call()
        return getattr(caught.value, "error_code", None)

    wrong = ContainerClient(url, container, credential=data[:64].hex(), retry_total=0)
    assert code(lambda: list(wrong.list_blob_names())) == "AuthenticationFailed"
    forged = BlobClient.from_blob_url(signed.url.replace("sig=", "sig=AA"), retry_total=0)
    assert code(forged.download_blob) == "AuthenticationFailed"
    own.blobs.forbid_shared_key()
    assert code(signed.download_blob) == "KeyBasedAuthenticationNotPermitted"
    assert "small" in list(bearer.list_blob_names())
    own.account.revoke("Storage Blob Data Contributor")
    assert code(lambda: list(bearer.list_blob_names())) == "AuthorizationPermissionMismatch"
    own.account.token_seconds = -1
    late = ContainerClient(url, container, credential=Credential(own), retry_total=0)
    try:
        assert code(lambda: list(late.list_blob_names())) == "InvalidAuthenticationInfo"
    finally:
        own.account.token_seconds = 3599


def test_who_may_what(own: StandIn, sdk_python: str, tmp_path: Path) -> None:
    """Each wrong name, secret and role has its own refusal, in Azure's words."""
    got = ask(
        own,
        sdk_python,
        """
zero = "00000000-0000-0000-0000-000000000000"
answer = {name: said(lambda: get(**{name: value})) for name, value in {
    "tenant_id": zero, "service_principal_id": zero, "service_principal_password": "no",
    "subscription_id": zero, "resource_group": "no", "workspace_name": "no",
}.items()}
""",
        tmp_path,
        AZUREML_DEFAULT_RETRIES="0",
    )
    assert "AADSTS90002" in got["tenant_id"] or "tenant" in got["tenant_id"].lower()
    assert "AADSTS700016" in got["service_principal_id"]
    assert "AADSTS7000215" in got["service_principal_password"]
    assert "subscription" in got["subscription_id"].lower()
    assert "Workspace not found" in got["resource_group"]
    assert "Workspace not found" in got["workspace_name"]

    token = own.azure.identity.token("https://management.azure.com")
    arm = f"https://management.azure.com{own.account.workspace_path}"
    api = f"{own.account.api}/rp/workspaces{own.account.workspace_path}/computes/x1"
    put: dict[str, Any] = {
        "method": "PUT",
        "data": json.dumps({"properties": {"computeType": "AmlCompute"}}).encode(),
    }
    assert http(own, arm)[0] == 401
    group = arm.replace(own.account.resource_group, "no")
    assert http(own, group, token)[1]["error"]["code"] == "ResourceGroupNotFound"
    assert http(own, arm, token[:-3] + "abc")[1]["error"]["code"] == "InvalidAuthenticationToken"
    old = own.azure.identity.token("x", seconds=-5)
    assert http(own, arm, old)[1]["error"]["code"] == "ExpiredAuthenticationToken"
    own.account.set_roles(["AzureML Data Scientist"])
    assert http(own, arm, token)[0] == 200
    status, body = http(own, api, token, **put)
    assert (status, body["error"]["code"]) == (403, "AuthorizationFailed")
    assert "workspaces/computes/write" in body["error"]["message"]
    own.account.grant("AzureML Compute Operator")
    assert http(own, api, token, **put)[0] == 201
    own.account.revoke()
    assert http(own, arm, token)[1]["error"]["code"] == "AuthorizationFailed"
    subscriptions = "https://management.azure.com/subscriptions"
    assert http(own, subscriptions, token) == (200, {"value": [], "nextLink": ""})
    own.account.set_roles(["Contributor"])
    own.account.public_network_access = False
    assert http(own, arm, token)[0] == 200
    assert "private link" in http(own, api, token)[1]["error"]["message"]
    own.account.workspace_exists = False
    assert http(own, arm, token)[1]["error"]["code"] == "ResourceNotFound"


def test_other_ways_to_a_token(own: StandIn) -> None:
    """A managed identity's token, a federated one; a user; a grant that is not played."""
    scope = "https://management.azure.com"
    imds = f"http://169.254.169.254/metadata/identity/oauth2/token?resource={scope}"
    assert http(own, imds)[0] == 400
    _, body = http(own, imds, headers={"Metadata": "true"})
    tokens = [body["access_token"], own.azure.identity.token(scope, own.account.user)]
    login = f"{own.account.login}/oauth2/v2.0/token"
    trusted = ("https://token.actions.githubusercontent.com", "repo:contoso/churn:ref:x")
    form = f"client_id={own.account.client_id}&scope={scope}/.default&client_assertion="
    form += own.azure.issuers.token(*trusted)
    grant = f"grant_type=client_credentials&{form}".encode()
    status, body = http(own, login, data=grant)
    assert status == 401 and "AADSTS70025" in body["error_description"]
    own.azure.federated.add(own.account.client_id, *trusted)
    tokens.append(http(own, login, data=grant)[1]["access_token"])
    assert {http(own, f"{scope}/subscriptions", token)[0] for token in tokens} == {200}
    assert http(own, login, data=b"grant_type=password")[1]["error"] == "unsupported_grant_type"


def test_faults(own: StandIn) -> None:
    """Each kind strikes as often as asked, and is in the journal."""
    token = own.azure.identity.token("https://management.azure.com")
    url = f"https://management.azure.com{own.account.workspace_path}"
    mark = own.journal.mark()
    fault = own.fault(path="/workspaces/", status=503, headers={"Retry-After": "1"}, after=1)
    assert [http(own, url, token)[0] for _ in range(3)] == [200, 503, 200]
    assert fault.hits == 1
    assert [bool(e.fault) for e in own.journal.since(mark)] == [False, True, False]
    own.fault(method="GET", delay=0.3)
    begin = time.perf_counter()
    assert http(own, url, token)[0] == 200 and time.perf_counter() - begin >= 0.3
    own.fault(drop=True)
    with pytest.raises(OSError):
        http(own, url, token)
    own.fault(method="PATCH", drop="after")
    with pytest.raises(OSError):
        http(own, url, token, method="PATCH", data=b'{"tags": {"done": "yes"}}')
    assert own.account.workspace_tags == {"done": "yes"}
    own.fault(method="CONNECT", host="^management", status=502)
    with pytest.raises(OSError, match="502"):
        http(own, url, token)
    own.fault(expire_token=True)
    assert [http(own, url, token)[0] for _ in range(2)] == [401, 401]
    fresh = own.azure.identity.token("https://management.azure.com")
    assert http(own, url, fresh)[0] == 200


def test_a_workspace_is_given_identities_by_an_operation(
    own: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202 with no body, then there; null takes one away, and `type` says which kinds it has."""
    now = [time.time()]
    monkeypatch.setattr("standin.arm.time", SimpleNamespace(time=lambda: now[0]))
    token = own.azure.identity.token("https://management.azure.com")
    url = f"https://management.azure.com{own.account.workspace_path}"
    both, one, two = "SystemAssigned,UserAssigned", "/a/One", "/a/two"

    def change(kind: str, **users: Any) -> Any:
        identity = {
            "type": kind,
            "userAssignedIdentities": {f"/a/{k}": v for k, v in users.items()},
        }
        data = json.dumps({"identity": identity}).encode()
        return http(own, url, token, method="PATCH", data=data)

    def shown() -> Any:
        return http(own, url, token)[1]["identity"]

    assert change(both, One={}) == (202, None)
    assert shown()["type"] == "SystemAssigned"
    for kind, users, left in (
        (both, {"two": {}}, [one, two]),
        ("UserAssigned", {"one": None}, [two]),
        ("SystemAssigned", {}, None),
    ):
        assert change(kind, **users)[0] == 202
        now[0] += 60
        told = shown()
        held = told.get("userAssignedIdentities")
        assert (told["type"], held and [*held]) == (kind, left)
        assert ("principalId" in told) == ("SystemAssigned" in kind)
    assert [change(wrong)[0] for wrong in ("Mine", "UserAssigned")] == [400, 400]


def test_hosts_and_paths_that_are_not_played(own: StandIn) -> None:
    """Another host is refused, an unknown path is 501; both are in the journal."""
    with pytest.raises(OSError, match="403"):
        http(own, "https://example.com/")
    with pytest.raises(OSError, match="403"):
        http(own, "https://otheraccount.blob.core.windows.net/")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        opener(own).open("http://example.com/")
    assert {e.host for e in own.journal.refused()} == {
        "example.com",
        "otheraccount.blob.core.windows.net",
    }
    token = own.azure.identity.token("x")
    assert http(own, f"{own.account.api}/nothing/here", token)[0] == 501
    assert [e.path for e in own.journal.unhandled()] == ["/nothing/here"]


def test_a_client_that_trusts_another_authority_is_told(
    own: StandIn, sdk_python: str, tmp_path: Path
) -> None:
    """Wrong certificates fail as they do behind a company's proxy."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    other = str(tmp_path / "other.pem")
    script = "answer = said(get)"
    env = {"REQUESTS_CA_BUNDLE": other, "SSL_CERT_FILE": other, "AZUREML_DEFAULT_RETRIES": "0"}
    assert "CERTIFICATE_VERIFY_FAILED" in ask(own, sdk_python, script, tmp_path, **env)


def test_control_door(own: StandIn) -> None:
    """Another process reads the journal, asks for faults and changes roles."""
    door = "http://standin.invalid"
    _, body = http(own, f"{door}/journal")
    mark = body["mark"]
    status, _ = http(own, f"{door}/faults", data=b'{"path": "/sub", "status": 429}')
    assert status == 200
    assert http(own, f"{door}/faults", data=b'{"nonsense": 1}')[0] == 400
    assert http(own, f"{door}/faults", data=b'{"path": "("}')[0] == 400
    token = own.azure.identity.token("x")
    assert http(own, "https://management.azure.com/subscriptions", token)[0] == 429
    assert http(own, f"{door}/faults", method="DELETE")[0] == 200
    assert http(own, f"{door}/roles", data=b'{"roles": ["Reader"]}')[1] == {"roles": ["Reader"]}
    assert http(own, f"{door}/roles", data=b'{"roles": ["King"]}')[0] == 400
    _, body = http(own, f"{door}/journal?since={mark}")
    assert [e["status"] for e in body["entries"] if e["host"].startswith("management")] == [429]


def start(*arguments: str) -> tuple[subprocess.Popen[str], Any]:
    """`python -m standin` and its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "standin", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, json.loads(process.stdout.readline())


def gone(children: list[psutil.Process]) -> bool:
    """Whether all of these ended, soon."""
    return not psutil.wait_procs(children, timeout=10)[1]


def test_command(tmp_path: Path) -> None:
    """One JSON line; ends with all it started; the journal is written and holds no secret."""
    journal = tmp_path / "journal.jsonl"
    folder = os.path.relpath(tmp_path / "f", ROOT)
    process, details = start("--journal", str(journal), "--folder", folder)
    keys = "env tenant_id service_principal_id service_principal_password subscription_id "
    keys += "resource_group workspace_name compute_target location"
    assert set(details) == set(keys.split())
    proxy = details["env"]["HTTPS_PROXY"]
    form = (
        f"grant_type=client_credentials&client_id={details['service_principal_id']}&client_secret="
        f"{details['service_principal_password']}&scope=https://management.azure.com/.default"
    )
    bundle = details["env"]["CURL_CA_BUNDLE"]
    assert Path(bundle).is_absolute(), "clients and jobs work in other folders"
    curl = ["curl", "-sS", "--proxy", proxy, "--cacert", bundle]
    login = f"https://login.microsoftonline.com/{details['tenant_id']}/oauth2/v2.0/token"
    done = subprocess.run([*curl, login, "-d", form], capture_output=True, text=True, check=True)
    assert "access_token" in json.loads(done.stdout)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children, "Azurite runs"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0 and gone(children)
    text = journal.read_text()
    assert "oauth2/v2.0/token" in text and details["service_principal_password"] not in text


def test_nothing_outlives_a_killed_stand_in(tmp_path: Path) -> None:
    """Azurite ends when the process that started it is killed."""
    process, _ = start("--folder", str(tmp_path / "f"))
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert children and gone(children)


CHECKED = """
import sys
import standin.specifications.witness as witness
from standin.__main__ import main
from standin.specification import find

assert find("GET", "management.azure.com", "/subscriptions")
assert "mlflow" not in sys.modules, "mlflow is imported where nobody asks for it"
witness.check = lambda *given: ["a key that was not published"]
sys.argv = ["standin", "--check", "--empty"]
sys.exit(main())
"""


def test_answers_that_are_not_as_published_are_named_at_the_end() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CHECKED],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    details = json.loads(process.stdout.readline())
    login = f"https://login.microsoftonline.com/{details['tenant_id']}/v2.0"
    asked = f"{login}/.well-known/openid-configuration"
    curl = ["curl", "-sS", "--proxy", details["env"]["HTTPS_PROXY"]]
    subprocess.run(
        [*curl, "--cacert", details["env"]["CURL_CA_BUNDLE"], asked],
        capture_output=True,
        check=True,
    )
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1, said
    assert "not as published: GET" in said and "a key that was not published" in said


def test_a_build_that_is_under_way_ends_with_the_standin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    standin = StandIn(tmp_path, lag=0.1)
    before = set(threading.enumerate())
    image = standin.azure.images.ensure({"docker": {"baseImage": "nowhere/at-all"}})
    [build] = set(threading.enumerate()) - before
    standin.stop()
    build.join(10)
    assert image.state == "Failed" and "pull access denied" in image.log
    assert raised == []
