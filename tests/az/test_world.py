"""The empty subscription of the stand-in, by plain requests: what is made, refused, forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.az.caller import ARM, DEVOPS, GRAPH, Answer, Caller, administrator
from tests.standin import StandIn
from tests.standin.specifications.witness import watched

GROUP = "/resourceGroups/g"
ACCOUNT = GROUP + "/providers/Microsoft.Storage/storageAccounts/held01"
WORKSPACE = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces/ws1"
PROVIDERS = (
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.Insights",
    "Microsoft.MachineLearningServices",
)
WEST = {"location": "westeurope"}
BLOB_ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """An empty subscription of the test's own; every answer is held to what was published."""
    with watched() as witness, StandIn(empty=True) as running:
        yield running
        assert not witness.violations, f"answers that are not as published: {witness.violations}"
        broken = [e.error for e in running.journal.entries if e.error]
        assert not broken, broken[0]


@pytest.fixture
def owner(standin: StandIn) -> Caller:
    """Who owns the subscription."""
    return administrator(standin)


def eventually(ask: Callable[[], Any], seconds: float = 5) -> Any:
    """What `ask` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


def assign(caller: Caller, scope: str, role: str, principal: str, name: str = "") -> Answer:
    """Assign a role at a scope that counts from the subscription."""
    root = f"/subscriptions/{caller.standin.account.subscription_id}/providers"
    definition = f"{root}/Microsoft.Authorization/roleDefinitions/{role}"
    number = name or f"00000000-0000-4000-8000-{abs(hash((scope, role, principal))) % 10**12:012}"
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{number}"
    given = {"roleDefinitionId": definition, "principalId": principal}
    return caller.arm("PUT", path, {"properties": given})


def new_principal(owner: Caller, name: str = "spn") -> tuple[Caller, str]:
    """A service principal with a secret, and its object id."""
    application = owner.graph("POST", "/applications", {"displayName": name}).body
    made = owner.graph("POST", "/servicePrincipals", {"appId": application["appId"]}).body
    secret = owner.graph("POST", f"/applications/{application['id']}/addPassword", {"x": 1}).body
    return Caller(owner.standin, application["appId"], secret["secretText"]), made["id"]


def with_account(owner: Caller) -> None:
    """A group with a storage account in it."""
    owner.register("Microsoft.Storage")
    assert owner.arm("PUT", GROUP, WEST).status == 201
    assert owner.wait(owner.arm("PUT", ACCOUNT, WEST)).status == 200


# Groups and providers.


def test_there_is_nothing_but_the_subscription(owner: Caller) -> None:
    assert owner.ask("GET", f"{ARM}/subscriptions?api-version=2022-12-01").body["value"]
    assert owner.arm("GET", "/resourceGroups").body["value"] == []
    assert owner.arm("GET", "/resources").body["value"] == []
    assert owner.arm("GET", GROUP).code == "ResourceGroupNotFound"
    assert owner.arm("GET", WORKSPACE).code == "ResourceGroupNotFound"
    assert owner.graph("GET", "/applications").body["value"] == []


def test_a_group_has_one_location_and_goes_with_all_in_it(owner: Caller, standin: StandIn) -> None:
    assert owner.arm("PUT", GROUP, WEST).status == 201
    assert owner.arm("PUT", GROUP, {**WEST, "tags": {"a": "b"}}).body["tags"] == {"a": "b"}
    assert owner.arm("PUT", GROUP, {"location": "eastus"}).code == "InvalidResourceGroupLocation"
    assert owner.arm("PUT", "/resourceGroups/bad!", WEST).code == "InvalidResourceGroup"
    assert owner.arm("HEAD", GROUP).status == 204
    owner.register("Microsoft.KeyVault")
    vault = GROUP + "/providers/Microsoft.KeyVault/vaults/held-vault"
    assert owner.arm("PUT", vault, WEST).status == 201
    begun = owner.arm("DELETE", GROUP)
    assert begun.status == 202
    assert owner.arm("PUT", GROUP, WEST).code == "ResourceGroupBeingDeleted"
    assert owner.wait(begun).status == 200
    assert owner.arm("HEAD", GROUP).status == 404
    assert standin.world.resources == {}
    kept = owner.arm("GET", "/providers/Microsoft.KeyVault/deletedVaults").body["value"]
    assert [one["name"] for one in kept] == ["held-vault"]
    assert owner.arm("PUT", GROUP, WEST).status == 201
    assert owner.arm("PUT", vault, WEST).code == "ConflictError"
    place = "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/held-vault"
    assert owner.wait(owner.arm("POST", place + "/purge")).status == 200
    assert owner.arm("PUT", vault, WEST).status == 201


def test_a_provider_must_be_registered_which_takes_a_while(owner: Caller) -> None:
    owner.arm("PUT", GROUP, WEST)
    assert owner.arm("PUT", ACCOUNT, WEST).code == "MissingSubscriptionRegistration"
    said = owner.arm("POST", "/providers/Microsoft.Storage/register").body
    assert said["registrationState"] == "Registering"
    owner.register("Microsoft.Storage")
    assert owner.arm("PUT", ACCOUNT, WEST).status == 202


def test_a_request_that_lost_its_answer_has_done_its_work(owner: Caller, standin: StandIn) -> None:
    owner.token(ARM)
    standin.fault(path="/resourceGroups/g$", method="PUT", drop="after")
    with pytest.raises(OSError, match=r"closed|reset"):
        owner.arm("PUT", GROUP, WEST)
    assert owner.arm("PUT", GROUP, WEST).status == 200


# Storage.


def test_the_name_of_a_storage_account_is_taken_once(owner: Caller, standin: StandIn) -> None:
    with_account(owner)
    standin.world.taken_names.add("ofothers")
    check = "/providers/Microsoft.Storage/checkNameAvailability"
    reasons = {
        name: owner.arm("POST", check, {"name": name}).body.get("reason")
        for name in ("held01", "ofothers", "Bad_Name", "free01")
    }
    assert reasons == {
        "held01": "AlreadyExists",
        "ofothers": "AlreadyExists",
        "Bad_Name": "AccountNameInvalid",
        "free01": None,
    }
    other = ACCOUNT.replace("held01", "ofothers")
    assert owner.arm("PUT", other, WEST).code == "StorageAccountAlreadyTaken"
    assert owner.arm("PUT", ACCOUNT, WEST).status == 200
    keys = owner.arm("POST", ACCOUNT + "/listKeys").body["keys"]
    assert len(keys) == 2 and keys[0]["value"]


def test_blobs_need_a_role_of_the_data_and_accounts_keep_theirs_apart(
    owner: Caller, standin: StandIn
) -> None:
    with_account(owner)
    other = ACCOUNT.replace("held01", "held02")
    assert owner.wait(owner.arm("PUT", other, WEST)).status == 200
    container = "/blobServices/default/containers/data"
    assert owner.arm("GET", ACCOUNT + container).code == "ContainerNotFound"
    assert owner.arm("PUT", ACCOUNT + container, {"properties": {}}).status == 201
    assert owner.arm("PUT", ACCOUNT + container, {"properties": {}}).status == 200

    def put(account: str) -> Answer:
        url = f"https://{account}.blob.core.windows.net/data/a.csv"
        kind = {"x_ms_blob_type": "BlockBlob", "x_ms_version": "2023-11-03"}
        return owner.ask("PUT", url, b"a,b\n", Content_Type="text/csv", **kind)

    refused = put("held01")  # an owner of everything may not read a blob
    assert refused.status == 403 and b"AuthorizationPermissionMismatch" in refused.body
    me = standin.account.administrator.object_id
    assert assign(owner, ACCOUNT, BLOB_ROLE, me).status == 201
    assert put("held01").status == 201
    assert put("held02").status == 403
    assert assign(owner, other, BLOB_ROLE, me).status == 201
    missing = put("held02")
    assert missing.status == 404 and b"ContainerNotFound" in missing.body


# Roles.


def test_roles_count_where_they_are_assigned(owner: Caller, standin: StandIn) -> None:
    standin.account.administrator.roles = {"Reader"}
    refused = owner.arm("PUT", GROUP, WEST)
    assert refused.code == "AuthorizationFailed"
    assert "'Microsoft.Resources/subscriptions/resourceGroups/write'" in str(refused.body)
    standin.account.administrator.roles = {"Contributor"}
    assert owner.arm("PUT", GROUP, WEST).status == 201
    spn, number = new_principal(owner)
    time.sleep(standin.world.replication)
    assert assign(owner, GROUP, BLOB_ROLE, number).code == "AuthorizationFailed"
    standin.account.administrator.roles = {"Owner"}
    reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    assert assign(owner, GROUP, reader, number).status == 201
    assert owner.arm("PUT", "/resourceGroups/other", WEST).status == 201
    assert spn.arm("GET", GROUP).status == 200
    assert spn.arm("GET", "/resourceGroups/other").code == "AuthorizationFailed"
    permissions = spn.arm("GET", GROUP + "/providers/Microsoft.Authorization/permissions").body
    assert [one["actions"] for one in permissions["value"]] == [["*/read"]]


def test_an_assignment_waits_for_the_principal_and_is_made_once(
    owner: Caller, standin: StandIn
) -> None:
    owner.arm("PUT", GROUP, WEST)
    standin.world.replication = 1.0
    _, number = new_principal(owner)
    assert assign(owner, GROUP, BLOB_ROLE, number).code == "PrincipalNotFound"
    made = eventually(lambda: (a := assign(owner, GROUP, BLOB_ROLE, number)).status == 201 and a)
    second = assign(owner, GROUP, BLOB_ROLE, number, "00000000-0000-4000-8000-000000000000")
    assert second.code == "RoleAssignmentExists"
    assert made.body["name"].replace("-", "") in second.body["error"]["message"]
    path = GROUP + "/providers/Microsoft.Authorization/roleAssignments"
    listed = owner.arm("GET", path, query=f"&$filter=principalId%20eq%20'{number}'").body
    assert [one["id"] for one in listed["value"]] == [made.body["id"]]
    above = owner.arm("GET", path, query="&$filter=atScope()").body["value"]
    assert len(above) == 2  # the owner's, over the subscription, too
    assert owner.arm("DELETE", f"{path}/{made.body['name']}").status == 200
    assert owner.arm("DELETE", f"{path}/{made.body['name']}").status == 204
    no = assign(owner, "/resourceGroups/none", BLOB_ROLE, number)
    assert no.code == "ResourceGroupNotFound"


def test_a_role_may_take_a_while_to_count(owner: Caller, standin: StandIn) -> None:
    standin.account.assignment_seconds = 0.5
    owner.arm("PUT", GROUP, WEST)
    spn, number = new_principal(owner)
    reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    eventually(lambda: assign(owner, GROUP, reader, number).status == 201)
    assert spn.arm("GET", GROUP).code == "AuthorizationFailed"
    assert eventually(lambda: spn.arm("GET", GROUP).status == 200)


def test_an_id_is_answered_as_its_group_is_named(owner: Caller) -> None:
    owner.arm("PUT", "/resourceGroups/Mixed", WEST)
    owner.register("Microsoft.Insights")
    path = "/resourcegroups/mixed/providers/Microsoft.Insights/components/appi"
    assert "/resourceGroups/Mixed/" in owner.arm("PUT", path, WEST).body["id"]
    assert owner.arm("GET", path).status == 200


# The directory.


def test_an_application_is_there_by_its_id_before_a_list_knows_it(
    owner: Caller, standin: StandIn
) -> None:
    standin.azure.lag = 0.5
    made = owner.graph("POST", "/applications", {"displayName": "it's"})
    assert made.status == 201
    client, number = made.body["appId"], made.body["id"]
    asked = "/applications?$filter=displayName%20eq%20'it''s'"
    assert owner.graph("GET", asked).body["value"] == []
    assert owner.graph("GET", f"/applications(appId='{client}')").body["id"] == number
    assert owner.graph("GET", f"/applications/{number}").body["appId"] == client
    assert eventually(lambda: owner.graph("GET", asked).body["value"])[0]["id"] == number
    assert owner.graph("GET", "/applications?$filter=bad").code == "Request_UnsupportedQuery"
    assert owner.graph("DELETE", f"/applications/{number}").status == 204
    assert owner.graph("GET", f"/applications/{number}").code == "Request_ResourceNotFound"
    kept = "/directory/deletedItems/microsoft.graph.application"
    assert [one["id"] for one in owner.graph("GET", kept).body["value"]] == [number]
    assert owner.graph("DELETE", f"/directory/deletedItems/{number}").status == 204


def test_a_unique_name_makes_one_application(owner: Caller, standin: StandIn) -> None:
    path, body = "/applications(uniqueName='mine')", {"displayName": "mine"}
    assert owner.graph("PATCH", path, body).code == "Request_ResourceNotFound"
    assert owner.graph("PATCH", path, body, Prefer="create-if-missing").status == 201
    assert owner.graph("PATCH", path, body, Prefer="create-if-missing").status == 204
    assert len(standin.world.applications) == 1


def test_a_secret_signs_in_until_it_is_removed(owner: Caller, standin: StandIn) -> None:
    spn, number = new_principal(owner)
    assert spn.sign_in(ARM).status == 200
    application = owner.graph("GET", f"/applications(appId='{spn.client}')").body
    assert [one["secretText"] for one in application["passwordCredentials"]] == [None]
    second = owner.graph("POST", f"/applications/{application['id']}/addPassword", {"x": 1}).body
    assert Caller(standin, spn.client, second["secretText"]).sign_in(ARM).status == 200
    key = {"keyId": application["passwordCredentials"][0]["keyId"]}
    remove = f"/applications/{application['id']}/removePassword"
    assert owner.graph("POST", remove, key).status == 204
    assert owner.graph("POST", remove, key).code == "Request_BadRequest"
    assert "AADSTS7000215" in spn.sign_in(ARM).body["error_description"]
    assert owner.graph("DELETE", f"/servicePrincipals/{number}").status == 204
    gone = Caller(standin, spn.client, second["secretText"]).sign_in(ARM)
    assert "AADSTS7000229" in gone.body["error_description"]


def test_the_directory_may_refuse_to_make_applications(owner: Caller, standin: StandIn) -> None:
    standin.world.may_register_applications = False
    refused = owner.graph("POST", "/applications", {"displayName": "a"})
    assert (refused.status, refused.code) == (403, "Authorization_RequestDenied")
    assert owner.graph("GET", "/applications").status == 200
    token = owner.token(ARM)  # of another audience
    other = owner.send("GET", f"{GRAPH}/v1.0/applications", Authorization=f"Bearer {token}")
    assert (other.status, other.code) == (401, "InvalidAuthenticationToken")


# Deployments and the workspace.

TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {
        "name": {"type": "string"},
        "storage": {"type": "string"},
        "kind": {"type": "string", "defaultValue": "Default", "allowedValues": ["Default", "Hub"]},
        "vault": {"type": "string", "defaultValue": "[concat('kv', uniqueString('a'))]"},
    },
    "variables": {
        "vault": "[resourceId('Microsoft.KeyVault/vaults', parameters('vault'))]",
        "insights": "[resourceId('Microsoft.Insights/components', parameters('name'))]",
    },
    "resources": [
        {
            "type": "Microsoft.MachineLearningServices/workspaces",
            "apiVersion": "2024-10-01",
            "name": "[parameters('name')]",
            "location": "[resourceGroup().location]",
            "identity": {"type": "SystemAssigned"},
            "dependsOn": ["[variables('vault')]", "[variables('insights')]"],
            "properties": {
                "friendlyName": "[toLower(parameters('name'))]",
                "storageAccount": "[resourceId('Microsoft.Storage/storageAccounts', "
                "parameters('storage'))]",
                "keyVault": "[variables('vault')]",
                "applicationInsights": "[variables('insights')]",
            },
        },
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "[parameters('vault')]",
            "location": "[resourceGroup().location]",
            "properties": {"tenantId": "[subscription().tenantId]"},
        },
        {
            "type": "Microsoft.Insights/components",
            "apiVersion": "2020-02-02",
            "name": "[parameters('name')]",
            "location": "[resourceGroup().location]",
            "properties": {"Application_Type": "web"},
        },
        {
            "condition": "[equals(parameters('kind'), 'Hub')]",
            "type": "Microsoft.ContainerRegistry/registries",
            "apiVersion": "2023-07-01",
            "name": "never",
            "location": "[resourceGroup().location]",
        },
    ],
}


def deploy(caller: Caller, deployment: str, **values: str | None) -> Answer:
    """Begin to deploy the template with these parameters."""
    given = {"name": "WS1", "storage": "held01", **values}
    parameters = {key: {"value": value} for key, value in given.items()}
    body = {"mode": "Incremental", "template": TEMPLATE, "parameters": parameters}
    path = f"{GROUP}/providers/Microsoft.Resources/deployments/{deployment}"
    return caller.arm("PUT", path, {"properties": body})


def with_workspace(owner: Caller) -> None:
    """A workspace, by a deployment."""
    with_account(owner)
    owner.register(*PROVIDERS)
    assert owner.wait(deploy(owner, "first", kind=None)).body["status"] == "Succeeded"


def test_a_deployment_makes_a_workspace(owner: Caller, standin: StandIn) -> None:
    with_workspace(owner)
    made = owner.arm("GET", WORKSPACE).body
    assert made["properties"]["friendlyName"] == "ws1"
    assert made["properties"]["storageAccount"].endswith("/storageAccounts/held01")
    assert made["properties"]["keyVault"].rsplit("/", 1)[-1].startswith("kv")
    types = sorted(one.type.rsplit("/", 1)[-1] for one in standin.world.resources.values())
    assert types == ["components", "storageAccounts", "vaults", "workspaces"]
    path = GROUP + "/providers/Microsoft.Resources/deployments/first"
    assert owner.arm("GET", path).body["properties"]["provisioningState"] == "Succeeded"
    steps = owner.arm("GET", path + "/operations").body["value"]
    assert len(steps) == 3
    assert owner.arm("GET", path.replace("first", "none")).code == "DeploymentNotFound"


def test_a_cluster_is_made_in_it_and_a_data_scientist_may_use_but_not_make_one(
    owner: Caller, standin: StandIn
) -> None:
    with_workspace(owner)
    cluster = {
        **WEST,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 2}},
        },
    }
    begun = owner.arm("PUT", WORKSPACE + "/computes/cpu", cluster)
    assert begun.status == 201
    assert owner.wait(begun).body["status"] == "Succeeded"
    spn, number = new_principal(owner)
    assert spn.arm("GET", WORKSPACE).code == "AuthorizationFailed"
    time.sleep(standin.world.replication)
    assert assign(owner, WORKSPACE, SCIENTIST, number).status == 201
    assert spn.arm("GET", WORKSPACE).status == 200
    refused = spn.arm("PUT", WORKSPACE + "/computes/other", cluster)
    assert refused.code == "AuthorizationFailed"
    path = standin.account.workspace_path
    url = f"{standin.account.api}/datastore/v1.0{path}/default"
    token = spn.token(ARM)
    store = spn.send("GET", url, Authorization=f"Bearer {token}").body
    assert store["azureStorageSection"]["accountName"] == "held01"


def test_a_deleted_workspace_keeps_its_name(owner: Caller) -> None:
    with_workspace(owner)
    assert owner.wait(owner.arm("DELETE", WORKSPACE)).body["status"] == "Succeeded"
    assert owner.arm("GET", WORKSPACE).code == "ResourceNotFound"
    again = owner.wait(deploy(owner, "again"))
    assert again.body["status"] == "Failed"
    assert again.body["error"]["details"][0]["code"] == "Conflict"
    assert owner.arm("DELETE", WORKSPACE, query="&forceToPurge=true").status == 200
    assert owner.wait(deploy(owner, "third")).body["status"] == "Succeeded"


def test_a_deployment_that_fails_leaves_what_it_had_made(owner: Caller, standin: StandIn) -> None:
    with_account(owner)
    owner.register(*PROVIDERS)
    standin.fault(path="/workspaces/WS1$", method="PUT", status=409, code="Busy")
    failed = owner.wait(deploy(owner, "first"))
    assert failed.body["error"]["details"][0]["code"] == "Busy"
    assert standin.world.workspaces == []
    assert len(standin.world.of_type("Microsoft.KeyVault/vaults")) == 1
    assert owner.wait(deploy(owner, "second")).body["status"] == "Succeeded"


def test_a_deployment_is_refused_before_anything_is_made(owner: Caller, standin: StandIn) -> None:
    with_account(owner)
    assert deploy(owner, "a").code == "MissingSubscriptionRegistration"
    owner.register(*PROVIDERS)
    assert deploy(owner, "a", kind="None").code == "InvalidTemplate"
    assert deploy(owner, "a", other="x").code == "InvalidTemplate"
    spn, number = new_principal(owner)
    time.sleep(standin.world.replication)
    insights = GROUP + "/providers/Microsoft.Insights/components/WS1"
    assert owner.arm("PUT", insights, WEST).status == 201
    contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    assert assign(owner, insights, contributor, number).status == 201
    assert deploy(spn, "a").code == "AuthorizationFailed"
    assert len(standin.world.resources) == 2


# Azure DevOps.


def test_a_variable_group_keeps_its_secrets(owner: Caller, standin: StandIn) -> None:
    project = standin.world.add_project("contoso", "churn")
    groups = "_apis/distributedtask/variablegroups"
    plain, secret = {"value": "1"}, {"value": "s3", "isSecret": True}
    body: dict[str, Any] = {
        "type": "Vsts",
        "name": "churn",
        "variables": {"a": plain, "b": secret},
        "variableGroupProjectReferences": [
            {"name": "churn", "projectReference": {"id": project, "name": "churn"}}
        ],
    }
    made = owner.ask("POST", f"{DEVOPS}/contoso/{groups}?api-version=7.1", body)
    assert made.body["variables"] == {"a": plain, "b": {"value": None, "isSecret": True}}
    exists = owner.ask("POST", f"{DEVOPS}/contoso/{groups}", body)
    assert (exists.status, exists.body["typeKey"]) == (409, "VariableGroupExistsException")
    body["variables"] = {"a": {"value": "2"}, "b": {"value": None, "isSecret": True}}
    assert owner.ask("PUT", f"{DEVOPS}/contoso/{groups}/1", body).status == 200
    assert standin.world.variable_groups[1].variables == {"a": {"value": "2"}, "b": secret}
    listed = owner.ask("GET", f"{DEVOPS}/contoso/churn/{groups}?groupName=CH*").body
    assert [one["id"] for one in listed["value"]] == [1]
    assert owner.ask("GET", f"{DEVOPS}/contoso/churn/{groups}?groupName=x").body["count"] == 0
    use = f"{DEVOPS}/contoso/churn/_apis/pipelines/pipelinepermissions/variablegroup/1"
    assert "allPipelines" not in owner.ask("GET", use).body
    allowed = owner.ask("PATCH", use, {"allPipelines": {"authorized": True}}).body
    assert allowed["allPipelines"]["authorized"] and standin.world.variable_groups[1].authorized
    assert owner.ask("GET", f"{DEVOPS}/contoso/_apis/projects/none").status == 404
    for broken in ({**body, "variables": {}}, {**body, "variableGroupProjectReferences": []}):
        assert owner.ask("PUT", f"{DEVOPS}/contoso/{groups}/1", broken).status == 400


def test_who_is_not_known_to_azure_devops_gets_a_page(owner: Caller, standin: StandIn) -> None:
    standin.world.add_project("contoso", "churn")
    url = f"{DEVOPS}/contoso/_apis/projects/churn"
    token = owner.token(ARM)  # not one of Azure DevOps
    page = owner.send("GET", url, Authorization=f"Bearer {token}")
    assert page.status == 203 and b"Sign In" in page.body
    assert owner.ask("GET", url).body["name"] == "churn"
    standin.world.strangers.add(standin.account.administrator.object_id)
    assert "TF400813" in owner.ask("GET", url).body["message"]
