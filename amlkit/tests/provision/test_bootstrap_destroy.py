"""`destroy` removes what was made here and nothing else, against a double of `az`."""

from __future__ import annotations

import pytest
from bootstrap_double import DoubleOfAz
from bootstrap_fixtures import MADE, Open, with_az

from amlkit.provision import commands, removal
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.destroy import destroy


def test_destroy_removes_what_was_made_and_no_more(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    asked: list[tuple[str, ...]] = []
    az.before = asked.append
    done = destroy(opened(purge=True))
    assert az.made == {}
    assert ("account", "list") in asked and ("provider", "list") not in {a[:2] for a in asked}
    # The principal goes with its application.
    assert len(done["removed"]) == len(MADE) - 1
    assert done["kept_by_azure"] == []
    assert destroy(opened())["removed"] == []
    assert len(commands.apply(opened())["created"]) == len(MADE)


def test_without_purge_the_group_stays_while_a_deleted_workspace_needs_it(
    az: DoubleOfAz, opened: Open
) -> None:
    """Whichever clone asks next: what is in the way of an apply is said before it."""
    context = opened()
    commands.apply(context)
    done = destroy(opened())
    assert set(az.made) == {context.names.group_id}
    assert {each["what"].split()[2] for each in done["kept_by_azure"]} == {
        *("Key", "workspace", "application"),
    }
    with pytest.raises(Refused, match=r"workspace .* was deleted.*destroy --purge"):
        commands.apply(opened())
    purged = destroy(opened(purge=True))
    assert purged["removed"] == [
        f"the deleted workspace {context.names.workspace}",
        f"resource group {context.names.resource_group}",
    ]
    assert any("forceToPurge=true" in words for words in az.commands)
    assert len(commands.apply(opened())["created"]) == len(MADE)


def test_each_role_of_the_principal_is_taken_back_where_the_workspace_stays(
    az: DoubleOfAz, opened: Open
) -> None:
    changes = [("azure.sdk", "v2"), ("azure.traffic.steps", (10,)), ("azure.compute.create", True)]
    handed_out = ("resource_group", "storage_account", "workspace", "service_principal")
    commands.apply(opened(*changes))
    stays = [(f"azure.bootstrap.{key}", "existing") for key in handed_out]
    removed = destroy(opened(*changes, *stays))["removed"]
    roles = ("Monitoring Reader", "AzureML Compute Operator", "AzureML Data Scientist")
    for role in roles:
        assert any(f"role {role} on mlw-" in one for one in removed), removed
    assert not [path for path in az.made if "roleAssignments" in path]


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_cut_off_at_any_call_the_next_destroy_finishes(answered: bool, opened: Open) -> None:
    """And whoever applies afterwards is told of the workspace that Azure keeps."""
    number, cut = 0, True
    while cut:
        az, number, cut = DoubleOfAz(), number + 1, False
        commands.apply(with_az(opened(), az))
        last = az.calls + number

        def strike(arguments: tuple[str, ...], az: DoubleOfAz = az, last: int = last) -> None:
            if az.calls == last:
                raise KeyboardInterrupt

        az.before, az.after = (az.before, strike) if answered else (strike, az.after)
        try:
            destroy(with_az(opened(), az))
        except KeyboardInterrupt:
            cut = True
        az.before = az.after = lambda arguments: None
        if cut:
            destroy(with_az(opened(), az))
        assert set(az.made) == {opened().names.group_id}, number
        with pytest.raises(Refused, match="was deleted, and Azure keeps its name"):
            commands.apply(with_az(opened(), az))
    assert number > 20


def test_in_a_group_that_was_handed_out_a_deleted_workspace_is_known_too(
    az: DoubleOfAz, opened: Open
) -> None:
    group = opened().names.group_id
    az.made[group] = {"id": group, "tags": {"cost": "42"}}
    commands.apply(opened())
    destroy(opened())
    with pytest.raises(Refused, match="was deleted, and Azure keeps its name"):
        commands.apply(opened())
    destroy(opened(purge=True))
    assert az.made == {group: {"id": group, "tags": {"cost": "42"}}}
    assert any("forceToPurge=true" in words for words in az.commands)
    assert commands.apply(opened())["created"]


def test_what_was_not_found_to_be_purged_is_not_said_to_be(
    az: DoubleOfAz, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Azure/azure-cli #33756; and a vault comes into the recycle bin a moment later."""
    monkeypatch.setattr("amlkit.provision.cloud.waits.time.sleep", lambda seconds: None)
    commands.apply(opened())
    destroy(opened())
    late = [1, 1]

    def refuse(arguments: tuple[str, ...]) -> None:
        vault = arguments[:2] == ("keyvault", "purge") and late and late.pop()
        if "forceToPurge=true" in arguments or vault:
            raise Failure(Kind.NOT_FOUND, "ResourceNotFound", "was not found")

    az.before = refuse
    names = opened().names
    az.made[names.group_id]["tags"][names.deleted_until] = "2999-01-01"
    vault = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}/deletedVaults"
    az.made[f"{vault}/{names.key_vault}"] = {"properties": {"tags": names.tags}}
    done = destroy(opened(purge=True))
    assert done["removed"] == [
        f"the deleted Key Vault {names.key_vault}",
        f"resource group {names.resource_group}",
    ]
    assert [each["what"] for each in done["kept_by_azure"]] == [
        f"the deleted workspace {names.workspace}, perhaps: it was not found to be purged"
    ]
    assert late == []


def test_who_may_not_purge_a_vault_removes_the_rest(az: DoubleOfAz, opened: Open) -> None:
    """It takes rights on the subscription, which a group's owner has not."""
    commands.apply(opened())

    def refuse(arguments: tuple[str, ...]) -> None:
        if arguments[:2] == ("keyvault", "purge") or "/deletedVaults/" in " ".join(arguments):
            raise Failure(Kind.FORBIDDEN, "AuthorizationFailed", "you may not")

    az.before = refuse
    done = destroy(opened(purge=True))
    assert az.made == {}
    [kept] = done["kept_by_azure"]
    assert "takes rights on the subscription" in kept["what"] and "keyvault purge" in kept["purge"]


@pytest.mark.parametrize("deleted", [True, False])
def test_a_vault_is_brought_back_where_one_was_deleted_and_else_made(
    deleted: bool, az: DoubleOfAz, opened: Open
) -> None:
    """Azure refuses to bring back what was never deleted: AzureCosmosDB/OmniVec #24."""
    names = opened().names
    if deleted:
        place = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}"
        path = f"{place}/deletedVaults/{names.key_vault}"
        az.made[path] = {"properties": {"tags": names.tags}}
        az.taken = {names.key_vault}
    commands.apply(opened(recover=True))
    made = az.made[names.vault_id]["properties"]
    assert made.get("createMode") == ("recover" if deleted else None)


def test_an_application_of_ours_stays_ours_when_config_names_it(
    az: DoubleOfAz, opened: Open
) -> None:
    client_id = commands.apply(opened())["client_id"]
    named = ("azure.client_id", client_id)
    assert commands.apply(opened(named))["created"] == []
    destroy(opened(named, purge=True))
    assert az.made == {}


def test_what_was_made_is_removed_though_it_is_left_alone_by_now(
    az: DoubleOfAz, opened: Open
) -> None:
    commands.apply(opened())
    skipped = [(f"azure.bootstrap.{key}", "skip") for key in ("service_principal", "roles")]
    destroy(opened(*skipped, ("azure.bootstrap.workspace", "skip"), purge=True))
    assert az.made == {}


def test_destroy_leaves_a_group_that_holds_something_else(
    az: DoubleOfAz, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = opened()
    commands.apply(context)
    path = f"{context.names.group_id}/providers/Microsoft.Web/sites/theirs"
    az.made[path] = {"id": path, "type": "Microsoft.Web/sites"}
    monkeypatch.setattr(removal, "LIST_LAG", 0)
    done = destroy(opened())
    assert done["left"] == [path]
    assert set(az.made) == {context.names.group_id, path}


def test_a_group_that_was_there_is_not_removed(az: DoubleOfAz, opened: Open) -> None:
    context = opened()
    az.made[context.names.group_id] = {"id": context.names.group_id, "properties": {}}
    commands.apply(context)
    destroy(opened())
    assert set(az.made) == {context.names.group_id}


def test_a_principal_that_another_target_stands_on_stays(az: DoubleOfAz, opened: Open) -> None:
    production = (("azure.resource_group", "rg-prod"), ("azure.workspace_name", "mlw-prod"))
    first = commands.apply(opened())
    second = commands.apply(opened(*production))
    assert second["client_id"] == first["client_id"]
    destroy(opened(purge=True))
    assert {key.rpartition("/")[0] for key in az.made if "graph" in key} == {
        "https://graph.microsoft.com/v1.0/applications",
        "https://graph.microsoft.com/v1.0/servicePrincipals",
    }
    destroy(opened(*production, purge=True))
    assert az.made == {}


def test_a_principal_that_another_workspace_of_the_group_stands_on_stays(
    az: DoubleOfAz, opened: Open
) -> None:
    production = (("azure.workspace_name", "mlw-prod"),)
    first = commands.apply(opened())
    assert commands.apply(opened(*production))["client_id"] == first["client_id"]
    destroy(opened(purge=True))
    assert any("/servicePrincipals/" in key for key in az.made)


@pytest.mark.parametrize(("group", "goes"), [("", True), ("rg-company", False)])
def test_a_registry_that_the_workspace_was_given_stays(
    group: str, goes: bool, az: DoubleOfAz, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made by the workspace in its own group it goes, and that is said before."""
    context = opened()
    commands.apply(context)
    group = group or context.names.resource_group
    registry = f"{context.names.scope}/resourceGroups/{group}/providers"
    registry += "/Microsoft.ContainerRegistry/registries/images"
    az.made[context.names.workspace_id].setdefault("properties", {})["containerRegistry"] = registry
    az.commands.clear()
    destroy(opened(purge=True))
    assert any(registry in words for words in az.commands) is goes
    assert ("container registry images" in capsys.readouterr().err) is goes
