"""What can be known to fail before anything is made: rights, names, sizes, quota. All at once.

A check that the caller may not make, or that Azure does not offer, is unknown and stops nothing.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amlkit.provision.az import AzFailure
from amlkit.provision.machine_learning import VAULT_VERSION, WORKSPACE_VERSION
from amlkit.provision.names import Names
from amlkit.provision.records import Step, arm_get, az
from amlkit.provision.survey import Reader, Survey
from amlkit.settings import Settings
from amlkit.settings.azure import Compute

PERMISSIONS_VERSION = "2022-04-01"
_OTHER_VAULT = "choose another name in config.yml (azure.bootstrap.key_vault_name)"


@dataclass
class Preflight:
    """What was found: problems stop everything, the rest is said."""

    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def preflight(settings: Settings, names: Names, survey: Survey, reader: Reader) -> Preflight:
    """Checks what the missing steps need."""
    result = Preflight()
    missing = {step.key: step for step in survey.to_create}
    group = survey.findings.get("resource_group")
    checks: list[tuple[str, Callable[[], list[str]]]] = [
        (
            "your rights",
            lambda: _rights(
                names, list(missing.values()), reader, group_there=bool(group and group.there)
            ),
        )
    ]
    if "storage_account" in missing:
        checks.append(("the storage account's name", lambda: _storage_name(names, reader)))
    if "key_vault" in missing:
        checks.append(("the Key Vault's name", lambda: _vault_name(names, reader)))
    if "compute" in missing:
        checks.append(("the quota for machines", lambda: _quota(settings, names, reader)))
    for what, check in checks:
        try:
            result.problems += check()
        except AzFailure as failure:
            result.unknown.append(f"{what} could not be checked: {failure.message}")
    if "workspace" in missing:
        result.unknown.append(
            f"whether a deleted workspace {names.workspace} still holds the name: Azure tells only"
            " when it is made"
        )
    if "application" in missing:
        result.unknown.append(
            "whether you may register applications in Entra ID: it tells only when asked to"
        )
    return result


def _rights(names: Names, steps: list[Step], reader: Reader, *, group_there: bool) -> list[str]:
    """What the caller may not make, by the roles that Azure says they hold: a line for each."""
    allowed: dict[str, list[dict[str, Any]]] = {}
    refused: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        if not step.actions:
            continue
        # What will be in a group that is there is allowed by the group; else by the subscription.
        place = names.group_id if group_there and step.scope != names.scope else names.scope
        if place not in allowed:
            path = f"{place}/providers/Microsoft.Authorization/permissions"
            answer = reader.read(arm_get(path, PERMISSIONS_VERSION), {})
            allowed[place] = answer["value"] if answer else []
        if not all(may(allowed[place], action) for action in step.actions):
            refused.setdefault((step.role, place), []).append(step)
    return [
        f"you may not make {', '.join(step.title for step in steps)}: it takes the role {role} on"
        f" {place}; `python infra/bootstrap.py plan --for-admin` writes the request, and what is"
        f" handed out to you is marked existing or skip in config.yml ({_settings(steps)})"
        for (role, place), steps in refused.items()
    ]


def _settings(steps: list[Step]) -> str:
    """The settings that say what becomes of these steps."""
    other = {"providers": "resource_group", "log_analytics": "app_insights"}
    keys = ["roles" if s.key.startswith("role_") else other.get(s.key, s.key) for s in steps]
    return ", ".join(f"azure.bootstrap.{key}" for key in dict.fromkeys(keys))


def may(permissions: list[dict[str, Any]], action: str) -> bool:
    """Whether roles with these permissions allow an operation."""

    def named(patterns: list[str]) -> bool:
        return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

    return any(
        named(each.get("actions") or []) and not named(each.get("notActions") or [])
        for each in permissions
    )


def _storage_name(names: Names, reader: Reader) -> list[str]:
    """Whether somebody else has the storage account's name."""
    answer = reader.read(az("storage", "account", "check-name", "-n", names.storage_account), {})
    if answer["nameAvailable"]:
        return []
    return [
        f"storage account {names.storage_account}: {_sentence(answer.get('message'))}; choose"
        " another name in config.yml (azure.bootstrap.storage_account_name)"
    ]


def deleted_vault(names: Names, reader: Reader) -> str:
    """What to do about a Key Vault that was deleted and still holds its name; "" if there is none.

    Raises:
        AzFailure: it may not be looked at.
    """
    provider = f"{names.scope}/providers/Microsoft.KeyVault"
    deleted = f"{provider}/locations/{names.location}/deletedVaults/{names.key_vault}"
    if not reader.read(arm_get(deleted, VAULT_VERSION), {}):
        return ""
    return (
        f"Key Vault {names.key_vault} was deleted and keeps its name: `az keyvault recover"
        f" -n {names.key_vault}` brings it back, `az keyvault purge -n {names.key_vault} -l"
        f" {names.location}` ends it; or {_OTHER_VAULT}"
    )


def _vault_name(names: Names, reader: Reader) -> list[str]:
    """Whether somebody else, or one of ours that was deleted, has the Key Vault's name."""
    deleted = deleted_vault(names, reader)
    if deleted:
        return [deleted]
    # `az keyvault check-name` knows managed HSMs alone.
    provider = f"{names.scope}/providers/Microsoft.KeyVault"
    check = az(
        *("rest", "--method", "post", "--url", f"{provider}/checkNameAvailability"),
        *("--url-parameters", f"api-version={VAULT_VERSION}", "--body", "@-"),
        body={"name": names.key_vault, "type": "Microsoft.KeyVault/vaults"},
    )
    answer = reader.read(check, {})
    if answer["nameAvailable"]:
        return []
    return [f"Key Vault {names.key_vault}: {_sentence(answer.get('message'))}; {_OTHER_VAULT}"]


def _quota(settings: Settings, names: Names, reader: Reader) -> list[str]:
    """Whether the region has the cluster's size, and enough of it for this subscription."""
    compute = settings.azure.compute
    place = f"{names.scope}/providers/Microsoft.MachineLearningServices/locations/{names.location}"
    sizes = reader.read(arm_get(f"{place}/vmSizes", WORKSPACE_VERSION), {})
    size = next(
        (each for each in sizes["value"] if each["name"].lower() == compute.size.lower()), None
    )
    if size is None:
        return [
            f"cluster {names.compute}: {names.location} has no machines {compute.size}; choose"
            " another size or region in config.yml (azure.compute.size, azure.location)"
        ]
    usages = reader.read(arm_get(f"{place}/usages", WORKSPACE_VERSION), {})
    for each in usages["value"]:
        name = (each.get("name") or {}).get("value")
        free = each["limit"] - each["currentValue"]
        # -1 is no limit of its own.
        if name in _limits(size["family"], compute) and each["limit"] >= 0 and free < size["vCPUs"]:
            return [
                f"cluster {names.compute}: {max(free, 0)} of {each['limit']} are free of {name} in"
                f" {names.location}, one machine {compute.size} takes {size['vCPUs']}; choose a"
                " smaller size or another region in config.yml (azure.compute.size,"
                " azure.location), or ask for more: https://aka.ms/quotas"
            ]
    return []


def _limits(family: str, compute: Compute) -> tuple[str, str]:
    """The names of the limits on a family of machines: its own, and that of all together."""
    kind = "LowPriority" if compute.low_priority else "Dedicated"
    words = re.sub(r"^standard(.*)Family$", r"Standard \1 Family", family)
    return f"{words} Cluster {kind} vCPUs", f"Total Cluster {kind} Regional vCPUs"


def _sentence(message: Any) -> str:
    """Azure's words, without the period."""
    return " ".join(str(message or "the name is not available").split()).rstrip(".")
