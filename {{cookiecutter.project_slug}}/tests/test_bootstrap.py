"""The bootstrap's plan and engine, against a double of `az`: no Azure, no process, in seconds."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from bootstrap_double import SUBSCRIPTION, DoubleOfAz

from aml.driver import ArgumentError
from aml.settings import Settings, SettingsError, load_settings
from provision import commands, teardown
from provision.az import Az, AzFailure
from provision.context import Context, open_context
from provision.failures import Kind
from provision.records import Refused
from provision.state import State
from provision.survey import Reader

ROOT = Path(__file__).resolve().parents[1]
Open = Callable[..., Context]
MADE = (
    *("resource group", "storage account", "container", "Key Vault", "Log Analytics"),
    *("Application Insights", "extension", "workspace", "cluster"),
    *("application", "service principal", "role on the workspace", "role on the data"),
)


@lru_cache
def settings_with(*changes: tuple[str, Any]) -> Settings:
    """The settings of config.yml with these changes."""
    given = [("azure.subscription_id", SUBSCRIPTION), *changes]
    return load_settings(ROOT, overrides=[(*pair, "--set") for pair in given], environ={})


@pytest.fixture()
def az() -> DoubleOfAz:
    """An empty subscription, and one who may do everything in it."""
    return DoubleOfAz()


@pytest.fixture()
def opened(az: DoubleOfAz, tmp_path: Path) -> Open:
    """A function that opens what a command works with; flags as keywords, settings as pairs."""

    def opened(*changes: tuple[str, Any], **flags: Any) -> Context:
        settings = settings_with(*changes)
        args = argparse.Namespace(
            **{"env": None, "json": True, "yes": True, "for_admin": False, "command": ""} | flags
        )
        context = open_context(args, replace(settings, root=tmp_path))
        context.az, context.reader = az, Reader(az)
        return context

    return opened


def test_apply_makes_everything_once(az: DoubleOfAz, opened: Open) -> None:
    first = commands.apply(opened())
    assert len(first["created"]) == len(MADE)
    made = dict(az.made)
    az.commands.clear()
    az.calls = 0
    second = commands.apply(opened())
    assert second["created"] == []
    assert az.commands == []
    assert az.made == made
    assert second["az_calls"] <= 8


def test_parents_are_made_before_what_is_in_them(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    order = [" ".join(words[:2]) for words in az.commands]
    for earlier, later in [
        ("group create", "storage account"),
        ("storage account", "storage container-rm"),
        ("keyvault create", "ml workspace"),
        ("extension add", "ml workspace"),
        ("ml workspace", "ml compute"),
        ("rest --method", "ad sp"),
        ("ad sp", "role assignment"),
    ]:
        assert order.index(earlier) < order.index(later), (earlier, later)


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_interrupted_at_any_call_the_next_apply_finishes(
    answered: bool, tmp_path: Path, opened: Open
) -> None:
    """Ctrl-C before or after each call took effect: nothing twice, nothing left over."""
    whole = DoubleOfAz()
    commands.apply(with_az(opened(), whole, tmp_path / "whole"))
    for number in range(1, whole.calls + 1):
        az = DoubleOfAz()

        def strike(arguments: tuple[str, ...], az: DoubleOfAz = az, at: int = number) -> None:
            if az.calls == at:
                raise KeyboardInterrupt

        if answered:
            az.after = strike
        else:
            az.before = strike
        folder = tmp_path / str(number)
        with pytest.raises(KeyboardInterrupt):
            commands.apply(with_az(opened(), az, folder))
        az.before = az.after = lambda arguments: None
        commands.apply(with_az(opened(), az, folder))
        assert az.made == whole.made, number
        made = [words for words in az.commands if "create" in words]
        assert len(made) == len(set(made)), number


def test_an_answer_that_is_lost_is_no_failure(az: DoubleOfAz, opened: Open) -> None:
    """What was made all the same is found, and the same apply goes on."""

    def lose(arguments: tuple[str, ...]) -> None:
        if az.commands and az.commands[-1] == arguments and "extension" not in arguments:
            raise AzFailure(Kind.NETWORK, "", "connection reset", "az")

    az.after = lose
    assert len(commands.apply(opened())["created"]) == len(MADE)


def test_providers_are_registered_where_one_is_not(az: DoubleOfAz, opened: Open) -> None:
    az.registered.remove("Microsoft.KeyVault")
    assert "resource providers" in commands.apply(opened())["created"]
    assert "Microsoft.KeyVault" in az.registered


def with_az(context: Context, az: DoubleOfAz, folder: Path) -> Context:
    """The same context in another subscription, with a state file of its own."""
    folder.mkdir(exist_ok=True)
    context.az, context.reader = az, Reader(az)
    context.state = State(folder, context.names)
    return context


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


def test_what_is_skipped_is_neither_looked_at_nor_made(az: DoubleOfAz, opened: Open) -> None:
    skipped = [("azure.bootstrap.service_principal", "skip"), ("azure.bootstrap.roles", "skip")]
    commands.apply(opened(*skipped))
    assert not [words for words in az.commands if words[0] in ("ad", "role", "rest")]


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


def forbidding(*words: str) -> Callable[[tuple[str, ...]], None]:
    """What refuses the commands that have one of these words in an argument."""

    def forbid(arguments: tuple[str, ...]) -> None:
        if any(word in argument for argument in arguments for word in words):
            raise AzFailure(Kind.FORBIDDEN, "AuthorizationFailed", "you may not", "az")

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
    assert {words[:3] for words in az.commands} == {("role", "assignment", "create")}


def test_a_principal_that_may_not_be_looked_up_gets_no_roles(az: DoubleOfAz, opened: Open) -> None:
    az.before = forbidding("servicePrincipals")
    with pytest.raises(Refused, match=r"role .*: service principal .* may not be looked up"):
        commands.apply(opened(("azure.client_id", "theirs")))
    assert az.commands == []


def test_two_applications_of_the_name_are_not_guessed_between(az: DoubleOfAz, opened: Open) -> None:
    for number in (1, 2):
        path = f"https://graph.microsoft.com/v1.0/applications/{number}"
        az.made[path] = {"id": str(number), "appId": f"app-{number}"}
    with pytest.raises(Refused, match=r"2 applications .*app-1, app-2.*azure.client_id"):
        commands.apply(opened())
    assert az.commands == []


def test_an_application_of_the_name_is_used_not_doubled(az: DoubleOfAz, opened: Open) -> None:
    path = "https://graph.microsoft.com/v1.0/applications/1"
    az.made[path] = {"id": "1", "appId": "app-1"}
    done = commands.apply(opened())
    assert done["client_id"] == "app-1"
    assert sum("/applications/" in key for key in az.made) == 1
    teardown.destroy(opened())
    assert path in az.made, "what was there before is not removed"


def test_destroy_removes_what_was_made_and_no_more(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    done = teardown.destroy(opened())
    assert az.made == {}
    assert len(done["removed"]) == len(MADE) - 1, "all but the extension of az"
    assert any("keyvault purge" in each["purge"] for each in done["kept_by_azure"])
    assert teardown.destroy(opened())["removed"] == []
    assert len(commands.apply(opened())["created"]) == len(MADE) - 1


def test_an_application_of_ours_stays_ours_when_config_names_it(
    az: DoubleOfAz, opened: Open
) -> None:
    client_id = commands.apply(opened())["client_id"]
    named = ("azure.client_id", client_id)
    assert commands.apply(opened(named))["created"] == []
    teardown.destroy(opened(named))
    assert az.made == {}


def test_what_was_made_is_removed_though_it_is_left_alone_by_now(
    az: DoubleOfAz, opened: Open
) -> None:
    commands.apply(opened())
    skipped = [(f"azure.bootstrap.{key}", "skip") for key in ("service_principal", "roles")]
    teardown.destroy(opened(*skipped, ("azure.bootstrap.workspace", "skip")))
    assert az.made == {}


def test_a_principal_that_config_names_is_not_made_anew(az: DoubleOfAz, opened: Open) -> None:
    with pytest.raises(Refused, match=r"service principal .* is not there: check azure.client_id"):
        commands.apply(opened(("azure.client_id", "theirs")))
    assert az.commands == []


def test_destroy_leaves_a_group_that_holds_something_else(az: DoubleOfAz, opened: Open) -> None:
    context = opened()
    commands.apply(context)
    path = context.names.resource("Microsoft.Web/sites", "theirs")
    az.made[path] = {"id": path, "type": "Microsoft.Web/sites"}
    teardown.LIST_LAG, lag = 0, teardown.LIST_LAG
    try:
        done = teardown.destroy(opened())
    finally:
        teardown.LIST_LAG = lag
    assert done["left"] == [path]
    assert set(az.made) == {context.names.group_id, path}


def test_a_group_that_was_there_is_not_removed(az: DoubleOfAz, opened: Open) -> None:
    context = opened()
    az.made[context.names.group_id] = {"id": context.names.group_id, "properties": {}}
    commands.apply(context)
    teardown.destroy(opened())
    assert set(az.made) == {context.names.group_id}


def test_a_plan_needs_no_az(opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    context = opened()
    context.az = Az(lambda line: None, subscription=SUBSCRIPTION)
    context.reader = Reader(context.az)
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


def test_data_is_uploaded_once_for_each_content(
    az: DoubleOfAz, opened: Open, tmp_path: Path
) -> None:
    table = tmp_path / "seals.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    first = commands.apply(opened(data=table, command="apply"))
    assert first["created"][-2:] == [
        "role Storage Blob Data Contributor on data, for you",
        "seals.csv in container data",
    ]
    assert commands.apply(opened(data=table, command="apply"))["created"] == []
    table.write_text("a,b\n3,4\n", encoding="utf-8")
    changed = commands.apply(opened(data=table, command="apply"))
    assert changed["created"] == ["seals.csv in container data"]
    teardown.destroy(opened(command="destroy"))
    assert set(az.made) == {"seals.csv"}, "the double keeps blobs apart from their container"


def test_a_new_role_is_waited_for_before_the_upload(
    az: DoubleOfAz, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "seals.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    refusals = [AzFailure(Kind.FORBIDDEN, "", "you may not", "az storage") for _ in range(3)]

    def refuse(arguments: tuple[str, ...]) -> None:
        if "upload" in arguments and refusals:
            raise refusals.pop()

    monkeypatch.setattr("provision.waits.time.sleep", lambda seconds: None)
    az.before = refuse
    done = commands.apply(opened(data=table, command="apply"))
    assert done["created"][-1] == "seals.csv in container data"
    assert refusals == []


def test_data_that_is_not_there_is_said(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"--data .*none.csv: there is no such file"):
        opened(data=tmp_path / "none.csv")


def test_a_deleted_key_vault_is_said_with_what_ends_it(az: DoubleOfAz, opened: Open) -> None:
    context = opened()
    names = context.names
    place = f"{names.scope}/providers/Microsoft.KeyVault/locations/{names.location}"
    az.made[f"{place}/deletedVaults/{names.key_vault}"] = {"name": names.key_vault}
    with pytest.raises(Refused, match=rf"az keyvault purge -n {names.key_vault} -l"):
        commands.apply(context)
    assert az.commands == []
    assert any("az keyvault purge" in line for line in commands.status(opened())["unknown"])


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


def test_the_state_file_is_ours_alone_while_at_work(opened: Open) -> None:
    context = opened()
    with context.state.alone(), pytest.raises(Refused, match="another"):
        commands.apply(opened())


def test_names_follow_from_the_subscription(opened: Open) -> None:
    here = opened().names
    there = opened(("azure.subscription_id", SUBSCRIPTION.replace("2", "3"))).names
    assert here == opened().names
    assert here.storage_account != there.storage_account
    assert here.key_vault != there.key_vault


@pytest.mark.parametrize("workspace", ["abc", "a" * 33, "mlw-x_y-z", "9-9-9", "A" * 20])
def test_derived_names_are_valid(workspace: str, opened: Open) -> None:
    import re

    names = opened(("azure.workspace_name", workspace)).names
    assert re.fullmatch(r"[a-z0-9]{3,24}", names.storage_account)
    assert re.fullmatch(r"(?=.{3,24}$)[a-z](-?[a-z0-9])*", names.key_vault)
    assert re.fullmatch(r"(?=.{4,63}$)[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]", names.log_analytics)
