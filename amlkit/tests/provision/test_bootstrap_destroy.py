"""`destroy` removes what was made here and nothing else, against a double of `az`."""

from __future__ import annotations

from bootstrap_double import DoubleOfAz
from bootstrap_fixtures import MADE, Open

from amlkit.provision import commands, teardown


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


def test_a_principal_that_another_target_stands_on_stays(az: DoubleOfAz, opened: Open) -> None:
    production = (("azure.resource_group", "rg-prod"), ("azure.workspace_name", "mlw-prod"))
    first = commands.apply(opened())
    second = commands.apply(opened(*production))
    assert second["client_id"] == first["client_id"]
    teardown.destroy(opened())
    assert {key.rpartition("/")[0] for key in az.made if "graph" in key} == {
        "https://graph.microsoft.com/v1.0/applications",
        "https://graph.microsoft.com/v1.0/servicePrincipals",
    }
    teardown.destroy(opened(*production))
    assert az.made == {}
