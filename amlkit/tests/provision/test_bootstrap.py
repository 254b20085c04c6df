"""The bootstrap's plan and engine, against a double of `az`: no Azure, no process, in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from bootstrap_double import DoubleOfAz
from bootstrap_fixtures import MADE, Open, with_az

from amlkit.cli import ArgumentError
from amlkit.provision import commands
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.destroy import destroy


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


@pytest.mark.parametrize("federated", [True, False])
@pytest.mark.parametrize("hub", [True, False])
def test_what_comes_next_is_said_for_whoever_runs_the_pipelines(
    hub: bool, federated: bool, opened: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if hub:
        (tmp_path / ".github" / "workflows").mkdir(parents=True)
    commands.apply(opened(*[("azure.auth", "workload-identity")] * federated))
    command = "pipelines" if federated else "credentials"
    where = "github" if hub else "azure-devops --organization ORGANIZATION --project PROJECT"
    said = capsys.readouterr().err
    assert f"python infra/bootstrap.py {command} --to {where}\n" in said


def test_parents_are_made_before_what_is_in_them(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened())
    commands_ = [" ".join(words) for words in az.commands]
    order = ("rest --method patch", "ad sp create", "group create")
    order += ("deployment group create", "ml workspace create")
    places = [
        next(number for number, command in enumerate(commands_) if words in command)
        for words in order
    ]
    assert places == sorted(places)
    assert "deployment group create" in commands_[-1], "roles and the cluster, at once"


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
        if az.commands and az.commands[-1] == arguments:
            raise Failure(Kind.NETWORK, "", "connection reset")

    az.after = lose
    assert len(commands.apply(opened())["created"]) == len(MADE)


def test_providers_are_registered_where_one_is_not(az: DoubleOfAz, opened: Open) -> None:
    az.registered.remove("Microsoft.KeyVault")
    assert "resource providers" in commands.apply(opened())["created"]
    assert "Microsoft.KeyVault" in az.registered


def test_what_azure_is_still_making_is_waited_for(
    az: DoubleOfAz, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a Ctrl-C during a creation: it is not made a second time."""
    commands.apply(opened())
    cluster = az.made[opened().names.compute_id]
    cluster["properties"] = {"provisioningState": "Creating"}
    az.commands.clear()

    def finish(seconds: float) -> None:
        cluster["properties"] = {"provisioningState": "Succeeded"}

    monkeypatch.setattr("amlkit.provision.cloud.waits.time.sleep", finish)
    commands.apply(opened())
    assert az.commands == []
    assert cluster["properties"]["provisioningState"] == "Succeeded"


def cut_off(az: DoubleOfAz, path: str, state: str) -> None:
    """The next deployment makes everything, and one thing is in this state when it fails."""

    def strike(arguments: tuple[str, ...]) -> None:
        if arguments[:3] == ("deployment", "group", "create"):
            az.after = lambda arguments: None
            az.made[path]["properties"] = {"provisioningState": state}
            raise Failure(Kind.QUOTA, "Conflict", "no capacity in westeurope")

    az.after = strike


def test_what_a_failed_deployment_left_in_the_making_is_waited_for(
    az: DoubleOfAz, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, waits = opened().names.vault_id, []

    def finish(seconds: float) -> None:
        waits.append(seconds)
        az.made[vault]["properties"] = {"provisioningState": "Succeeded"}

    monkeypatch.setattr("amlkit.provision.cloud.waits.time.sleep", finish)
    cut_off(az, vault, "Creating")
    assert len(commands.apply(opened())["created"]) == len(MADE)
    assert len(waits) == 1


def test_what_azure_gave_up_making_does_not_count_as_made(az: DoubleOfAz, opened: Open) -> None:
    vault = opened().names.vault_id
    cut_off(az, vault, "Failed")
    with pytest.raises(Refused, match=r"given up making kv-.*remove it.*no capacity in westeurope"):
        commands.apply(opened())
    with pytest.raises(Refused, match="nothing was made: Azure has given up making kv-"):
        commands.apply(opened())


def test_a_deployment_of_a_run_that_was_cut_off_is_waited_for(
    az: DoubleOfAz, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Azure/azure-cli #336: none of the same name may be made beside it."""
    active = [Failure(Kind.CONFLICT, "DeploymentActive", "is still active") for _ in "ab"]

    def refuse(arguments: tuple[str, ...]) -> None:
        if arguments[:3] == ("deployment", "group", "create") and active:
            raise active.pop()

    monkeypatch.setattr("amlkit.provision.cloud.waits.time.sleep", lambda seconds: None)
    az.before = refuse
    assert len(commands.apply(opened())["created"]) == len(MADE)


def test_two_applications_of_the_name_are_not_guessed_between(az: DoubleOfAz, opened: Open) -> None:
    for number in (1, 2):
        path = f"https://graph.microsoft.com/v1.0/applications/{number}"
        az.made[path] = {"id": str(number), "appId": f"app-{number}"}
    with pytest.raises(Refused, match=r"2 applications .*app-1, app-2.*azure.client_id"):
        commands.apply(opened())
    assert az.commands == []


def test_an_application_of_the_name_is_used_not_doubled(az: DoubleOfAz, opened: Open) -> None:
    path = "https://graph.microsoft.com/v1.0/applications/1"
    az.made[path] = {"id": "1", "appId": "app-1", "passwordCredentials": []}
    done = commands.apply(opened())
    assert done["client_id"] == "app-1"
    assert sum("/applications/" in key for key in az.made) == 1
    destroy(opened())
    assert path in az.made, "what was there before is not removed"


def test_a_principal_may_have_blanks_in_its_name(az: DoubleOfAz, opened: Open) -> None:
    commands.apply(opened(("azure.service_principal_name", "pipelines of the zoo")))
    assert sum("/applications/" in key for key in az.made) == 1


def test_a_principal_that_config_names_is_not_made_anew(az: DoubleOfAz, opened: Open) -> None:
    with pytest.raises(Refused, match=r"service principal .* is not there: check azure.client_id"):
        commands.apply(opened(("azure.client_id", "0" * 8 + "-0000-4000-8000-" + "0" * 12)))
    assert az.commands == []


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
    destroy(opened(command="destroy", purge=True))
    assert set(az.made) == {"seals.csv"}, "the double keeps blobs apart from their container"


def test_braces_and_brackets_in_what_people_name_are_theirs(
    az: DoubleOfAz, opened: Open, tmp_path: Path
) -> None:
    """Braces name no fact; in a template `[…]` is an expression, `[[…]` the text."""
    table = tmp_path / "{seals} [1].csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    tags = {"note": "{word} {tenant_id}", "list": "[a, b]", "half": "[a] b"}
    changes = [(f"azure.bootstrap.tags.{name}", value) for name, value in tags.items()]
    commands.apply(opened(*changes, data=table, command="apply"))
    assert table.name in az.made
    shown = az.made[opened().names.storage_id]["tags"]
    assert shown == {**tags, "list": "[[a, b]", "made-by-amlkit": opened().names.key}


def test_a_new_role_is_waited_for_before_the_upload(
    az: DoubleOfAz, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "seals.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    refusals = [Failure(Kind.FORBIDDEN, "", "you may not") for _ in range(3)]

    def refuse(arguments: tuple[str, ...]) -> None:
        if "upload" in arguments and refusals:
            raise refusals.pop()

    monkeypatch.setattr("amlkit.provision.cloud.waits.time.sleep", lambda seconds: None)
    az.before = refuse
    done = commands.apply(opened(data=table, command="apply"))
    assert done["created"][-1] == "seals.csv in container data"
    assert refusals == []


def test_data_that_is_not_there_is_said(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"--data .*none.csv: there is no such file"):
        opened(data=tmp_path / "none.csv")


def test_the_state_file_is_ours_alone_while_at_work(opened: Open) -> None:
    context = opened()
    with context.state.alone(), pytest.raises(Refused, match="another"):
        commands.apply(opened())


@pytest.mark.parametrize("damage", ["{", "[]", '{"facts": 1}'])
def test_a_damaged_state_file_does_no_harm(damage: str, az: DoubleOfAz, opened: Open) -> None:
    """It only spares looks."""
    commands.apply(opened())
    opened().state.path.write_text(damage, encoding="utf-8")
    assert commands.apply(opened())["created"] == []
