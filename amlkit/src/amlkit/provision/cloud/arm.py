"""Azure Resource Manager: what is read, made and removed at a path, and several things at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlkit.provision.cloud.client import Command, az, rest
from amlkit.provision.cloud.facts import VERSIONS
from amlkit.provision.cloud.placeholders import Facts, filled, known


def version_of(path: str) -> str:
    """The version of the REST interface for what is kept at a path."""
    provider = path.rpartition("/providers/")[2].partition("/")[0]
    return VERSIONS[provider or "Microsoft.Resources"]


def type_of(path: str) -> str:
    """The type of what is kept at a path, such as `Microsoft.Storage/storageAccounts`."""
    provider, *parts = path.rpartition("/providers/")[2].split("/")
    return "/".join([provider, *parts[::2]])


def arm(method: str, path: str, *parameters: str, body: Any = None) -> Command:
    """A request for what is kept at a path."""
    return rest(method, path, f"api-version={version_of(path)}", *parameters, body=body)


def arm_get(path: str, *parameters: str) -> Command:
    """Reads a resource where it is kept, not by an index, which lags behind."""
    return arm("get", path, *parameters)


def arm_delete(path: str) -> Command:
    """Removes a resource, and waits for it."""
    return az("resource", "delete", "--ids", path, "--api-version", version_of(path))


def arm_create(path: str, body: Mapping[str, Any]) -> Command:
    """Makes a resource by what is PUT at its path.

    az's own `create` commands ask more than the right to make it, such as whether a name is free.
    """
    kept = ("--id", path, "--api-version", version_of(path), "--is-full-object")
    return az("resource", "create", *kept, "--properties", "@-", body=body)


@dataclass(frozen=True)
class Put:
    """What is PUT at a path to make a resource; several go into one deployment."""

    path: str
    body: Mapping[str, Any]
    after: tuple[str, ...] = ()

    def known(self, facts: Facts) -> bool:
        """Whether all that it needs is known."""
        return known([self.path, self.body], facts)

    def described(self, facts: Facts, together: Sequence[str]) -> dict[str, Any]:
        """The resource as a template of Resource Manager describes it, beside these paths."""
        path = str(filled(self.path, facts))
        scope, _, names = path.rpartition("/providers/")
        around = scope.partition("/providers/")[2]
        return {
            "type": type_of(path),
            "apiVersion": version_of(path),
            "name": "/".join(names.split("/")[2::2]),
            **({"scope": around} if around else {}),
            "dependsOn": [each for each in self.after if each in together],
            **_literal(filled(self.body, facts)),
        }


def _literal(value: Any) -> Any:
    """The value as a template takes it: `[…]` would be an expression there."""
    if isinstance(value, Mapping):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    expression = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    return f"[{value}" if expression else value


def deployment(
    where: tuple[str, ...], puts: Sequence[Put], facts: Facts, folder: Path, verb: str = "create"
) -> Command:
    """The command that makes these at once, with its template in a file: no secret is in it."""
    together = [put.path for put in puts]
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [put.described(facts, together) for put in puts],
    }
    path = folder / "template.json"
    path.write_text(json.dumps(template, indent=2), encoding="utf-8")
    return az("deployment", "group", verb, *where, "--template-file", str(path))
