"""What companies forbid: named with the setting that satisfies it, before anything is made."""

from __future__ import annotations

from standin.world.policies import BUILT_IN, tag_policy
from standin.world.providers import TYPES
from tests.az.cloud import Cloud
from tests.az.settings import with_settings

SATISFY = {
    "bootstrap": {
        "key_vault_purge_protection": True,
        "storage_shared_keys": False,
        "public_network": False,
        "managed_network": "allow_internet_outbound",
        "local_auth": False,
        "tags": {"owner": "zoo"},
    }
}


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
    world = cloud.standin.world
    vaults = world.of_type("Microsoft.KeyVault/vaults")
    assert [each.properties["enablePurgeProtection"] for each in vaults] == [True]
    tags = [each.more["tags"].get("owner") for each in world.resources.values()]
    assert tags == ["zoo"] * len(tags)
    done = cloud.bootstrap("destroy", "--purge", "--yes", "--json")
    assert done.code == 0, str(done)
    assert "apply --recover" in done.record["kept_by_azure"][0]["purge"]
    told = cloud.bootstrap("apply", "--yes", "--json")
    assert told.code == 1 and "--recover" in told.record["error"]
    cloud.apply("--recover")
    assert [each.id for each in world.of_type("Microsoft.KeyVault/vaults")] == [vaults[0].id]
