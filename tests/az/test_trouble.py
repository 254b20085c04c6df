"""What goes wrong on Azure and on the way to it: said in one line, with nothing half made."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from tests.az.cloud import Cloud, Done


def refused(done: Done, *words: str) -> None:
    """The run ended with a clear line that has these words."""
    assert done.code in (1, 2), str(done)
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.record["error"], str(done)


def test_without_rights_all_is_said_before_anything_is_made(cloud: Cloud) -> None:
    """Every missing role at once, with what takes it and where, and how to ask for them."""
    cloud.standin.account.administrator.roles = {"Reader"}
    done = cloud.bootstrap("apply", "--yes", "--json")
    refused(done, "nothing was made", "problems")
    said = " ".join(done.record["problems"])
    for words in ("resource group", "workspace", "cluster", "Data Scientist", "--for-admin"):
        assert words in said, said
    assert not cloud.inventory()


def test_contributors_may_not_give_roles(cloud: Cloud) -> None:
    """The roles are named, and nothing else is: the rest they may make."""
    cloud.standin.account.administrator.roles = {"Contributor"}
    done = cloud.bootstrap("apply", "--yes", "--json")
    refused(done, "AzureML Data Scientist", "Owner or User Access Administrator")
    [problem] = done.record["problems"]
    assert "storage account" not in problem and "cluster" not in problem
    assert not cloud.inventory()


def test_a_name_that_somebody_has_is_said_first(cloud: Cloud) -> None:
    """A storage account's name is unique in all of Azure."""
    cloud.configure(storage_account_name="takenbyothers")
    cloud.standin.world.taken_names.add("takenbyothers")
    done = cloud.bootstrap("apply", "--yes", "--json")
    refused(done, "takenbyothers", "azure.bootstrap.storage_account_name")
    assert not cloud.inventory()


def test_too_small_a_quota_is_said_first(cloud: Cloud) -> None:
    """With what is free and what one machine takes."""
    cloud.standin.world.core_limits["standardDSv2Family"] = 2
    done = cloud.bootstrap("apply", "--yes", "--json")
    refused(done, "vCPUs", "azure.compute.size")
    assert not cloud.inventory()


def test_throttling_is_waited_out(cloud: Cloud) -> None:
    """On every service that is asked, in words; then everything is made."""
    throttled: dict[str, Any] = {
        "status": 429,
        "code": "TooManyRequests",
        "message": "Too many requests",
    }
    laid = [
        cloud.standin.fault(**throttled, headers={"Retry-After": "1"}, after=1, host=host)
        for host in ("management.azure.com", "graph.microsoft.com")
    ]
    cloud.apply()
    assert all(fault.hits for fault in laid)


def test_a_new_principal_is_waited_for(cloud: Cloud) -> None:
    """Resource Manager does not know it for a while."""
    cloud.standin.world.replication = 30.0  # it is made first; its roles come last
    done = cloud.apply()
    assert "not known everywhere yet" in done.err
    assert cloud.inventory()["AzureML Data Scientist on workspaces"] == 1


def test_settings_of_the_user_change_nothing(cloud: Cloud) -> None:
    """Neither the configuration file of az nor its variables, as many have them."""
    config = cloud.machine.home / ".azure" / "config"
    with config.open("a", encoding="utf-8") as file:
        file.write(
            "\n[core]\noutput = table\nno_color = false\n[defaults]\ngroup = somewhere-else\n"
            "location = eastus\nworkspace = other\n[storage]\naccount = others\n"
        )
    cloud.apply(AZURE_CORE_OUTPUT="yaml", AZURE_DEFAULTS_GROUP="elsewhere")
    assert list(cloud.standin.world.groups) == [cloud.configured("resource_group")]
    places = {one.location for one in cloud.standin.world.resources.values()}
    assert places == {"westeurope"}


def test_two_at_once_do_not_meet(cloud: Cloud) -> None:
    """The second is refused or waits; what is there in the end is there once."""
    first = cloud.start("apply", "--yes", "--json")
    second = cloud.start("apply", "--yes", "--json")
    ended = []
    for process in (first, second):
        out, err = process.communicate(timeout=300)
        ended.append(Done(process.returncode, out, err))
    codes = sorted(done.code for done in ended)
    assert codes == [0, 1], [str(done) for done in ended]
    refused(next(done for done in ended if done.code), "another")
    assert cloud.inventory()["Microsoft.MachineLearningServices/workspaces"] == 1
    assert cloud.inventory()["application"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "deployments",
        pytest.param("/servicePrincipals$", marks=pytest.mark.sweep),
        pytest.param("roleAssignments/", marks=pytest.mark.sweep),
    ],
)
def test_an_interrupt_is_taken_up_again(cloud: Cloud, path: str) -> None:
    """Ctrl-C in the middle of a step: exit 130, and apply makes the rest."""
    fault = cloud.standin.fault(path=path, delay=2.0)
    process = cloud.start("apply", "--yes", "--json")
    ends = time.monotonic() + 120
    while not fault.hits and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    assert fault.hits, "the request never came"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, str(Done(process.returncode, out, err))
    assert "Traceback" not in err
    time.sleep(2.5)  # Azure does what it was asked for
    cloud.standin.clear_faults()
    cloud.apply()
    made = cloud.inventory()
    assert (made["application"], made["service principal"], made["resource group"]) == (1, 1, 1)
    assert made["AzureML Data Scientist on workspaces"] == 1


def test_who_is_not_logged_in_is_told_so(cloud: Cloud) -> None:
    """And how to log in."""
    cloud.az("logout")
    done = cloud.bootstrap("apply", "--yes", "--json")
    refused(done, "az login")
