"""Resource Manager templates: the resources that one describes, with all expressions computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..account import Account
from ..routing import AzureError, Json
from .expressions import Scope, evaluate


@dataclass
class Described:
    """One resource of a template: its ARM id, its body, and the ids that come before it."""

    id: str
    body: Json
    after: set[str] = field(default_factory=set)


class Template:
    """One template with the values of its parameters, for a resource group."""

    def __init__(self, account: Account, group: str, template: Json, given: Json) -> None:
        self.account, self.group = account, group
        self._template = template
        self._values: Json = {}
        self._scope: Scope = {
            "parameters": self._parameter,
            "variables": lambda name: evaluate(template["variables"][name], self._scope),
            "resourceId": self._resource_id,
            "subscriptionResourceId": self._subscription_id,
            "subscription": lambda: {
                "subscriptionId": account.subscription_id,
                "tenantId": account.tenant_id,
                "id": f"/subscriptions/{account.subscription_id}",
            },
            "resourceGroup": lambda: {
                "id": account.group_path_of(group),
                "name": group,
                "location": account.groups[group.lower()].location,
            },
        }
        self._take(template.get("parameters") or {}, given)

    def _take(self, declared: Json, given: Json) -> None:
        """The values of the parameters. AzureError 400 for missing, unknown and forbidden ones."""
        if unknown := set(given) - set(declared):
            raise _invalid(f"The template parameters '{', '.join(sorted(unknown))}' are not valid")
        for name, about in declared.items():
            if name not in given and "defaultValue" not in about:
                raise _invalid(f"The value for the template parameter '{name}' is not provided")
            value = (given.get(name) or {}).get("value")
            if value is not None or "defaultValue" not in about:  # null stands for the default
                self._values[name] = value
        for name, about in declared.items():
            allowed = about.get("allowedValues")
            if allowed and self._parameter(name) not in allowed:
                raise _invalid(f"The provided value for the template parameter '{name}' is not one")

    def _parameter(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        declared = (self._template.get("parameters") or {}).get(name)
        if declared is None:
            raise _invalid(f"The template parameter '{name}' is not found")
        self._values[name] = evaluate(declared["defaultValue"], self._scope)
        return self._values[name]

    def _resource_id(self, *parts: str) -> str:
        """`resourceId([subscription], [group], type, name, …)`"""
        place = next(number for number, part in enumerate(parts) if "/" in part)
        group = parts[place - 1] if place else self.group
        return self._path(self.account.group_path_of(group), parts[place], list(parts[place + 1 :]))

    def _subscription_id(self, kind: str, *names: str) -> str:
        return self._path(f"/subscriptions/{self.account.subscription_id}", kind, list(names))

    def _path(self, root: str, kind: str, names: list[str]) -> str:
        provider, *types = kind.split("/")
        pairs = [part for pair in zip(types, names, strict=True) for part in pair]
        return "/".join([f"{root}/providers/{provider}", *pairs])

    def resources(self) -> list[Described]:
        """The resources whose condition holds, each after those that it depends on."""
        waiting = [self._described(one) for one in self._template.get("resources") or []]
        left = [one for one in waiting if one is not None]
        ordered: list[Described] = []
        while left:
            names = {one.id.lower() for one in left}
            free = [one for one in left if not one.after & names]
            if not free:
                raise _invalid("Circular dependency detected on resource")
            ordered += free
            left = [one for one in left if one not in free]
        return ordered

    def _described(self, raw: Json) -> Described | None:
        if evaluate(raw.get("condition", True), self._scope) not in (True, "true", "True"):
            return None
        inner = ("condition", "dependsOn", "resources", "type", "apiVersion", "name", "scope")
        name, kind = evaluate(raw["name"], self._scope), raw["type"]
        place = self.account.group_path_of(self.group)
        if "scope" in raw:  # a resource that belongs to another one, such as a role on it
            place = f"{place}/providers/{evaluate(raw['scope'], self._scope)}"
        path = self._path(place, kind, name.split("/"))
        body = evaluate({k: v for k, v in raw.items() if k not in inner}, self._scope)
        after = {str(o).lower() for o in evaluate(raw.get("dependsOn") or [], self._scope)}
        for one in raw.get("resources") or []:
            if evaluate(one.get("condition", True), self._scope) in (True, "true", "True"):
                kind = f"{raw['type']}/{one['type']}"
                raise AzureError(501, "StandInUnhandled", f"The stand-in does not play {kind}")
        return Described(path, body, after)


def _invalid(why: str) -> AzureError:
    return AzureError(
        400,
        "InvalidTemplate",
        f"Deployment template validation failed: '{why}. Please see https://aka.ms/arm-deploy for "
        "usage details.'.",
    )
