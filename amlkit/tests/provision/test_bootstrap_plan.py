"""What is looked at, checked and shown before anything is made, against a double of `az`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bootstrap_double import OWNER, SUBSCRIPTION, DoubleOfAz
from bootstrap_fixtures import MADE, Open

from amlkit.provision import commands
from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.client import Client
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.destroy import destroy
from amlkit.settings import SettingsError


def test_what_was_handed_out_is_looked_at_and_never_made(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    az.commands.clear()
    handed_out = [
        (f"azure.bootstrap.{key}", "existing")
        for key in ("resource_group", "storage_account", "workspace", "service_principal")
    ]
    assert commands.apply(opened(*handed_out))["created"] == []
    for key in [key for key in az.made if "/workspaces/mlw" in key]:
        del az.made[key]
    with pytest.raises(Refused, match=r"workspace mlw-.* is not there"):
        commands.apply(opened(*handed_out))
    assert az.commands == []


def test_what_is_missing_names_the_setting_that_has_it_made(opened: Open) -> None:
    """Log Analytics has none of its own."""
    done = commands.plan(opened(("azure.bootstrap.app_insights", "existing")))
    assert len(done["problems"]) == 2
    assert all("(azure.bootstrap.app_insights: create)" in line for line in done["problems"])


def test_what_is_skipped_is_neither_looked_at_nor_made(az: DoubleOfAz, opened: Open) -> None:
    skipped = [("azure.bootstrap.service_principal", "skip"), ("azure.bootstrap.roles", "skip")]
    commands.apply(opened(*skipped))
    assert not [words for words in az.commands if words[0] in ("ad", "role") or "patch" in words]


def test_roles_without_a_principal_are_refused(opened: Open) -> None:
    with pytest.raises(SettingsError, match=r"azure.bootstrap.roles is create, but"):
        opened(("azure.bootstrap.service_principal", "skip"))


def test_all_problems_are_said_at_once_and_nothing_is_made(az: DoubleOfAz, opened: Open) -> None:
    context = opened()
    az.permissions = [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/write"]}]
    az.taken = {context.names.storage_account, context.names.key_vault}
    az.free_cores = 2
    with pytest.raises(Refused) as caught:
        commands.apply(context)
    said = "\n".join(caught.value.record["problems"])
    for words in (
        "Owner or User Access Administrator",
        context.names.storage_account,
        context.names.key_vault,
        "2 of 2 are free of Standard DSv2",
    ):
        assert words in said
    assert az.commands == []
    assert not context.state.path.exists()


def test_a_size_that_the_region_has_no_longer_is_told_with_one_that_it_has(
    az: DoubleOfAz, opened: Open
) -> None:
    with pytest.raises(Refused, match=r"no machines Standard_DS3_v1 .*it has STANDARD_DS3_V2:"):
        commands.apply(opened(("azure.compute.size", "Standard_DS3_v1")))
    assert az.commands == []


def forbidding(*words: str) -> Callable[[tuple[str, ...]], None]:
    """What refuses the commands that have one of these words in an argument."""

    def forbid(arguments: tuple[str, ...]) -> None:
        if any(word in argument for argument in arguments for word in words):
            raise Failure(Kind.FORBIDDEN, "AuthorizationFailed", "you may not")

    return forbid


def test_rights_that_may_not_be_read_are_unknown(az: DoubleOfAz, opened: Open) -> None:
    az.before = forbidding("/permissions")
    done = commands.apply(opened())
    assert len(done["created"]) == len(MADE)
    assert any("your rights could not be checked" in line for line in done["unknown"])


def test_what_may_not_be_looked_at_is_not_made(az: DoubleOfAz, opened: Open) -> None:
    az.before = forbidding("graph.microsoft.com/v1.0/applications")
    with pytest.raises(Refused, match=r"application .*: you may not"):
        commands.apply(opened())
    assert az.commands == []


def test_roles_that_may_not_be_looked_at_are_given_again(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    az.commands.clear()
    az.before = forbidding("/roleAssignments")
    commands.apply(opened())
    assert az.commands[-1][:3] == ("deployment", "group", "create")


def test_a_principal_that_may_not_be_looked_up_gets_no_roles(az: DoubleOfAz, opened: Open) -> None:
    az.before = forbidding("servicePrincipals")
    with pytest.raises(Refused, match=r"role .*: service principal .* may not be looked up"):
        commands.apply(opened(("azure.client_id", "0" * 8 + "-0000-4000-8000-" + "0" * 12)))
    assert az.commands == []


def test_what_azure_gave_up_is_said_before_anything_is_made(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    names = opened().names
    az.made[names.workspace_id]["properties"] = {"provisioningState": "Failed"}
    del az.made[names.compute_id]
    az.commands.clear()
    with pytest.raises(Refused, match=r"given up making mlw-.* \(Failed\).*az resource delete"):
        commands.apply(opened())
    assert az.commands == []


def test_a_deleted_key_vault_is_said_with_what_ends_it(az: DoubleOfAz, opened: Open) -> None:
    context = opened()
    names = context.names
    place = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}"
    az.made[f"{place}/deletedVaults/{names.key_vault}"] = {"name": names.key_vault}
    az.taken = {names.key_vault}
    with pytest.raises(Refused, match=rf"az keyvault purge -n {names.key_vault} -l"):
        commands.apply(context)
    assert az.commands == []
    assert any("az keyvault purge" in line for line in commands.status(opened())["notes"])


def test_a_plan_needs_no_az(opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    context = opened()
    context.client = Client(Az(lambda line: None, subscription=SUBSCRIPTION))
    done = commands.plan(context)
    assert all(each["commands"] for each in done["steps"] if each["step"] != "az")
    assert "no `az` on PATH" in done["problems"][0]


def test_the_request_for_an_administrator_is_word_for_word(opened: Open) -> None:
    done = commands.plan(opened(for_admin=True))
    for words in (
        "az group create -n",
        "az role assignment create --role 'AzureML Data Scientist'",
        "Owner or User Access Administrator",
        "| workspace mlw-",
    ):
        assert words in done["request"]


def test_the_request_asks_for_what_is_to_be_handed_out(az: DoubleOfAz, opened: Open) -> None:
    handed_out = [
        ("azure.bootstrap.service_principal", "existing"),
        ("azure.bootstrap.roles", "existing"),
    ]
    commands.apply(
        opened(("azure.bootstrap.service_principal", "skip"), ("azure.bootstrap.roles", "skip"))
    )
    request = commands.plan(opened(*handed_out, for_admin=True))["request"]
    for words in ("applications(uniqueName=", "az ad sp create --id", "az role assignment create"):
        assert words in request
    assert "az group create" not in request


STEPS = ("azure.traffic.steps", (10,))


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ([("azure.sdk", "v2"), STEPS], True),
        ([("azure.sdk", "v2"), ("azure.traffic.mirror", 20)], True),
        ([("azure.sdk", "v2")], False),
        ([STEPS], False),  # SDK v1 shares no traffic
        ([("azure.sdk", "v2"), STEPS, ("azure.bootstrap.role", "Contributor")], False),
    ],
)
def test_the_role_that_reads_metrics_is_asked_for_where_traffic_is_judged(
    changes: list[tuple[str, object]], needed: bool, opened: Open
) -> None:
    done = commands.plan(opened(*changes, for_admin=True))
    shown = [each for each in done["steps"] if "Monitoring Reader" in each["title"]]
    assert len(shown) == needed
    assert ("az role assignment create --role 'Monitoring Reader'" in done["request"]) == needed


PIPELINE = [("azure.sdk", "v2"), ("azure.bootstrap.pipeline", "create")]
SERVERLESS = [*PIPELINE, ("azure.compute.name", ""), ("azure.bootstrap.compute", "skip")]


def test_what_a_pipelines_steps_act_as_is_made(az: DoubleOfAz, opened: Open) -> None:
    """For a cluster, which runs as it, or for the workspace, whose serverless jobs have it."""
    done = commands.plan(opened(*PIPELINE[:1]))
    assert not [each for each in done["steps"] if "identity" in each["title"]]
    planned = commands.plan(opened(*PIPELINE))["steps"]
    [cluster] = [each for each in planned if each["title"].startswith("cluster")]
    assert "/userAssignedIdentities/id-mlw-sample" in str(cluster)
    commands.apply(opened(*PIPELINE))
    [identity] = [path for path in az.made if "/userAssignedIdentities/" in path]
    assert identity.endswith("/id-mlw-sample")
    given = [v["properties"] for path, v in az.made.items() if "/roleAssignments/" in path]
    mine = [one for one in given if one["principalId"] == "principal-of-id-mlw-sample"]
    assert [one["scope"].rpartition("/")[2] for one in mine] == ["mlw-sample"]
    assert commands.apply(opened(*PIPELINE))["created"] == []
    [made] = commands.apply(opened(*SERVERLESS))["created"]
    assert made == "identity id-mlw-sample for jobs of mlw-sample"
    assert commands.apply(opened(*SERVERLESS))["created"] == []


def test_an_identity_stays_while_what_stays_has_it(az: DoubleOfAz, opened: Open) -> None:
    stays = [(f"azure.bootstrap.{key}", "existing") for key in ("workspace", "resource_group")]
    commands.apply(opened(*SERVERLESS))
    for path in (opened().names.workspace_id, opened().names.group_id):
        az.made[path]["tags"] = {}  # of others
    [identity] = [path for path in az.made if "/userAssignedIdentities/" in path]
    assert "identity id-mlw-sample" not in destroy(opened(*SERVERLESS, *stays))["removed"]
    assert identity in az.made
    az.made[opened().names.workspace_id]["identity"] = {"type": "SystemAssigned"}
    assert destroy(opened(*SERVERLESS, *stays))["removed"] == ["identity id-mlw-sample"]
    assert identity not in az.made


def test_an_identity_that_was_made_anew_is_given_anew(az: DoubleOfAz, opened: Open) -> None:
    """To a workspace that keeps the type it has; its group's list says nothing of principals."""
    commands.apply(opened(*SERVERLESS))
    names = opened().names
    workspace = az.made[names.workspace_id]
    assert workspace["identity"]["type"] == "SystemAssigned,UserAssigned"
    workspace["identity"] |= {"type": "UserAssigned"}
    [identity] = [path for path in az.made if "/userAssignedIdentities/" in path]
    az.made[identity] |= {"properties": {"principalId": "another"}, "type": "identity"}
    shown = {each["step"]: each["state"] for each in commands.status(opened(*SERVERLESS))["steps"]}
    assert (shown["pipeline"], shown["pipeline_workspace"]) == ("there", "to create")
    assert len(commands.apply(opened(*SERVERLESS))["created"]) == 2  # and its role
    [given] = workspace["identity"]["userAssignedIdentities"].values()
    assert given == {"principalId": "another"} and workspace["identity"]["type"] == "UserAssigned"
    assert commands.apply(opened(*SERVERLESS))["created"] == []


def test_a_workspace_is_given_an_identity_once_it_shows_it(
    az: DoubleOfAz, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure may answer 202 and nothing else."""
    give, slept = az._give, list[float]()
    late: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(az, "_give", lambda *given: late.append(given))

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        give(*late[0])

    monkeypatch.setattr("amlkit.provision.cloud.waits.time.sleep", sleep)
    created = commands.apply(opened(*SERVERLESS))["created"]
    assert "identity id-mlw-sample for jobs of mlw-sample" in created
    assert len(late) == len(slept) == 1


def test_the_identitys_provider_is_looked_for_before_anything_is_made(
    az: DoubleOfAz, opened: Open
) -> None:
    az.registered.remove("Microsoft.ManagedIdentity")
    az.permissions = [{"actions": ["*"], "notActions": ["*/register/action"]}]
    with pytest.raises(Refused, match=r"Microsoft.ManagedIdentity.*azure.bootstrap.providers"):
        commands.apply(opened(*PIPELINE))
    assert az.commands == []
    commands.apply(opened())  # without a pipeline nobody needs it
    az.permissions = OWNER
    commands.apply(opened(*PIPELINE, ("azure.bootstrap.providers", "skip")))
    assert "Microsoft.ManagedIdentity" not in az.registered
    [identity] = [path for path in az.made if "/userAssignedIdentities/" in path]
    del az.made[identity]
    assert (
        "resource provider Microsoft.ManagedIdentity"
        in commands.apply(opened(*PIPELINE))["created"]
    )
    assert "Microsoft.ManagedIdentity" in az.registered


@pytest.mark.parametrize("pipeline", ["create", "existing"])
def test_roles_that_others_give_are_asked_for_and_not_made(
    pipeline: str, az: DoubleOfAz, opened: Open
) -> None:
    """A group was handed out, and nothing more: the identity's roles are given by whoever may."""
    group = ("azure.bootstrap.resource_group", "existing")
    handed_out = [PIPELINE[0], ("azure.bootstrap.pipeline", pipeline), group]
    handed_out.append(("azure.bootstrap.roles", "skip"))
    path = opened().names.group_id
    az.made[path] = {"id": path, "name": path.rpartition("/")[2]}
    az.permissions = [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}]
    if pipeline == "create":
        created = commands.apply(opened(*handed_out))["created"]
        assert "identity id-mlw-sample" in created
        assert not [title for title in created if title.startswith("role")]
    request = commands.plan(opened(*handed_out, for_admin=True))["request"]
    asked = request.split("```sh")[1]
    who = "principal-of-id-mlw-sample" if pipeline == "create" else "'<pipeline principal>'"
    assert f"--assignee-object-id {who} --assignee-principal-type ServicePrincipal" in asked
    assert asked.count("az role assignment create --role 'AzureML Data Scientist'") == 2


def test_an_identity_of_ones_own_is_given_roles_and_never_made(
    az: DoubleOfAz, opened: Open
) -> None:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity"
    path += "/userAssignedIdentities/theirs"
    own = ("azure.compute.identity", path)
    done = commands.plan(opened(*PIPELINE, own))
    [problem] = done["problems"]
    assert "identity theirs is not there: check azure.compute.identity" in problem
    az.made[path] = {"id": path, "name": "theirs", "properties": {"principalId": "p"}}
    created = commands.apply(opened(*PIPELINE, own))["created"]
    assert "role AzureML Data Scientist on mlw-sample, for identity theirs" in created
    assert not [title for title in created if title.startswith("identity")]


def test_the_request_asks_for_federated_credentials(
    az: DoubleOfAz, opened: Open, tmp_path: Path
) -> None:
    """Azure DevOps tells issuer and subject once the service connection is made."""
    federation = ("azure.auth", "workload-identity")
    assert "federated" not in commands.plan(opened(federation, for_admin=True))["request"]
    (tmp_path / "pipelines").mkdir()
    given = {"variableGroup": "churn", "productionVariableGroup": "churn-prod"}
    given |= {"stagingEnvironment": "s", "productionEnvironment": "p", "mainBranch": "main"}
    listed = [{"name": name, "value": value} for name, value in given.items()]
    file = tmp_path / "pipelines" / "variables.yml"
    file.write_text(json.dumps({"variables": listed}), encoding="utf-8")
    request = commands.plan(opened(federation, for_admin=True))["request"]
    assert "az ad app federated-credential create --id '<client id>' --parameters" in request
    assert '"subject": "<subject>"' in request and "- `<subject>`: what the service" in request
    assert "federated" not in commands.plan(opened(for_admin=True))["request"]


def test_names_follow_from_the_subscription(opened: Open) -> None:
    here = opened().names
    there = opened(("azure.subscription_id", SUBSCRIPTION.replace("2", "3"))).names
    assert vars(here) == vars(opened().names)
    assert here.storage_account != there.storage_account
    assert here.key_vault != there.key_vault


@pytest.mark.parametrize("workspace", ["abc", "a" * 33, "mlw-x_y-z", "9-9-9", "A" * 20])
def test_derived_names_are_valid(workspace: str, opened: Open) -> None:
    import re

    names = opened(("azure.workspace_name", workspace)).names
    assert re.fullmatch(r"[a-z0-9]{3,24}", names.storage_account)
    assert re.fullmatch(r"(?=.{3,24}$)[a-z](-?[a-z0-9])*", names.key_vault)
    assert re.fullmatch(r"(?=.{4,63}$)[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]", names.log_analytics)
