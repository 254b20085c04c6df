"""A double of `az` for tests of the bootstrap: it keeps what was made in a dictionary.

It stands for no answer of Azure's but the few fields that the plan reads; the real `az` is run in
the template's own tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from amlkit.provision.az import Az, AzFailure
from amlkit.provision.failures import Kind
from amlkit.provision.foundation import PROVIDERS

SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
TENANT = "11111111-1111-4111-8111-111111111111"
GRAPH = "https://graph.microsoft.com/v1.0"
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
        self.registered = set(PROVIDERS)
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
        if answer is None and not options.get("absent_ok") and "get" in arguments:
            raise AzFailure(Kind.NOT_FOUND, "NotFound", "not found", " ".join(arguments))
        return answer

    def _answer(self, words: tuple[str, ...], options: dict[str, Any]) -> Any:
        if words == ("version",):
            return {"azure-cli": "2.91.0", "extensions": self.extensions}
        if words == ("account", "list"):
            return [{"id": SUBSCRIPTION, "tenantId": TENANT, "isDefault": True, "state": "Enabled"}]
        if words[:2] == ("provider", "list"):
            return [
                {"namespace": n, "state": "Registered" if n in self.registered else "NotRegistered"}
                for n in PROVIDERS
            ]
        if words[1:3] == ("account", "check-name"):
            return self._availability(words[-1])
        if words[:3] == ("rest", "--method", "post"):
            return self._availability(json.loads(options["stdin"])["name"])
        if words[:3] == ("rest", "--method", "get"):
            self.reads += 1
            return self._read(words[4], words)
        if words[0] == "ad" and words[2] == "list":
            kind = "applications" if words[1] == "app" else "servicePrincipals"
            return [v for k, v in self.made.items() if k.startswith(f"{GRAPH}/{kind}/")]
        if words[:2] == ("resource", "list"):
            return [v for v in self.made.values() if "type" in v]
        if words[:3] == ("storage", "blob", "show"):
            return self.made.get(words[words.index("--name") + 1])
        self.commands.append(words)
        return self._change(words, options)

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
            return {"value": [each for each in given if each["id"].endswith(f"-{principal}")]}
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
        if words[:2] == ("extension", "add"):
            self.extensions = {"ml": "2.39.0"}
        elif words[:2] == ("provider", "register"):
            self.registered.add(words[-1])
        elif words[:3] == ("rest", "--method", "patch"):
            return self._application(words[4], json.loads(options["stdin"]))
        elif words[:3] == ("ad", "sp", "create"):
            principal = {"id": f"principal-{words[-1]}", "appId": words[-1]}
            return self._put(f"{GRAPH}/servicePrincipals/{principal['id']}", principal)
        elif words[:3] == ("role", "assignment", "create"):
            role, scope = words[words.index("--role") + 1], words[words.index("--scope") + 1]
            principal = words[words.index("--assignee-object-id") + 1]
            place = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
            path = f"{place}/{role}-{principal}"
            from amlkit.provision.identity import ROLES

            given = {"roleDefinitionId": f"/roles/{ROLES[role]}", "scope": scope}
            return self._put(path, {"id": path, "properties": given})
        elif words[:3] == ("storage", "blob", "upload"):
            sha256 = words[words.index("--metadata") + 1].partition("=")[2]
            self._put(words[words.index("--name") + 1], {"metadata": {"sha256": sha256}})
        elif "create" in words:
            path = self._path(words)
            return self._put(path, {"id": path, "name": path.rpartition("/")[2], "properties": {}})
        elif "delete" in words:
            self._delete(words)
        return None

    def _application(self, url: str, body: dict[str, Any]) -> Any:
        unique = url.split("'")[1]
        path = f"{GRAPH}/applications/object-{unique}"
        if path in self.made:
            return None
        application = {"id": f"object-{unique}", "appId": f"client-{unique}", "uniqueName": unique}
        return self._put(path, {**application, "displayName": body["displayName"]})

    def _put(self, path: str, value: dict[str, Any]) -> Any:
        self.made[path] = value
        return value

    def _delete(self, words: tuple[str, ...]) -> None:
        name = words[-1] if words[-2] in ("--id", "--ids") else self._path(words)
        for key in [key for key in self.made if key.endswith(name) or f"{name}/" in key]:
            del self.made[key]

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
        kinds = {
            ("storage", "account"): "Microsoft.Storage/storageAccounts",
            ("keyvault", "create"): "Microsoft.KeyVault/vaults",
            ("keyvault", "delete"): "Microsoft.KeyVault/vaults",
            ("monitor", "log-analytics"): "Microsoft.OperationalInsights/workspaces",
            ("ml", "workspace"): "Microsoft.MachineLearningServices/workspaces",
        }
        if words[:2] == ("storage", "container-rm"):
            account = words[words.index("--storage-account") + 1]
            kind = f"Microsoft.Storage/storageAccounts/{account}/blobServices/default/containers"
        elif words[:2] == ("ml", "compute"):
            workspace = words[words.index("-w") + 1]
            kind = f"Microsoft.MachineLearningServices/workspaces/{workspace}/computes"
        else:
            kind = kinds[words[0], words[1]]
        return f"{place}/providers/{kind}/{name}"
