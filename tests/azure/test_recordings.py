"""Requests of Microsoft's recordings of `azure-ai-ml`, replayed; the answers' shapes compared.

`recordings.json` holds of each recorded answer the names of its fields and the kinds of their
values (`=word`: this very word, `any`: left open), the request with names of our own, and which
recording it was read from. `newer` are fields that another version of the API has, `left_out`
those that the stand-in does not fill, and why.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from standin import StandIn
from standin.specification import check
from standin.specifications.mutations import measure, total
from standin.specifications.witness import Witness, watched
from tests.az.world.caller import ARM, Answer, Caller

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "recordings.json").read_text(encoding="utf-8")
)
KINDS: dict[type, str] = {str: "string", bool: "boolean", int: "number", float: "number"}
#: An environment with nothing in it, so that the recorded job runs at once.
ENVIRONMENT = {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}
CONDA = "channels:\n- conda-forge\ndependencies:\n- python=3.11\n- pip\nname: empty\n"


#: Words that the specification knows, for an example of a recorded shape.
EXAMPLES = {
    "createdByType": "User", "lastModifiedByType": "User", "status": "Preparing",
    "provisioningState": "Creating", "maxQueueWait": "PT0S", "requestTimeout": "PT0S",
    "nodeIdleTimeBeforeScaleDown": "PT1M40S",
    "serviceDataAccessAuthIdentity": "None", "type": "None", "tier": "Basic",
    "mechanism": "Mount",
}  # fmt: skip
UNDER_WAY = ("Updating", "InProgress", "Running")
# What a recorded path begins with, where another host than Resource Manager's answers.
HOSTS = {"api": "{}.api.azureml.ms", "registry": "cert-{}.experiments.azureml.net"}
MOMENT = re.compile(r"(At|On|Utc|Time)$")


@dataclass
class Replay:
    """Sends recorded requests, with the names of the stand-in's workspace."""

    standin: StandIn
    caller: Caller

    @property
    def names(self) -> dict[str, str]:
        """What stands for the placeholders of `recordings.json`."""
        account = self.standin.account
        group = f"/subscriptions/{account.subscription_id}/resourceGroups/{account.resource_group}"
        provider = "/providers/Microsoft.MachineLearningServices"
        registry, kept = "", self.standin.azure.v2
        if found := kept.registries.find("recorded"):
            container = kept.registry_assets.container(found, "recorded", "2")
            registry = f"https://{kept.registries.storage(found)[1].host}/{container}"
        return {
            "{registry_files}": registry,
            "{group}": group,
            "{workspace}": f"{group}{provider}/workspaces/{account.workspace_name}",
            "{location}": account.location,
            "{account}": account.storage_account,
            "{container}": "azureml-blobstore-recorded",
            "{job_environment}": "recorded-empty:1",
        }

    def filled(self, text: str) -> str:
        """A text with the names in place of its placeholders."""
        for placeholder, name in self.names.items():
            text = text.replace(placeholder, name)
        return text

    def send(self, recorded: dict[str, Any]) -> Answer:
        """One recorded request."""
        path = self.filled(recorded["path"])
        host, location = ARM, self.standin.account.location
        for prefix, template in HOSTS.items():
            if path.startswith(prefix + "/"):
                host, path = f"https://{template.format(location)}", path[len(prefix) :]
        query = f"?api-version={recorded['version']}" if recorded["version"] else ""
        query += f"&{recorded['query']}" if recorded.get("query") else ""
        body = json.loads(self.filled(json.dumps(recorded.get("body"))))
        return self.caller.ask(recorded["method"], host + path.replace(" ", "%20") + query, body)

    @staticmethod
    def plain(recorded: dict[str, Any]) -> str:
        """The path of a request with examples for its placeholders."""
        group = "/subscriptions/s/resourceGroups/g"
        workspace = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/w"
        kind = (
            "registryOperationsStatus" if "registry" in recorded["name"] else "mfeOperationsStatus"
        )
        operation = (
            f"/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/l/{kind}/o"
        )
        path = str(recorded["path"]).replace("operation", recorded.get("at", operation), 1)
        return path.replace("{workspace}", workspace).replace("{group}", group)

    def ended(self, begun: Answer, seconds: float = 60) -> Answer:
        """What an operation answers when it has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            address = begun.headers.get("Azure-Asyncoperation") or begun.headers["Location"]
            answer = self.caller.ask("GET", address)
            if answer.status != 202 and (answer.body or {}).get("status") not in UNDER_WAY:
                return answer
            time.sleep(0.1)
        raise AssertionError("the operation did not end")


@dataclass
class Replayed:
    """What the stand-in answered, by the names of the recordings, and who watched."""

    answers: dict[str, Answer]
    witness: Witness


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    """The recorded requests in their order, sent to a stand-in of their own."""
    with watched() as witness, StandIn(tmp_path_factory.mktemp("recordings")) as standin:
        yield Replayed(answers(standin), witness)


def answers(standin: StandIn) -> dict[str, Answer]:
    """What a stand-in answers to each recorded request."""
    account = standin.account
    replay = Replay(standin, Caller(standin, account.client_id, account.client_secret))
    environment = {
        "path": "{workspace}/environments/recorded-empty/versions/1",
        "method": "PUT",
        "version": "2023-04-01-preview",
        "body": {"properties": {**ENVIRONMENT, "condaFile": CONDA}},
    }
    found = {"": replay.send(environment)}
    for recorded in RECORDED:
        if recorded["path"] != "operation":
            found[recorded["name"]] = replay.send(recorded)
        else:
            found[recorded["name"]] = replay.ended(found[recorded["of"]])
    cancel = {"path": "{workspace}/jobs/recorded_job/cancel", "method": "POST", "body": {}}
    replay.send({**cancel, "version": "2024-01-01-preview"})
    return {name: answer for name, answer in found.items() if name}


def differences(recorded: Any, answered: Any, place: str = "") -> Iterator[str]:
    """The places where an answer differs from a recorded one in its fields and their kinds."""
    if recorded is None or answered is None or recorded == "any":
        return
    if isinstance(recorded, dict):
        if not isinstance(answered, dict):
            yield f"{place}: no object"
        elif recorded:  # else its fields are the caller's own
            for key in recorded.keys() | answered.keys():
                inner = f"{place}.{key}".lstrip(".")
                if key not in answered:
                    yield f"{inner}: missing"
                elif key not in recorded:
                    yield f"{inner}: not recorded"
                else:
                    yield from differences(recorded[key], answered[key], inner)
    elif isinstance(recorded, list):
        if not isinstance(answered, list):
            yield f"{place}: no list"
        elif recorded:
            for one in answered:
                yield from differences(recorded[0], one, f"{place}[]")
    elif recorded.startswith("="):
        if answered != recorded[1:]:
            yield f"{place}: {answered!r}, not {recorded[1:]!r}"
    elif KINDS.get(type(answered)) != recorded:
        yield f"{place}: {answered!r} is no {recorded}"


@pytest.mark.parametrize("recorded", RECORDED, ids=[one["name"] for one in RECORDED])
def test_an_answer_has_the_shape_of_the_recorded_one(
    recorded: dict[str, Any], replayed: Replayed
) -> None:
    """Status, the headers of an operation, and every field, both ways."""
    answer = replayed.answers[recorded["name"]]
    status = recorded["status"]
    assert answer.status in (status if isinstance(status, list) else [status]), answer.body
    assert set(recorded.get("headers", [])) <= {name.lower() for name in answer.headers}
    if recorded["answer"] is None:
        assert not answer.body
        return
    allowed = {f"{place}: not recorded" for place in recorded.get("newer", [])}
    allowed |= {f"{place}: missing" for place in recorded.get("left_out", {})}
    found = set(differences(recorded["answer"], answer.body))
    assert found - allowed == set()
    assert allowed - found == set(), "no difference any more: take it off the list"


def test_the_answers_are_as_published(replayed: Replayed) -> None:
    """The check of every answer has nothing to say, and saw each of them."""
    assert replayed.witness.violations == {}
    assert not replayed.witness.uncovered


PINNED = [one for one in RECORDED if "older" not in one]


@pytest.mark.parametrize("recorded", PINNED, ids=[one["name"] for one in PINNED])
def test_what_was_recorded_is_as_published(recorded: dict[str, Any]) -> None:
    """The specification, with what must always be there, admits the recorded answer itself."""
    path = Replay.plain(recorded)
    host = "management.azure.com"
    for prefix, template in HOSTS.items():
        if path.startswith(prefix + "/"):
            host, path = template.format("eastus2"), path[len(prefix) :]
    status = recorded["status"]
    code = status[-1] if isinstance(status, list) else status
    assert check(recorded["method"], host, path, {}, code, None, example(recorded["answer"])) == []


def example(shape: Any, name: str = "") -> Any:
    """A value of a recorded shape; moments and spans of time by the names of their fields."""
    if isinstance(shape, dict):
        return {key: example(inner, key) for key, inner in shape.items()}
    if isinstance(shape, list):
        return [example(inner) for inner in shape]
    if shape is None or shape == "any":
        return None
    if shape.startswith("="):
        return shape[1:]
    if shape == "string":
        return EXAMPLES.get(name) or ("2026-03-27T04:02:32+00:00" if MOMENT.search(name) else "x")
    return {"number": 1, "boolean": True}[shape]


def test_renamed_and_retyped_keys_of_the_plane_are_noticed(replayed: Replayed) -> None:
    """A sample of the keys of every answer, broken one at a time."""
    kept = [one for one in replayed.witness.answers.values() if "management" in one.host]
    figures = total(measure(kept, every=3))
    assert figures.broken["renamed"] > 100
    assert figures.share("renamed") > 0.95 and figures.share("retyped") > 0.95
    assert figures.share("removed") > 0.8
