"""What companies forbid: named with the setting that satisfies it, before anything is made."""

from __future__ import annotations

from standin.world.policies import BUILT_IN, tag_policy
from standin.world.providers import TYPES
from standin.world.state import Resource
from tests.az.cloud import Cloud
from tests.az.settings import with_settings

TAGS = {"owner": "zoo", "note": "[not {an} expression]"}
SATISFY = {
    "sdk": "v2",
    "traffic": {"steps": [10]},  # judged by what Azure Monitor counts
    "bootstrap": {
        "key_vault_purge_protection": True,
        "storage_shared_keys": False,
        "public_network": False,
        "managed_network": "allow_internet_outbound",
        "local_auth": False,
        "tags": TAGS,
        "log_analytics_name": "logs-of-the-zoo",
        "app_insights_name": "insights-of-the-zoo",
        "pipeline": "create",  # its steps act as an identity
    },
    "compute": {
        "create": True,
        "tags": {"room": "12"},
        "low_priority": True,
        "max_nodes": 3,
    },
}
SERVERLESS = {"compute": {"name": "", "create": False}, "bootstrap": {"compute": "skip"}}


def of_all(cloud: Cloud) -> list[Resource]:
    """All resources in groups."""
    return list(cloud.standin.world.resources.values())


def test_a_policy_is_named_with_the_setting_that_satisfies_it(cloud: Cloud) -> None:
    """In a group that was handed out nothing is made before; by the settings all of it is."""
    cloud.standin.world.providers |= {name.lower(): "Registered" for name in TYPES}
    policies = cloud.standin.azure.policies
    policies.assigned = [*BUILT_IN, tag_policy("owner")]
    group = cloud.configured("resource_group")
    cloud.az("group", "create", "-n", group, "-l", "westeurope")
    cloud.configure(resource_group="existing")
    done = cloud.bootstrap("apply", "--yes", "--json")
    assert done.code == 1, str(done)
    assert "problems" in done.record, str(done)
    said = " ".join(done.record["problems"])
    for words in ("Require a tag on resources", "azure.bootstrap.tags", "purge_protection"):
        assert words in said, said
    assert set(cloud.inventory()) == {"resource group"}
    with_settings(cloud, SATISFY)
    cloud.apply()
    world, account = cloud.standin.world, cloud.standin.account
    vaults = world.of_type("Microsoft.KeyVault/vaults")
    assert [each.properties["enablePurgeProtection"] for each in vaults] == [True]
    for each in world.resources.values():
        assert TAGS.items() <= each.more["tags"].items(), each.id
    assert {"logs-of-the-zoo", "insights-of-the-zoo"} <= {one.name for one in of_all(cloud)}
    cluster = cloud.standin.azure.computes.find("cpu-cluster")
    assert cluster is not None and not cluster.local_auth
    assert (cluster.tags["room"], cluster.tags["owner"]) == ("12", "zoo")
    assert cluster.properties["vmPriority"] == "LowPriority"
    assert cluster.properties["scaleSettings"]["maxNodeCount"] == 3
    [identity] = world.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")
    assert cluster.identity and [*cluster.identity["userAssignedIdentities"]] == [identity.id]
    for role in ("AzureML Compute Operator", "Monitoring Reader"):
        assert cloud.inventory()[f"{role} on workspaces"] == 1
    mine = identity.properties["principalId"]
    assert {one.role: one.scope for one in world.role_assignments if one.principal_id == mine} == {
        "AzureML Data Scientist": account.workspace_path,
        "Storage Blob Data Contributor": account.dependencies["storageAccount"],
    }
    assert cloud.apply().record["created"] == []
    # On serverless compute jobs act as what the workspace was given.
    assert account.workspace_identities == {}
    with_settings(cloud, SERVERLESS)
    [made] = cloud.apply().record["created"]
    assert made.startswith(f"identity {identity.name} for jobs of")
    assert [*account.workspace_identities] == [identity.id]
    assert cloud.apply().record["created"] == []
    done = cloud.bootstrap("destroy", "--purge", "--yes", "--json")
    assert done.code == 0, str(done)
    assert "apply --recover" in done.record["kept_by_azure"][0]["purge"]
    told = cloud.bootstrap("apply", "--yes", "--json")
    assert told.code == 1 and "--recover" in told.record["error"]
    cloud.apply("--recover")
    assert [each.id for each in world.of_type("Microsoft.KeyVault/vaults")] == [vaults[0].id]
