"""A double of `az` for tests of the bootstrap: it keeps what was made in a dictionary.

It stands for no answer of Azure's but the few fields that the plan reads; the real `az` is run in
the template's own tests.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.facts import IDENTITY, PROVIDERS, ROLES
from amlkit.provision.cloud.failures import Failure, Kind

SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
TENANT = "11111111-1111-4111-8111-111111111111"
GRAPH = "https://graph.microsoft.com/v1.0"
# Every provider that a plan may ask for.
PLAYED = (*PROVIDERS, IDENTITY.partition("/")[0])
OWNER = [{"actions": ["*"], "notActions": []}]


class DoubleOfAz(Az):
    """Answers reads from `made`; each command that makes something puts it there."""

    def __init__(self) -> None:
        super().__init__(lambda line: None, subscription=SUBSCRIPTION)
        self.made: dict[str, Any] = {}
        self.commands: list[tuple[str, ...]] = []  # that change something
        self.reads = 0
        self.permissions: Any = OWNER
        self.extensions: dict[str, str] = {}
        self.registered = set(PLAYED)
        self.taken: set[str] = set()
        self.free_cores = 100
        self.before: Callable[[tuple[str, ...]], None] = lambda arguments: None
        self.after: Callable[[tuple[str, ...]], None] = lambda arguments: None

    def json(self, *arguments: str, **options: Any) -> Any:
        """See `Az.json`."""
        self.calls += 1
        self.before(arguments)
        answer = self._answer(arguments, options)
        self.after(arguments)
        if answer is None and "get" in arguments:
            raise Failure(Kind.NOT_FOUND, "NotFound", "not found")
        return answer

    def _answer(self, words: tuple[str, ...], options: dict[str, Any]) -> Any:
        if words == ("account", "list"):
            return [{"id": SUBSCRIPTION, "tenantId": TENANT, "isDefault": True, "state": "Enabled"}]
        if words[:2] == ("provider", "list"):
            return [
                {
                    "namespace": n,
                    "state": "Registered" if n in self.registered else "NotRegistered",
                    "regions": ["West Europe", "North Europe"],
                }
                for n in PLAYED
            ]
        if words[1:3] == ("account", "check-name"):
            return self._availability(words[-1])
        if words[4:5] == (f"{GRAPH}/$batch",):
            self.reads += 1
            asked = json.loads(options["stdin"])["requests"]
            return {"responses": [self._one(each) for each in asked]}
        if words[:3] == ("rest", "--method", "post"):
            return self._availability(json.loads(options["stdin"])["name"])
        if words[:3] == ("rest", "--method", "get"):
            self.reads += 1
            return self._read(words[4], words)
        if words[:2] == ("resource", "list"):
            return [v | {"properties": None} for v in self.made.values() if "type" in v]
        if words[:3] == ("storage", "blob", "show"):
            return self.made.get(words[words.index("--name") + 1])
        self.commands.append(words)
        return self._change(words, options)

    def _one(self, request: dict[str, Any]) -> dict[str, Any]:
        """One answer of a batch."""
        assert request["method"] == "GET"
        assert " " not in request["url"], "an address has no blanks"
        path, _, asked = request["url"].removeprefix("/").partition("?")
        self.before(("batched", f"{GRAPH}/{path}"))
        if asked:
            found = [v for k, v in self.made.items() if k.startswith(f"{GRAPH}/{path}/")]
            return {"id": request["id"], "status": 200, "body": {"value": found}}
        body = self._read(f"{GRAPH}/{path}", ())
        if body is None:
            error = {"code": "Request_ResourceNotFound", "message": "does not exist"}
            return {"id": request["id"], "status": 404, "body": {"error": error}}
        return {"id": request["id"], "status": 200, "body": body}

    def _availability(self, name: str) -> dict[str, Any]:
        return {"nameAvailable": name not in self.taken, "message": "The name is already taken."}

    def _read(self, url: str, words: tuple[str, ...]) -> Any:
        if url == f"{GRAPH}/me":
            return {"id": "me"}
        if url.endswith("/permissions"):
            return {"value": self.permissions}
        if url.endswith("/roleAssignments"):
            principal = words[-1].split("'")[1]
            given = [v for k, v in self.made.items() if "/roleAssignments/" in k]
            mine = [each for each in given if each["properties"]["principalId"] == principal]
            return {"value": mine}
        if url.endswith("/vmSizes"):
            return {
                "value": [{"name": "STANDARD_DS3_V2", "family": "standardDSv2Family", "vCPUs": 4}]
            }
        if url.endswith("/usages"):
            name = {"value": "Standard DSv2 Family Cluster Dedicated vCPUs"}
            return {"value": [{"name": name, "currentValue": 0, "limit": self.free_cores}]}
        for key, value in self.made.items():
            named = f"(appId='{value.get('appId')}')", f"(uniqueName='{value.get('uniqueName')}')"
            folder = key.rpartition("/")[0]
            if url.lower() == key.lower() or url in [f"{folder}{name}" for name in named]:
                return value
        return None

    def _change(self, words: tuple[str, ...], options: dict[str, Any]) -> Any:
        if words[:3] == ("rest", "--method", "delete"):
            return None
        if words[:2] == ("extension", "add"):
            self.extensions = {"ml": "2.39.0"}
        elif words[:2] == ("provider", "register"):
            self.registered.add(words[-1])
        elif words[:3] == ("rest", "--method", "put"):
            return self._put(words[4], {"id": words[4], **json.loads(options["stdin"])})
        elif words[:3] == ("rest", "--method", "patch") and words[4] in self.made:
            self._give(self.made[words[4]], json.loads(options["stdin"])["identity"])
        elif words[:3] == ("rest", "--method", "patch"):
            return self._application(words[4], json.loads(options["stdin"]))
        elif words[:3] == ("ad", "sp", "create"):
            principal = {"id": f"principal-{words[-1]}", "appId": words[-1]}
            return self._put(f"{GRAPH}/servicePrincipals/{principal['id']}", principal)
        elif words[:3] == ("role", "assignment", "create"):
            role, scope = words[words.index("--role") + 1], words[words.index("--scope") + 1]
            principal = words[words.index("--assignee-object-id") + 1]
            name = words[words.index("--name") + 1]
            path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
            given = {
                "roleDefinitionId": f"/roles/{ROLES[role]}",
                "scope": scope,
                "principalId": principal,
            }
            return self._put(path, {"id": path, "name": name, "properties": given})
        elif words[:3] == ("storage", "blob", "upload"):
            sha256 = words[words.index("--metadata") + 1].partition("=")[2]
            self._put(words[words.index("--name") + 1], {"metadata": {"sha256": sha256}})
        elif words[:3] == ("deployment", "group", "create"):
            file = Path(words[words.index("--template-file") + 1])
            self._deploy(words, json.loads(file.read_text(encoding="utf-8")))
        elif "create" in words:
            path = self._path(words)
            body = json.loads(options.get("stdin") or "{}")
            tags = body.get("tags") or {}
            if "--tags" in words:
                tags = dict(each.split("=") for each in words[words.index("--tags") + 1 :])
            made = {"id": path, "name": path.rpartition("/")[2], "tags": tags}
            return self._put(path, made | {"properties": body.get("properties") or {}})
        elif words[:2] == ("group", "update"):
            path = self._path(words)
            self.made[path]["tags"] = dict(
                each.split("=") for each in words[words.index("--tags") + 1 :] if each
            )
        elif "delete" in words:
            self._delete(words)
        return None

    def _deploy(self, words: tuple[str, ...], template: dict[str, Any]) -> None:
        """Makes what a template describes."""
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{words[words.index('-g') + 1]}"
        for each in template["resources"]:
            provider, *kinds = each["type"].split("/")
            pairs = zip(kinds, each["name"].split("/"), strict=True)
            around = f"{group}/providers/{each['scope']}" if "scope" in each else group
            path = "/".join([around, "providers", provider, *(p for pair in pairs for p in pair)])
            properties = dict(each["properties"])
            if "scope" in each:
                properties["scope"] = around
            made = {"id": path, "name": path.rpartition("/")[2], "tags": each.get("tags")}
            self._put(path, made | {"properties": properties})

    def _give(self, workspace: dict[str, Any], identity: dict[str, Any]) -> None:
        """Gives a workspace identities, each with the principal that it has now."""
        ids = {path: self.made[path]["properties"] for path in identity["userAssignedIdentities"]}
        workspace["identity"] = {"type": identity["type"], "userAssignedIdentities": ids}

    def _application(self, url: str, body: dict[str, Any]) -> Any:
        unique = url.split("'")[1]
        path = f"{GRAPH}/applications/object-{unique}"
        if path in self.made:
            return None
        client = str(uuid.uuid5(uuid.NAMESPACE_URL, unique))
        application = {"id": f"object-{unique}", "appId": client, "uniqueName": unique}
        application["passwordCredentials"] = []
        return self._put(path, {**application, "displayName": body["displayName"]})

    def _put(self, path: str, value: dict[str, Any]) -> Any:
        if "/userAssignedIdentities/" in path:
            value["properties"] = {"principalId": f"principal-of-{value['name']}"}
        self.made[path] = value
        return value

    def _delete(self, words: tuple[str, ...]) -> None:
        name = words[-1] if words[-2] in ("--id", "--ids") else self._path(words)
        gone = [key for key in self.made if key.endswith(name) or f"{name}/" in key]
        for key in gone:
            client = self.made.pop(key).get("appId")
            if client and "/applications/" in key:  # its principal goes with it
                del self.made[f"{GRAPH}/servicePrincipals/principal-{client}"]

    def _path(self, words: tuple[str, ...]) -> str:
        """The path of the resource that a command names."""
        if "--id" in words or "--ids" in words:
            flag = "--id" if "--id" in words else "--ids"
            return words[words.index(flag) + 1]
        name = words[words.index("-n") + 1]
        group = words[words.index("-g") + 1] if "-g" in words else name
        place = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
        if words[0] == "group":
            return place
        kind = {
            "ml": "Microsoft.MachineLearningServices/workspaces",
            "monitor": "Microsoft.OperationalInsights/workspaces",
            "keyvault": "Microsoft.KeyVault/vaults",
        }[words[0]]
        return f"{place}/providers/{kind}/{name}"
