"""What is due: told by what serves, what is registered, and this checkout; nothing by events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amlkit.flow.due import decide
from amlkit.local.withdrawals import restore, withdraw, withdrawals
from amlkit.records import (
    Deployment,
    DeploymentDefinition,
    Endpoint,
    EnvironmentDefinition,
    Model,
    Withdrawal,
)
from conftest import Project


def wanted(version: str = "5", code: str = "a", commit: int = 50, name: str = "m") -> Any:
    """Version and code of this checkout, as a definition."""
    return DeploymentDefinition(
        endpoint="e",
        model=Model(name, version, ""),
        environment=EnvironmentDefinition("e", Path("lock"), (), serving=True),
        package="p",
        code=Path("code"),
        code_version=code,
        port=0,
        identity=f"{name}-{version}-{code}",
        commit_time=commit,
    )


def serving(
    version: str = "5", code: str = "a", commit: int = 50, name: str = "m", status: str = "Ready"
) -> Endpoint:
    """An endpoint that serves that."""
    deployment = Deployment(
        "d", name, version, code, "env", f"{name}-{version}-{code}", "", commit_time=commit
    )
    return Endpoint("e", "", status, deployment)


def taken_back(endpoint: Endpoint, *marks: tuple[str, str]) -> Endpoint:
    """With marks that rollbacks left, (version, code)."""
    found = tuple(Withdrawal("m", version, f"m-{version}-{code}") for version, code in marks)
    return replace(endpoint, withdrawn=found)


SITUATIONS: dict[str, tuple[Any, Endpoint | None, bool, str]] = {
    "a first run": (wanted("1"), None, True, "serves nothing"),
    "only a deployment that never passed": (
        wanted("1"),
        Endpoint("e", "", "Failed", None),
        True,
        "serves nothing",
    ),
    "nothing changed": (wanted(), serving(), False, "serves as it should"),
    "a later commit that changed nothing of it": (wanted(commit=99), serving(), False, "as it sho"),
    "an earlier commit, the same content": (wanted(commit=1), serving(), False, "as it should"),
    "a newer model": (wanted("6"), serving(), True, "it is the newest"),
    "versions are numbers: 10 after 9": (wanted("10"), serving("9"), True, "it is the newest"),
    "versions are numbers: 9 after 10": (wanted("9"), serving("10"), False, "is newer than"),
    "another definition": (wanted(code="b", commit=51), serving(), True, "another definition"),
    "the definition of an older commit": (
        wanted(code="b", commit=49),
        serving(),
        False,
        "newer commit",
    ),
    "a newer model trained by an older commit": (
        wanted("6", "b", 49),
        serving(commit=51),
        False,
        "newer commit",
    ),
    "no git here": (wanted(code="b", commit=0), serving(), True, "another definition"),
    "deployed without git": (wanted(code="b"), serving(commit=0), True, "another definition"),
    "it was stopped by a restart": (wanted(), serving(status="Stopped"), True, "is Stopped"),
    "it is about to start": (wanted(), serving(status="Starting"), False, "and starts"),
    "it failed since": (wanted(), serving(status="Failed"), True, "is Failed"),
    "an older one serves and failed": (
        wanted("6"),
        serving("5", status="Failed"),
        True,
        "it is the newest",
    ),
    "another target's model": (wanted("1", name="n"), serving("7"), True, "it is the newest"),
    "rolled back to the one before": (
        wanted("5", "a"),
        taken_back(serving("4"), ("5", "a")),
        False,
        "--model-version 5",
    ),
    "rolled back, and the code was changed since": (
        wanted("5", "b", 60),
        taken_back(serving("4"), ("5", "a")),
        False,
        "was rolled back",
    ),
    "rolled back, and a newer one is registered": (
        wanted("6", "a", 60),
        taken_back(serving("4"), ("5", "a")),
        True,
        "it is the newest",
    ),
    "rolled back to an older definition of the same version": (
        wanted("5", "b", 60),
        taken_back(serving("5", "a"), ("5", "b")),
        False,
        "was rolled back",
    ),
    "that definition was mended": (
        wanted("5", "c", 61),
        taken_back(serving("5", "a"), ("5", "b")),
        True,
        "another definition",
    ),
    "what was rolled back serves again, and stopped": (
        wanted("5", "a"),
        taken_back(serving("5", "a", status="Stopped"), ("5", "a")),
        True,
        "is Stopped",
    ),
    "rolled back, and what serves now is down": (
        wanted("5", "a"),
        taken_back(serving("4", status="Failed"), ("5", "a")),
        False,
        "but the endpoint is Failed: --model-version 4",
    ),
    "two rolled back one after the other": (
        wanted("6", "a"),
        taken_back(serving("4"), ("6", "a"), ("5", "a")),
        False,
        "m:6 was rolled back",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_due_in_each_situation(name: str) -> None:
    definition, endpoint, now, words = SITUATIONS[name]
    found = decide(definition, endpoint)
    assert (found.now, found.version) == (now, definition.model.version), found.reason
    assert words in found.reason


FOLLOWING: dict[str, tuple[Any, Endpoint | None, bool, str]] = {
    "production has nothing yet": (wanted("5"), None, True, "endpoint staging of config.yml"),
    "staging serves a newer one": (wanted("5"), serving("4"), True, "endpoint staging of config"),
    "staging went back": (wanted("4"), serving("5"), False, "version 5 serves, and is newer"),
    "production went back alone": (
        wanted("5"),
        taken_back(serving("4"), ("5", "a")),
        False,
        "was rolled back",
    ),
    "both serve it": (wanted("5"), serving("5"), False, "serves as it should"),
}


@pytest.mark.parametrize("name", FOLLOWING)
def test_production_follows_staging_and_never_backwards(name: str) -> None:
    definition, endpoint, now, words = FOLLOWING[name]
    found = decide(definition, endpoint, "staging")
    assert found.now is now and words in found.reason


def test_what_was_overtaken_is_not_switched_to() -> None:
    """Two pipelines at once: the one that is ready later finds what the other has done."""
    first = decide(wanted("5"), serving("4"))
    assert first.now and first.objection(serving("4")) == ""
    assert "is newer than" in first.objection(serving("6"))
    withdrawn = taken_back(serving("4"), ("5", "a"))
    assert "was rolled back" in first.objection(withdrawn)


def test_a_mark_stays_until_it_is_taken_off(tmp_path: Path) -> None:
    first, second = (Deployment("d", "m", v, "c", "e", f"i{v}", "") for v in ("1", "2"))
    for each in (first, second, first):
        withdraw(tmp_path, each)
    assert [mark.version for mark in withdrawals(tmp_path)] == ["2", "1"]
    restore(tmp_path, ["i2"])
    assert withdrawals(tmp_path) == [Withdrawal("m", "1", "i1")]


def test_nothing_registered_is_not_due_and_no_error(project: Project) -> None:
    answer = project.call("deploy", "--local", "--due", "--json")
    assert answer.code == 0
    due = answer.json["due"]
    assert due["is"] is False and due["version"] is None and "is registered yet" in due["reason"]
    status = project.call("deploy", "--local", "--status", "--json")
    assert status.json["due"] == due
    said = project.call("deploy", "--local", "--status").out
    assert "due: nothing: no model" in said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--due", "--rollback"), "not allowed with"),
        (("--due", "--batch", "x.csv", "--out", "y.csv"), "not allowed with"),
        (("--due", "--model-version", ""), "--model-version is empty"),
        (("--status", "--model-version", "3"), "--status takes no --model-version"),
        (("--rollback", "--model-version", "3"), "--rollback takes no --model-version"),
        (("--delete", "--model-version", "3"), "--delete takes no --model-version"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(
    project: Project, flags: tuple[str, ...], words: str
) -> None:
    answer = project.call("deploy", "--local", *flags)
    assert answer.code == 2 and words in answer.err and answer.err.count("\n") == 1
