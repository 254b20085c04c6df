"""A secret's way from the directory to the pipelines: cut anywhere, nothing breaks or stays."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloud_double import CLIENT, ROOT, SUBSCRIPTION, TENANT, Cloud, opened, some_settings, state_in

from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.credentials import run
from amlkit.provision.places import organization_name
from amlkit.provision.rotation import Rotation
from amlkit.provision.state import State
from amlkit.settings import Settings, SettingsError, load_settings


@pytest.fixture
def settings() -> Settings:
    return some_settings()


@pytest.fixture
def state(settings: Settings, tmp_path: Path) -> State:
    return state_in(tmp_path, settings)


TO_DEVOPS = ("--to", "azure-devops", "--organization", "contoso", "--project", "house")


def renew(cloud: Cloud, settings: Settings, state: State, *more: str) -> dict[str, Any]:
    """One run of the command."""
    return run(opened(cloud, settings, state, *TO_DEVOPS, *more))


def test_the_pipelines_find_everything_they_read(settings: Settings, state: State) -> None:
    cloud = Cloud()
    record = renew(cloud, settings, state)
    (group,) = cloud.groups.values()
    assert group["name"] == settings.azure.bootstrap.variable_group
    assert group["variables"] == {
        "TenantID": {"value": TENANT},
        "SpnID": {"value": CLIENT},
        "SubscriptionID": {"value": SUBSCRIPTION},
        "ResourceGroup": {"value": settings.azure.resource_group},
        "AmlWorkspaceName": {"value": settings.azure.workspace_name},
        "SpnPassword": {"value": cloud.stored, "isSecret": True},
    }
    assert cloud.ours == [cloud.stored]
    assert cloud.stored not in json.dumps(record)
    assert cloud.authorized == []
    renew(cloud, settings, state, "--authorize")
    assert cloud.authorized == [str(group["id"])]


def test_another_environment_has_a_group_of_its_own(settings: Settings, state: State) -> None:
    cloud = Cloud()
    renew(cloud, settings, state, "--env", "prod")
    assert [group["name"] for group in cloud.groups.values()] == [
        f"{settings.azure.bootstrap.variable_group}-prod"
    ]


@pytest.mark.parametrize(
    ("flags", "group"),
    [((), "ours"), (("--env", "prod"), "ours-live"), (("--env", "test"), "ours-test")],
)
def test_the_group_is_the_one_that_the_pipelines_read(
    flags: tuple[str, ...], group: str, settings: Settings, state: State, tmp_path: Path
) -> None:
    names = {
        "variableGroup": "ours",
        "productionVariableGroup": "ours-live",
        "stagingEnvironment": "a",
        "productionEnvironment": "b",
        "mainBranch": "refs/heads/main",
    }
    lines = [f"- {{name: {name}, value: {value}}}" for name, value in names.items()]
    (tmp_path / "pipelines").mkdir()
    text = "\n".join(["variables:", *lines])
    (tmp_path / "pipelines" / "variables.yml").write_text(text, encoding="utf-8")
    cloud = Cloud()
    renew(cloud, replace(settings, root=tmp_path), state, *flags)
    assert [one["name"] for one in cloud.groups.values()] == [group]


def test_the_old_secret_goes_and_what_others_keep_stays(settings: Settings, state: State) -> None:
    cloud = Cloud()
    renew(cloud, settings, state)
    (group,) = cloud.groups.values()
    group["variables"] |= {
        "Region": {"value": "north"},
        "Token": {"value": "theirs too", "isSecret": True},
    }
    group["variables"]["tenantid"] = group["variables"].pop("TenantID")  # names have no case
    group["description"] = "for the night"
    group["variableGroupProjectReferences"].append({"name": "shared"})
    first = cloud.stored
    record = renew(cloud, settings, state)
    (group,) = cloud.groups.values()
    assert group["variables"]["Region"] == {"value": "north"}
    assert group["variables"]["Token"] == {"value": "theirs too", "isSecret": True}
    assert [name.lower() for name in group["variables"]].count("tenantid") == 1
    assert group["description"] == "for the night"
    assert len(group["variableGroupProjectReferences"]) == 2
    assert cloud.ours == [cloud.stored] != [first]
    assert len(record["removed"]) == 1
    assert "theirs" in cloud.keys


def test_no_secret_is_written_down(settings: Settings, state: State) -> None:
    cloud = Cloud()
    renew(cloud, settings, state)
    for path in state.path.parent.iterdir():
        assert "s3cret" not in path.read_text(encoding="utf-8")
    assert "s3cret" not in str(cloud.asked)


CALLS = 7  # of a second run: project, group, a new secret, group again, store, list, remove


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, the answer lost"])
@pytest.mark.parametrize(
    "failure", [Failure(Kind.TIMEOUT, "", ""), KeyboardInterrupt()], ids=["timeout", "ctrl-c"]
)
@pytest.mark.parametrize("call", range(1, CALLS + 1))
def test_cut_anywhere_the_pipelines_go_on_and_the_next_run_clears_up(
    call: int, failure: BaseException, after: bool, settings: Settings, state: State
) -> None:
    cloud = Cloud()
    renew(cloud, settings, state)
    cloud.fail_at, cloud.fail_after, cloud.failure = cloud.calls + call, after, failure
    try:
        renew(cloud, settings, state)
    except (Failure, KeyboardInterrupt):
        pass
    else:
        pytest.fail("it went on as if nothing had happened")
    assert cloud.stored in cloud.ours  # what the pipelines read is valid still
    renew(cloud, settings, state_in(state.path.parents[1] / "another clone", settings))
    assert cloud.ours == [cloud.stored]
    assert "theirs" in cloud.keys
    assert len(cloud.groups) == 1


def test_a_first_run_cut_anywhere_leaves_one_secret_and_one_group_in_the_end(
    settings: Settings, state: State
) -> None:
    for call, after in itertools.product(range(1, CALLS), (False, True)):
        cloud = Cloud()
        again = state_in(state.path.parents[1] / f"{call}{after}", settings)
        cloud.fail_at, cloud.fail_after = call, after
        try:
            renew(cloud, settings, again)
        except Failure:
            renew(cloud, settings, again)
        assert cloud.ours == [cloud.stored], call
        assert len(cloud.groups) == 1, call


def test_a_place_that_refuses_leaves_no_secret_behind(settings: Settings, state: State) -> None:
    cloud = Cloud()
    renew(cloud, settings, state)
    before = cloud.stored
    cloud.fail_at = cloud.calls + 5
    cloud.failure = Failure(Kind.FORBIDDEN, "", "no")
    with pytest.raises(Failure, match="no"):
        renew(cloud, settings, state)
    assert cloud.ours == [cloud.stored] == [before]


def test_all_that_was_made_here_can_be_taken_back(settings: Settings, state: State) -> None:
    cloud = Cloud()
    renew(cloud, settings, state)
    renew(cloud, settings, state, "--env", "prod")
    clone = state_in(state.path.parent / "clone", settings)
    rotation = Rotation(opened(cloud, settings, clone, *TO_DEVOPS), CLIENT)
    assert len(rotation.stored()) == len(cloud.ours) == 2
    assert rotation.revoke() == 2
    assert cloud.ours == []
    assert "theirs" in cloud.keys


def test_a_secret_that_would_be_shown_is_taken_back(
    settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()
    monkeypatch.setattr(cloud, "_hidden", lambda group: {**group, "variables": {"SpnPassword": {}}})
    with pytest.raises(Failure, match="shows the secret"):
        renew(cloud, settings, state)
    assert cloud.ours == []


def test_a_group_of_a_key_vault_is_left_alone(settings: Settings, state: State) -> None:
    cloud = Cloud()
    name = settings.azure.bootstrap.variable_group
    cloud.groups[7] = {"id": 7, "name": name, "type": "AzureKeyVault", "variables": {}}
    with pytest.raises(Refused, match="Key Vault"):
        renew(cloud, settings, state)
    assert cloud.ours == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--to", "azure-devops", "--organization", "contoso"), "--project"),
        (("--print",), "terminal"),
        ((*TO_DEVOPS[:3], "a/b", *TO_DEVOPS[4:]), "https://dev.azure.com/NAME"),
    ],
)
def test_what_is_missing_is_said_before_a_secret_is_made(
    given: tuple[str, ...], said: str, settings: Settings, state: State
) -> None:
    cloud = Cloud()
    with pytest.raises(Refused, match=said) as refused:
        run(opened(cloud, settings, state, *given))
    assert refused.value.code == 2
    assert cloud.calls == 0


def test_without_a_principal_there_is_nothing_to_make_a_secret_of(state: State) -> None:
    settings = load_settings(ROOT, environ={"SUBSCRIPTION_ID": SUBSCRIPTION})
    with pytest.raises(Refused, match=r"bootstrap\.py apply"):
        renew(Cloud(), settings, state)
    with pytest.raises(SettingsError, match="subscription_id"):
        renew(Cloud(), load_settings(ROOT, environ={}), state)
    state.learn({"client_id": CLIENT, "tenant_id": TENANT})
    assert renew(Cloud(), settings, state)["key_id"] == "key-1"


def test_print_shows_it_once_and_only_on_a_terminal(
    settings: Settings,
    state: State,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    record = run(opened(Cloud(), settings, state, "--print"))
    shown = capsys.readouterr().out
    assert shown.count("s3cret") == shown.count("SPN_PASSWORD=s3cret-key-1\n") == 1
    assert f"az ad app credential delete --id {CLIENT} --key-id key-1" in shown
    assert "s3cret" not in f"{record}"
    assert not state.path.exists()


@pytest.mark.parametrize(
    "given", ["contoso", "https://dev.azure.com/contoso/", "https://contoso.visualstudio.com/house"]
)
def test_an_organization_is_named_or_given_by_its_address(given: str) -> None:
    assert organization_name(given) == "contoso"
