"""What is handed out, left alone, or somebody else's to make; and a machine with nothing on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.az.cloud import Cloud
from tests.az.ml_extension import VERSION, build_wheel

PRINCIPAL_ROLES = ("AzureML Data Scientist", "Storage Blob Data Contributor")


def test_a_group_that_was_handed_out_is_used(cloud: Cloud) -> None:
    """It is looked at and never made; destroy leaves it."""
    cloud.configure(resource_group="existing")
    done = cloud.bootstrap("apply", "--yes", "--json")
    assert done.code == 1 and "is not there" in done.record["error"], str(done)
    assert not cloud.inventory()
    cloud.az("group", "create", "-n", cloud.configured("resource_group"), "-l", "westeurope")
    cloud.apply()
    assert cloud.bootstrap("destroy", "--purge", "--yes", "--json").code == 0
    assert set(cloud.inventory()) == {"resource group"}


def test_a_principal_that_was_handed_out_keeps_its_secrets(cloud: Cloud) -> None:
    """It is found by its name, gets its roles, and no second one is made."""
    name = cloud.configured("service_principal_name")
    application = cloud.az("ad", "app", "create", "--display-name", name)
    cloud.az("ad", "sp", "create", "--id", application["appId"])
    # By its object id: by its client id az asks an index, which may not know it yet.
    cloud.az("ad", "app", "credential", "reset", "--id", application["id"], "--append")
    held = dict(cloud.standin.account.credentials[application["appId"]])
    cloud.configure(service_principal="existing")
    done = cloud.apply()
    assert done.record["client_id"] == application["appId"]
    assert cloud.standin.account.credentials[application["appId"]] == held
    made = cloud.inventory()
    assert (made["application"], made["service principal"]) == (1, 1)
    assert made["AzureML Data Scientist on workspaces"] == 1


def test_two_of_the_name_are_told_apart_by_the_user(cloud: Cloud) -> None:
    """Which one is meant is not guessed: both ids are named, and the setting that decides."""
    name = cloud.configured("service_principal_name")
    ids = []
    for other in ("one", "another"):
        made = cloud.az("ad", "app", "create", "--display-name", other)
        cloud.az("ad", "app", "update", "--id", made["id"], "--display-name", name)
        cloud.az("ad", "sp", "create", "--id", made["appId"])
        ids.append(made["appId"])
    cloud.configure(service_principal="existing")
    done = cloud.bootstrap("apply", "--yes", "--json")
    assert done.code != 0
    assert all(one in done.record["error"] for one in ids)
    assert "azure.client_id" in done.record["error"]
    assert cloud.inventory()["resource group"] == 0


def test_what_is_skipped_is_not_made(cloud: Cloud) -> None:
    """Nor asked for: no principal, no roles, no cluster."""
    cloud.configure(service_principal="skip", roles="skip", compute="skip")
    cloud.apply()
    made = cloud.inventory()
    assert made["Microsoft.MachineLearningServices/workspaces"] == 1
    assert made["application"] == made["service principal"] == 0
    assert not [kind for kind in made if "role" in kind or "computes" in kind]


def test_the_request_for_an_administrator_does_it(cloud: Cloud) -> None:
    """Its commands, run word for word by one who may, leave nothing for apply to make."""
    cloud.standin.world.replication = 0
    done = cloud.bootstrap("plan", "--for-admin", "--json")
    assert done.code == 0, str(done)
    request = done.record["request"]
    for role in PRINCIPAL_ROLES:
        assert role in request
    assert not cloud.inventory()
    cloud.follow(request)
    assert cloud.apply().record["created"] == []


def test_a_plan_without_az_or_network_prints_every_command(cloud: Cloud) -> None:
    """On a machine with neither, the plan is what a person could type."""
    mark = cloud.standin.journal.mark()
    nowhere = {"PATH": "/usr/bin:/bin", "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": ""}
    done = cloud.bootstrap("plan", "--json", **nowhere)
    assert done.code == 0, str(done)
    commands = [line for step in done.record["steps"] for line in step["commands"]]
    for words in ("az group create", "az ml workspace create", "az role assignment create"):
        assert any(line.startswith(words) for line in commands), words
    assert not cloud.standin.journal.since(mark)


def test_the_extension_is_added_where_it_is_missing(cloud: Cloud, tmp_path: Path) -> None:
    """`az extension add` brings it from the index of extensions, before the workspace is made."""
    cloud.standin.azure.extension_index.offer("ml", VERSION, build_wheel(tmp_path))
    shutil.rmtree(cloud.machine.home / ".azure" / "cliextensions")
    done = cloud.bootstrap("plan")
    assert "where az has no `ml` yet: az extension add -n ml -y" in done.out
    cloud.apply()
    assert cloud.az("extension", "show", "-n", "ml")["version"] == VERSION
    assert cloud.inventory()["Microsoft.MachineLearningServices/workspaces"] == 1
