"""A double of what `az rest` reaches: an application's secrets, and a variable group."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

from amlkit.provision.cli import parser
from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.client import Client
from amlkit.provision.cloud.failures import Failure, Kind
from amlkit.provision.context import Context, open_context
from amlkit.provision.plan.names import Names
from amlkit.provision.state import State
from amlkit.settings import Settings, load_settings

ROOT = Path(__file__).parents[1] / "sample"
CLIENT = "11111111-2222-4333-8444-555555555555"
TENANT = "22222222-2222-4333-8444-555555555555"
SUBSCRIPTION = "33333333-2222-4333-8444-555555555555"


class Cloud(Az):
    """Answers as Microsoft Graph and Azure DevOps do; fails at one call if told to."""

    def __init__(self) -> None:
        super().__init__(lambda line: None)
        self.numbers = itertools.count(1)
        self.keys: dict[str, dict[str, Any]] = {"theirs": {"displayName": "by hand", "value": "x"}}
        self.groups: dict[int, dict[str, Any]] = {}
        self.authorized: list[str] = []
        self.fail_at, self.fail_after = 0, False
        self.failure: BaseException = Failure(Kind.TIMEOUT, "", "no answer")
        self.asked: list[tuple[str, ...]] = []

    def json(self, *arguments: str, **options: Any) -> Any:
        """The answer of one command."""
        if arguments == ("account", "list"):
            return [{"id": SUBSCRIPTION, "tenantId": TENANT, "isDefault": True}]
        if arguments[4:5] == ("https://graph.microsoft.com/v1.0/$batch",):
            return self._batch(json.loads(options["stdin"])["requests"])
        self.calls += 1
        self.asked.append(arguments)
        fails = self.calls == self.fail_at
        if fails and not self.fail_after:
            raise self.failure
        body = json.loads(options.get("stdin") or "null")
        answer = self._answer(arguments[2], arguments[4], body)
        if fails:
            raise self.failure
        return json.loads(json.dumps(answer))

    def _answer(self, method: str, url: str, body: Any) -> Any:
        if "graph.microsoft.com" in url:
            assert f"applications(appId='{CLIENT}')" in url
            return self._graph(method, url.rpartition("/")[2], body)
        if "/_apis/projects/" in url:
            return {"id": "p-1", "name": "house"}
        if "pipelinepermissions" in url:
            self.authorized.append(url.rpartition("/")[2])
            return {}
        number = re.search(r"variablegroups/(\d+)", url)
        if method == "get":
            hidden = [self._hidden(group) for group in self.groups.values()]
            return hidden[0] if number else {"value": hidden}
        group_id = int(number.group(1)) if number else next(self.numbers)
        before = self.groups.get(group_id, {}).get("variables", {})
        for name, value in body["variables"].items():
            if value.get("isSecret") and value.get("value") is None:
                value["value"] = before[name]["value"]
        self.groups[group_id] = {"id": group_id, **body}
        return self._hidden(self.groups[group_id])

    @staticmethod
    def _batch(requests: list[dict[str, Any]]) -> Any:
        """A directory without a principal of ours."""
        error = {"code": "Request_ResourceNotFound", "message": "no"}
        return {
            "responses": [
                {"id": each["id"], "status": 200, "body": {"value": []}}
                if "$filter" in each["url"]
                else {"id": each["id"], "status": 404, "body": {"error": error}}
                for each in requests
            ]
        }

    def _graph(self, method: str, action: str, body: Any) -> Any:
        if action == "addPassword":
            key_id = f"key-{next(self.numbers)}"
            secret = {**body["passwordCredential"], "keyId": key_id, "value": f"s3cret-{key_id}"}
            self.keys[key_id] = secret
            return {**secret, "secretText": secret["value"]}
        if action == "removePassword":
            del self.keys[body["keyId"]]
            return None
        assert method == "get"
        return {
            "passwordCredentials": [
                {name: key.get(name) for name in ("displayName", "endDateTime")} | {"keyId": key_id}
                for key_id, key in self.keys.items()
            ]
        }

    @staticmethod
    def _hidden(group: dict[str, Any]) -> dict[str, Any]:
        """A group as it is shown: without secrets."""
        shown: dict[str, Any] = json.loads(json.dumps(group))
        for value in shown["variables"].values():
            if value.get("isSecret"):
                value["value"] = None
        return shown

    @property
    def stored(self) -> str:
        """The secret that the pipelines read now; "" where there is none."""
        for group in self.groups.values():
            return str(group["variables"].get("SpnPassword", {}).get("value") or "")
        return ""

    @property
    def ours(self) -> list[str]:
        """The values of the secrets that are valid, but for the one that others made."""
        return [key["value"] for key_id, key in self.keys.items() if key_id != "theirs"]


def some_settings() -> Settings:
    """The settings of this repository, with a principal."""
    environ = {"SPN_ID": CLIENT, "TENANT_ID": TENANT, "SUBSCRIPTION_ID": SUBSCRIPTION}
    return load_settings(ROOT, environ=environ)


def state_in(folder: Path, settings: Settings) -> State:
    """The state file of these settings, below a folder."""
    folder.mkdir(exist_ok=True)
    return State(folder, Names(settings))


def opened(cloud: Cloud, settings: Settings, state: State, *flags: str) -> Context:
    """What the command works with, on this cloud."""
    context = open_context(parser().parse_args(["credentials", *flags]), settings)
    context.client, context.state = Client(cloud), state
    return context
