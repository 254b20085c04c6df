"""SDK v2's control plane, by the unmodified azure-ai-ml: assets, datastores, what v1 shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from standin import StandIn, curated
from standin.account import Principal
from standin.computes import ids_of
from standin.routing import AzureError, Request
from standin.v2 import command, dockerfile, steps
from standin.v2.assets import Entry
from standin.v2.bindings import Bound
from standin.v2.kinds import KINDS
from standin.v2.locations import locate
from tests.azure.client import Client
from tests.azure.client_v2 import ClientV2
from tests.conftest import Bake
from tests.environments import install

ASSETS = """
def environment(**more):
    made = Environment(name="plane", image=IMAGE, conda_file=conda("six"), **more)
    return ml.environments.create_or_update(made)

seen = {}
first, again = environment(), environment(description="said later")
seen["environment"] = [first.version, again.version, ml.environments.get("plane", "1").description]
changed = Environment(name="plane", image=IMAGE, conda_file=conda("six==1.16.0"))
second = ml.environments.create_or_update(changed)
changed.version = "1"
seen["conflict"] = refused(lambda: ml.environments.create_or_update(changed))
seen["latest"] = ml.environments.get("plane", label="latest").version == second.version
ml.environments.archive("plane", "1")
seen["active"] = [one.version == second.version for one in ml.environments.list("plane")]
ml.environments.restore("plane", "1")
seen["restored"] = len(list(ml.environments.list("plane")))
seen["missing"] = refused(lambda: ml.environments.get("plane-none", "1"))

write("rows/a.csv", "x\\n1\\n")
folder = Data(name="plane-rows", path="rows", type="uri_folder", version="1", tags={"a": "b c"})
made = ml.data.create_or_update(folder)
folder.tags = {"a": "other"}
seen["tags"] = [made.tags, ml.data.create_or_update(folder).tags]
write("rows/a.csv", "x\\n2\\n")
moved = Data(name="plane-rows", path="rows", type="uri_folder", version="1")
seen["data conflict"] = refused(lambda: ml.data.create_or_update(moved))
moved.version = None
seen["next"] = ml.data.create_or_update(moved).version
seen["by label"] = ml.data.get("plane-rows", label="latest").version
for number in range(3, 35):
    ml.data.create_or_update(Data(name="plane-rows", path=made.path, type="uri_folder"))
seen["paged"] = len({one.version for one in ml.data.list("plane-rows")})

default = ml.datastores.get_default()
seen["default"] = [default.name, default.container_name]
ml.datastores.create_or_update(AzureBlobDatastore(
    name="plane_none", account_name=default.account_name, container_name=default.container_name,
    credentials=NoneCredentialConfiguration(),
))
time.sleep(0.3)
seen["datastores"] = sorted(one.name for one in ml.datastores.list())
seen["kind"] = type(ml.datastores.get("plane_none").credentials).__name__
from azure.ai.ml.entities import AzureDataLakeGen2Datastore, ServicePrincipalConfiguration
ml.datastores.create_or_update(AzureDataLakeGen2Datastore(
    name="plane_lake", account_name="lake", filesystem="rows",
    credentials=ServicePrincipalConfiguration(
        tenant_id=e["TENANT_ID"], client_id="reader", client_secret="hidden"
    ),
))
signs = ml.datastores.get("plane_lake").credentials
seen["signs in"] = [signs.client_id, signs.client_secret]
signs = ml.datastores.get("plane_lake", include_secrets=True).credentials
seen["signs in"].append(signs.client_secret)
by_identity = Data(
    name="plane-in-place", type="uri_file", path="azureml://datastores/plane_none/paths/x.csv"
)
seen["in place"] = ml.data.create_or_update(by_identity).version
seen["compute"] = [ml.compute.get("cpu-cluster").type, refused(lambda: ml.compute.get("none"))[0]]
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def v2_python(bake: Bake) -> str:
    """A `python` with the unmodified SDK v2: that of `make setup-azure`."""
    return str(install(bake(azureml_sdk="v2"), "setup-azure") / "bin" / "python")


@pytest.fixture(scope="module")
def v2(standin: StandIn, v2_python: str, tmp_path_factory: pytest.TempPathFactory) -> ClientV2:
    """A client in a folder of this module's own."""
    return ClientV2(standin, v2_python, tmp_path_factory.mktemp("plane"))


@pytest.fixture(scope="module")
def assets(v2: ClientV2) -> dict[str, Any]:
    """What a client sees of assets."""
    seen: dict[str, Any] = v2.run(ASSETS)
    return seen


def test_what_an_environment_says_may_change_but_not_what_it_is(assets: dict[str, Any]) -> None:
    """azure-ai-ml itself counts on the 409: it makes the next version then."""
    assert assets["environment"] == ["1", "1", "said later"]
    assert assets["conflict"] == [
        409,
        "Environment plane with version 1 is already registered and cannot be changed.",
    ]
    assert assets["latest"]


def test_archived_versions_are_not_listed(assets: dict[str, Any]) -> None:
    """And those brought back are."""
    assert (assets["active"], assets["restored"]) == ([True], 2)


def test_what_is_not_there_is_404(assets: dict[str, Any]) -> None:
    """A client that looks before it creates reads exactly this status."""
    words = "No environment exists for name: plane-none, version: 1, label: "
    assert assets["missing"] == [404, words]
    assert assets["compute"] == ["amlcompute", 404]


def test_a_data_version_keeps_its_path(assets: dict[str, Any]) -> None:
    """Tags change, spaces and all; the path does not."""
    assert assets["tags"] == [{"a": "b c"}, {"a": "other"}]
    assert assets["data conflict"][0] == 409
    assert (assets["next"], assets["by label"]) == ("2", "2")


def test_lists_come_in_pages(assets: dict[str, Any]) -> None:
    """34 versions are more than a page."""
    assert assets["paged"] == 34


def test_datastores_are_those_of_v1(assets: dict[str, Any], standin: StandIn) -> None:
    """The default one, those of the workspace, and one without a key."""
    assert assets["default"] == ["workspaceblobstore", standin.blobs.container]
    assert "plane_none" in assets["datastores"] and "workspaceartifactstore" in assets["datastores"]
    assert (assets["kind"], assets["in place"]) == ("NoneCredentialConfiguration", "1")
    assert assets["signs in"] == ["reader", None, "hidden"]
    assert standin.azure.datastores.get("plane_none").body["dataStoreType"] == "AzureBlob"


def test_models_and_environments_are_the_same_in_v1(
    v2: ClientV2, standin: StandIn, sdk_python: str, tmp_path: Path
) -> None:
    """Each SDK finds, downloads and tags what the other registered."""
    v1 = Client(standin, sdk_python, tmp_path)
    v2.run(
        """
        write("weights/model.txt", "of v2")
        ml.models.create_or_update(Model(name="both", path="weights", tags={"by": "v2"}))
        ml.environments.create_or_update(Environment(
            name="both", version="1", image=IMAGE, conda_file=conda("six")))
        print("null")
        """
    )
    seen = v1.run(
        """
        model = Model(ws, "both")
        model.download("got", exist_ok=True)
        model.add_tags({"seen": "by v1"})
        with open("model.txt", "w") as file: file.write("of v1")
        made = Model.register(ws, "model.txt", "both", tags={"by": "v1"})
        env = Environment.get(ws, "both", "1")
        print(json.dumps([
            model.version, open("got/weights/model.txt").read(), made.version,
            env.docker.base_image, list(env.python.conda_dependencies.pip_packages)]))
        """
    )
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    assert seen == [1, "of v2", 2, image, ["six"]]
    assert v2.run(
        """
        first, second = (ml.models.get("both", version) for version in "12")
        ml.models.download("both", "2", download_path="got")
        path = [os.path.join(a, f) for a, _, fs in os.walk("got") for f in fs]
        print(json.dumps([first.tags, second.tags, open(path[0]).read(),
            ml.models.get("both", label="latest").version]))
        """
    ) == [{"by": "v2", "seen": "by v1"}, {"by": "v1"}, "of v1", "2"]


def test_each_workspace_has_its_own(v2: ClientV2, standin: StandIn) -> None:
    """Two resource groups, one subscription, the same names."""
    other = standin.add_workspace("plane-other", "plane-other-ws")
    script = """
        made = Environment(name="apart", image=IMAGE, version=sys.argv[1] if sys.argv[1:] else "1")
        ml.environments.create_or_update(made)
        write("apart.txt", e["AML_WORKSPACE_NAME"])
        ml.data.create_or_update(Data(name="apart", path="apart.txt", type="uri_file"))
        print(json.dumps([
            ml.workspaces.get().name, ml.data.get("apart", label="latest").version,
            ml.datastores.get_default().account_name]))
    """
    here, there = v2.run(script), v2.run(script, **other)
    assert (here[0], there[0]) == (standin.account.workspace_name, "plane-other-ws")
    assert here[1] == there[1] == "1" and here[2] != there[2]

    # A job of the second asks for tokens at the address that the first one's do.
    second = standin.azure.neighbours[-1]
    second.computes.add("acting")
    if cluster := second.computes.find("acting"):
        cluster.identity = {"userAssignedIdentities": {"/acting": {}}}
    given = {"computeId": "acting", "identity": {"identityType": "Managed"}}
    secret = second.v2.identities.variables(given)["MSI_SECRET"]
    asked = Request("GET", "169.254.169.254", "/MSI/auth", {"resource": "x"}, {"secret": secret})
    assert standin.azure.v2.identities.token(asked).status == 200


REGISTRY = """
from azure.ai.ml.entities import (
    Registry, RegistryRegionDetails, SystemCreatedAcrAccount, SystemCreatedStorageAccount
)
def names(path):
    return sorted(f for _, _, files in os.walk(path) for f in files)

place = ml.workspaces.get(e["AML_WORKSPACE_NAME"]).location
region = RegistryRegionDetails(
    location=place, acr_config=[SystemCreatedAcrAccount(acr_account_sku="Premium")],
    storage_config=SystemCreatedStorageAccount(
        storage_account_hns=False, storage_account_type="standard_lrs"
    ),
)
asked = Registry(name="Plane", location=place, replication_locations=[region], tags={"a": "b"})
made = ml.registries.begin_create(asked).result()
seen = {"made": [made.name, made.tags]}
time.sleep(0.3)
seen["listed"] = [one.name for one in ml.registries.list()]
registry = MLClient(
    credential, registry_name="Plane", enable_telemetry=False, show_progress=False
)
write("shared/a.txt", "a")
write("shared/b/c.txt", "c")
model = Model(name="m", version="1", path="shared", type="custom_model", tags={"by": "file"})
made = registry.models.create_or_update(model)
seen["id"] = made.id
made.tags = {"by": "change"}
registry.models.create_or_update(made)
mine = Model(name="m-here", version="7", path="shared", type="custom_model", tags={"by": "share"})
ml.models.create_or_update(mine)
for version in ("2", "2"):
    said = dict(share_with_name="m", share_with_version=version, registry_name="Plane")
    try:
        ml.models.share("m-here", "7", **said)
    except Exception as error:
        seen["again"] = "already exists" in str(error)
seen["versions"] = sorted([one.version, one.tags["by"]] for one in registry.models.list("m"))
for version in ("1", "2"):
    registry.models.download("m", version, "got" + version)
seen["files"] = [names("got1"), names("got2")]
seen["none"] = len(list(registry.models.list("none")))
seen["no registry"] = refused(lambda: MLClient(credential, registry_name="none"))
ml.registries.begin_delete(name="plane").result()
seen["deleted"] = refused(lambda: ml.registries.get("Plane"))[0]
print("\\n" + json.dumps(seen), flush=True)  # a poller's dots are on the line before
"""


def test_a_registry_holds_models_of_files_and_of_workspaces(v2: ClientV2) -> None:
    """Made, filled in both ways, read and deleted by the unmodified client."""
    assert v2.run(REGISTRY) == {
        "made": ["Plane", {"a": "b"}],
        "listed": ["Plane"],
        "id": "azureml://registries/plane/models/m/versions/1",
        "again": True,
        "versions": [["1", "change"], ["2", "share"]],
        "files": [["a.txt", "c.txt"]] * 2,
        "none": 0,
        "no registry": [403, "User/tenant/subscription is not allowed to access registry none"],
        "deleted": 404,
    }


def test_a_registrys_model_is_not_the_workspaces_of_its_name(standin: StandIn) -> None:
    """By an id that ends alike; what is not played of a registry says so."""
    plane, uri = standin.azure.v2, "azureml://datastores/workspaceblobstore/paths/apart"
    plane.assets.put(KINDS["models"], "apart", "1", {"modelUri": uri}, None)
    assert plane.assets.find("azureml:apart:1", "models")[1].properties["modelUri"] == uri
    for asset, plural, status in (("models/apart", "models", 404), ("data/apart", "data", 501)):
        with pytest.raises(AzureError) as refused:
            plane.assets.find(f"azureml://registries/none/{asset}/versions/1", plural)
        assert refused.value.status == status


def test_a_registry_is_read_by_who_may_read_it(standin: StandIn) -> None:
    """A role on the workspace is none on a registry that a job, a deployment or a schedule names.

    Of Microsoft's own, `azureml`, and of one that is not there nobody is refused here.
    """
    plane = standin.azure.v2
    plane.registries.add("guarded")
    scientist = Principal("s", roles={"AzureML Data Scientist"})
    named = {"inputs": {"m": {"uri": "azureml://registries/guarded/models/m/versions/1"}}}
    body = json.dumps({"properties": {**named, "jobType": "Command"}}).encode()

    def status(who: Principal, text: bytes = body) -> list[int]:
        request, found = Request("PUT", "", "", {}, {}, text, who), []
        for put, names in (
            (plane.jobs.put, ("guarded",)),
            (plane.schedules.put, ("guarded",)),
            (plane.online_deployments.put, ("guarded", "blue")),
        ):
            with pytest.raises((AzureError, KeyError)) as refused:  # none of them is whole
                put(request, *names)
            found.append(getattr(refused.value, "status", 0))
        return found

    assert status(scientist) == [403] * 3
    assert 403 not in status(scientist, body.replace(b"guarded", b"azureml"))
    assert 403 not in status(Principal("u", roles={*scientist.roles, "AzureML Registry User"}))


def test_a_job_may_act_as_each_identity_of_its_cluster(standin: StandIn) -> None:
    """The one that it names, or the first, is its default; it asks for others by client id.

    On serverless compute it has the workspace's, none of them by default.
    """
    azure = standin.azure
    azure.computes.add("several")
    cluster = azure.computes.find("several")
    assert cluster is not None
    cluster.identity = {"userAssignedIdentities": {"/one": {}, "/two": {}}}
    one, two = (ids_of(path)["clientId"] for path in ("/one", "/two"))

    def told(**named: str) -> dict[str, str]:
        identity = {"identityType": "Managed", **named}
        return azure.v2.identities.variables({"computeId": "several", "identity": identity})

    def client(variables: dict[str, str], **query: str) -> Any:
        headers = {"secret": variables["MSI_SECRET"]}
        asked = Request("GET", "", "/MSI/auth", {"resource": "x", **query}, headers)
        body = azure.v2.identities.token(asked).body
        return body.get("client_id") if isinstance(body, dict) else None

    for named, default in (({}, one), ({"clientId": two}, two), ({"resourceId": "/TWO"}, two)):
        variables = told(**named)
        assert variables["DEFAULT_IDENTITY_CLIENT_ID"] == client(variables) == default
        assert [client(variables, clientid=each) for each in (one, two, "x")] == [one, two, None]
    azure.account.workspace_identities["/three"] = {}
    variables = azure.v2.identities.variables({"identity": {"identityType": "Managed"}})
    three = ids_of("/three")["clientId"]
    assert "DEFAULT_IDENTITY_CLIENT_ID" not in variables and client(variables) is None
    assert client(variables, clientid=three) == three and client(variables, clientid=one) is None
    del azure.account.workspace_identities["/three"]
    step = {"componentId": "c", "identity": {"type": "managed", "client_id": two}}
    assert steps.static({"command": "c"}, {}, step)["identity"] == {
        "identityType": "Managed",
        "clientId": two,
    }


def test_what_is_in_a_registry_goes_with_it(standin: StandIn) -> None:
    """With its storage, whatever deletes it: another of the name is empty."""
    plane, world = standin.azure.v2, standin.azure.world
    groups, resources = set(world.groups), set(world.resources)
    registry = plane.registries.add("twice")
    key = registry.id.lower(), "m"
    plane.registry_assets.models[key] = {"1": Entry("1", {}, None)}
    standin.azure.resources.remove(registry)
    assert key not in plane.registry_assets.models
    assert (set(world.groups), set(world.resources)) == (groups, resources)


def test_a_reader_gets_no_key(standin: StandIn) -> None:
    """`listSecrets` is an action, which a reader may not take."""
    rules = [one.rule for one in standin.azure.router.routes]
    needed = {rule.needs for rule in rules if rule.path.endswith("datastores/{name}/listSecrets")}
    assert needed == {"write"} and not standin.account.may(
        Principal("x", roles={"Reader"}), "write"
    )


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"resources": {"instanceCount": 2}}, 501, "not on 2"),
        ({"resources": {"instanceCount": -1}}, 400, "at least 1"),
        ({"distribution": {"distributionType": "Ray"}}, 501, "with Ray"),
        ({"computeId": "/x/computes/none"}, 400, "Unknown compute target 'none'."),
        ({"command": "echo ${{inputs.none}}"}, 400, "inputs.none"),
        ({"services": {"vs": {"jobServiceType": "VSCode"}}}, 501, "not played"),
        ({"limits": {"timeout": "5 minutes"}}, 400, "no duration"),
        ({"environmentId": "azureml:plane-none:1"}, 404, "plane-none"),
        ({"inputs": {"a": {"jobInputType": "uri_folder", "uri": "azureml:none:1"}}}, 404, "none:1"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    standin: StandIn, given: dict[str, Any], status: int, words: str
) -> None:
    """Before anything is begun."""
    job = {"command": "true", "environmentId": "azureml:AzureML-sklearn-1.5@latest", **given}
    with pytest.raises(AzureError, match=words) as refused:
        command.check(standin.azure, job)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("text", "became"),
    [
        ("a ${{inputs.x}} ${{ outputs.o }}", "a 1 /o"),
        ("a $[[--x ${{inputs.x}}]] $[[--y ${{inputs.y}}]]", "a --x 1 "),
        ("--lr ${{search_space.lr}} ${{inputs.x.path}}", "--lr 0.1 1"),
        ("$HOME ${x}", "$HOME ${x}"),
    ],
)
def test_a_command_gets_its_values(text: str, became: str) -> None:
    """An optional section goes with an input that is not given."""
    assert Bound({"x": "1"}, outputs={"o": "/o"}, space={"lr": "0.1"}).resolve(text) == became


def test_a_dockerfile_installs_what_it_says(standin: StandIn) -> None:
    """Packages, requirement files and wheels of the context; other steps are not run."""
    put = standin.blobs.put
    put("azureml", "context/requirements.txt", b"six==1.16.0 \\\n  --hash=sha256:0\n# no\n-i x\n")
    put("azureml", "context/wheels/own-1.0-py3-none-any.whl", b"wheel")
    text = """
    FROM python:3.11
    COPY . /tmp/build
    RUN apt-get install -y gcc && python -m pip install --no-cache-dir -i https://x 'a[b]>=1' \\
        c==2
    RUN conda run -n y pip install -r requirements.txt ./own-1.0-py3-none-any.whl
    """
    context = locate(standin.azure, f"https://{standin.blobs.host}/azureml/context")
    wheel = standin.blobs.url("azureml", "context/wheels/own-1.0-py3-none-any.whl")
    assert dockerfile.pip_lines(text, context) == ["a[b]>=1", "c==2", "six==1.16.0", wheel]


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ("azureml://registries/azureml/environments/sklearn-1.5/labels/latest", "sklearn-1.5"),
        ("azureml:AzureML-sklearn-1.5@latest", "AzureML-sklearn-1.5"),
        ("/subscriptions/x/environments/AzureML-sklearn-1.5/versions/1", "AzureML-sklearn-1.5"),
        ("azureml:mine:1", None),
    ],
)
def test_a_curated_environment_is_known(environment: str, name: str | None) -> None:
    """By the registry's name and by the workspace's."""
    found = curated.named(environment)
    assert (found[0] if found else None) == name
    if name:
        assert "scikit-learn~=1.5.0" in curated.images()[curated.image(name)]


def test_a_curated_environment_says_so(standin: StandIn) -> None:
    """To either SDK it is the same, and not the user's."""
    _, found = standin.azure.v2.assets.find("azureml:AzureML-sklearn-1.5:1", "environments")
    assert found.properties["environmentType"] == "Curated"
    assert found.properties["image"].endswith("/curated/sklearn-1.5")


def test_what_lies_outside_is_refused(standin: StandIn, tmp_path: Path) -> None:
    """Until a test puts it there: no address outside is ever asked for."""
    url = "https://azuremlexamples.blob.core.windows.net/datasets/iris.csv"
    with pytest.raises(AzureError, match="does not read") as refused:
        locate(standin.azure, url)
    assert refused.value.status == 501
    (tmp_path / "iris.csv").write_bytes(b"rows")
    standin.azure.v2.public[url] = tmp_path / "iris.csv"
    short = "wasbs://datasets@azuremlexamples.blob.core.windows.net/iris.csv"
    assert locate(standin.azure, short).download(tmp_path / "got").read_bytes() == b"rows"


def test_numbers_follow_numbers() -> None:
    """Versions are compared as numbers; environments get a moment."""
    assert KINDS["data"].next("9", 9) == "10"
    assert KINDS["environments"].next("1", 1).count("-") == 6
