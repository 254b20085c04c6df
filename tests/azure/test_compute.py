"""The compute target: found by its name, made where config.yml lets it."""

from __future__ import annotations

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject
from tests.foreign import replace_package


@pytest.fixture(scope="module")
def registered(project: AzureProject) -> AzureProject:
    """A repository whose data is registered, and whose training is none."""
    replace_package(project.path)
    project.done("data")
    return project


def target(name: str, *more: str) -> list[str]:
    """Flags for a compute target of that name."""
    settings = [f"azure.compute.name={name}", *more]
    return [word for setting in settings for word in ("--set", setting)]


def test_a_missing_one_is_named_and_nothing_is_made(
    registered: AzureProject, standin: StandIn
) -> None:
    for flags in ([], ["--dry-run"]):
        answer = registered.drive("model", *target("nowhere"), *flags)
        assert answer.code == 2, answer.said
        assert "'nowhere'" in answer.record["error"]
        assert "azure.compute.create" in answer.record["error"]
    assert not standin.journal.find(method="PUT", path_regex="/computes/nowhere")


def test_it_is_made_as_config_yml_says(registered: AzureProject, standin: StandIn) -> None:
    flags = target(
        "made-here",
        "azure.compute.create=true",
        "azure.compute.size=Standard_D2_v2",
        "azure.compute.max_nodes=3",
        "azure.compute.idle_seconds=300",
        "azure.compute.low_priority=true",
        "azure.compute.tags={team: house}",
    )
    said = registered.drive("model", "--dry-run", *flags).said
    assert "would be created" in said
    assert registered.done("model", *flags)["status"] == "Completed"
    found = registered.sdk(
        """
        from azureml.core.compute import ComputeTarget
        made = ComputeTarget(workspace, "made-here")
        scale = made.scale_settings
        print(json.dumps([made.vm_size.lower(), made.vm_priority, scale.minimum_node_count,
                          scale.maximum_node_count, made.tags,
                          str(scale.idle_seconds_before_scaledown)]))
        """
    )
    assert found[:5] == ["standard_d2_v2", "LowPriority", 0, 3, {"team": "house"}]
    assert "300" in found[5] or "PT5M" in found[5]
    mark = standin.journal.mark()
    assert registered.done("model", *flags)["status"] == "Completed"
    assert not standin.journal.find(method="PUT", path_regex="/computes/", since=mark)


def test_machines_that_the_region_no_longer_has_are_named_before_a_job_waits(
    registered: AzureProject, standin: StandIn
) -> None:
    """Neither made, nor waited for on a target that has them: Azure/azureml-examples #2456."""
    standin.add_compute("old", "STANDARD_NC6")
    for name, size in (("new", "Standard_NC6"), ("old", "Standard_DS3_v2")):
        flags = target(name, "azure.compute.create=true", f"azure.compute.size={size}")
        answer = registered.drive("model", "--force", *flags)
        assert answer.code == 2, answer.said
        assert "NC6 (any more)" in answer.record["error"]
        assert "such as Standard_NC6s_v3" in answer.record["error"]


def test_who_may_not_make_it_is_told_the_role(registered: AzureProject, standin: StandIn) -> None:
    held = set(standin.account.roles)
    standin.account.set_roles(["AzureML Data Scientist", "Storage Blob Data Contributor"])
    try:
        flags = target("not-mine", "azure.compute.create=true")
        answer = registered.drive("model", "--force", *flags)
    finally:
        standin.account.set_roles(held)
    assert answer.code == 1, answer.said
    assert "AzureML Compute Operator" in answer.record["error"]
