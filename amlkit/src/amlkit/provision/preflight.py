"""What can be known to fail before anything is made: rights, names, sizes, quota. All at once.

A check that the caller may not make, or that Azure does not offer, is unknown and stops nothing.
"""

from __future__ import annotations

import fnmatch
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlkit.azure.compute import nearest
from amlkit.provision.az import AzFailure
from amlkit.provision.context import Context
from amlkit.provision.engine import deployment, setting_of
from amlkit.provision.facts import VAULT, VERSIONS, WORKSPACE
from amlkit.provision.failures import Kind
from amlkit.provision.names import Names
from amlkit.provision.records import Resource, arm_get, az
from amlkit.provision.survey import Reader, Survey, run
from amlkit.settings import Settings
from amlkit.settings.azure import Compute, region

PERMISSIONS_VERSION = "2022-04-01"
_OTHER_VAULT = "choose another name in config.yml (azure.bootstrap.key_vault_name)"


@dataclass
class Preflight:
    """What was found: problems stop everything, the rest is said."""

    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def preflight(context: Context, looked: Survey) -> Preflight:
    """Checks what the missing things need."""
    result = Preflight()
    names, reader, settings = context.names, context.reader, context.settings
    missing = {step.key for step in looked.to_create}
    checks: list[tuple[str, str, Callable[[], list[str]]]] = [
        ("", "your rights", lambda: _rights(names, looked, reader)),
        ("", "the policies of your company", lambda: _policies(context, looked)),
        ("workspace", "the region", lambda: _region(names, looked)),
        ("workspace", "a deleted workspace", lambda: _deleted_workspace(names, looked, reader)),
        ("storage_account", "the storage account's name", lambda: _storage_name(names, reader)),
        (
            *("key_vault", "the Key Vault's name"),
            lambda: _vault_name(names, reader, recovers=getattr(context.args, "recover", False)),
        ),
        ("compute", "the quota for machines", lambda: _quota(settings, names, reader)),
    ]
    for key, what, check in checks:
        if key and key not in missing:
            continue
        try:
            result.problems += check()
        except AzFailure as failure:
            result.unknown.append(f"{what} could not be checked: {failure.message}")
    if "workspace" in missing:
        result.unknown.append(
            f"whether a deleted workspace {names.workspace} still holds the name: Azure tells only"
            " when it is made"
        )
    return result


def _rights(names: Names, looked: Survey, reader: Reader) -> list[str]:
    """What the caller may not make, by the roles that Azure says they hold: a line for each."""
    refused: dict[tuple[str, str], list[Resource]] = {}
    for step in looked.to_create:
        if step.right is None or not step.right.actions:
            continue
        # Rights that are held around a thing are held in it: the group is asked first.
        places = _places(names, looked, step.right.scope)
        if not any(_may_all(reader, place, step.right.actions) for place in places):
            refused.setdefault((step.right.role, places[0]), []).append(step)
    return [
        f"you may not make {', '.join(step.title for step in steps)}: it takes the role {role} on"
        f" {place}; `python infra/bootstrap.py plan --for-admin` writes the request, and what is"
        f" handed out to you is marked existing or skip in config.yml ({_settings(steps)})"
        for (role, place), steps in refused.items()
    ]


def _places(names: Names, looked: Survey, scope: str) -> list[str]:
    """What is there of a scope, from the outside in: rights can be asked for there."""
    if scope == names.scope:
        return [names.scope]
    group = looked.findings.get("resource_group")  # none where it is left alone: it is there then
    if group and not group.there and not group.unknown:
        return [names.scope]
    inner = {"workspace": names.workspace_id, "storage_account": names.storage_id}
    there = [
        path
        for key, path in inner.items()
        if scope.startswith(path) and key in looked.findings and looked.findings[key].there
    ]
    return [names.group_id, *there]


def _may_all(reader: Reader, place: str, actions: tuple[str, ...]) -> bool:
    """Whether the caller may do all of these at a place."""
    path = f"{place}/providers/Microsoft.Authorization/permissions"
    try:
        answer = reader.read(arm_get(path, PERMISSIONS_VERSION), {})
    except AzFailure as failure:
        if failure.kind is Kind.FORBIDDEN and place.count("/") > 4:
            return False  # a right inside the group, told there
        raise
    held = answer["value"] if answer else []
    return all(may(held, action) for action in actions)


def _settings(steps: list[Resource]) -> str:
    """The settings that say what becomes of these."""
    keys = [setting_of(step.key) for step in steps]
    return ", ".join(f"azure.bootstrap.{key}" for key in dict.fromkeys(keys))


def _policies(context: Context, looked: Survey) -> list[str]:
    """Whether Azure would take what is to be made in a group that is there: it is asked."""
    group = looked.findings.get("resource_group")
    steps = [step for step in looked.to_create if step.put and step.put.known(looked.facts)]
    if not steps or (group and not group.there):
        return []
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        command = deployment(context.names, steps, looked.facts, where, "validate")
        try:
            run(context.az, command, {})
        except AzFailure as failure:
            if failure.kind is not Kind.POLICY:
                raise
            return [str(failure)]
    return []


def _region(names: Names, looked: Survey) -> list[str]:
    """Whether Azure ML is to be had in the region, as its provider tells this subscription."""
    found = looked.findings.get("providers")
    regions = (found.found or {}).get("regions") if found else None
    known = [region(each) for each in regions or []]
    if not known or names.location in known:
        return []
    return [
        f"there is no region {names.location} for Azure ML in this subscription: name one of"
        f" {', '.join(sorted(known))} in config.yml (azure.location)"
    ]


def may(permissions: list[dict[str, Any]], action: str) -> bool:
    """Whether roles with these permissions allow an operation."""

    def named(patterns: list[str]) -> bool:
        return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

    return any(
        named(each.get("actions") or []) and not named(each.get("notActions") or [])
        for each in permissions
    )


def _deleted_workspace(names: Names, looked: Survey, reader: Reader) -> list[str]:
    """Whether a workspace that this repository has deleted still holds the name."""
    group = looked.findings.get("resource_group")
    if group and group.to_create:
        return []
    found = reader.read(arm_get(names.group_id, VERSIONS["Microsoft.Resources/resourceGroups"]), {})
    until = ((found or {}).get("tags") or {}).get(names.deleted_until, "")
    if until < time.strftime("%Y-%m-%d", time.gmtime()):
        return []
    return [
        f"workspace {names.workspace} was deleted, and Azure keeps its name until {until}: `python"
        " infra/bootstrap.py destroy --purge` ends that, the studio brings it back (Recently"
        " deleted), or name another in config.yml (azure.workspace_name)"
    ]


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
    found = reader.read(arm_get(deleted, VERSIONS[VAULT]), {})
    if not found:
        return ""
    mine = names.made(found.get("properties") or {})
    back = (
        "`python infra/bootstrap.py apply --recover` brings it back"
        if mine
        else (f"`az keyvault recover -n {names.key_vault}` brings it back")
    )
    return (
        f"Key Vault {names.key_vault} was deleted and keeps its name: {back},"
        f" `az keyvault purge -n {names.key_vault} -l"
        f" {names.location}` ends it; or {_OTHER_VAULT}"
    )


def _vault_name(names: Names, reader: Reader, *, recovers: bool) -> list[str]:
    """Whether somebody else, or one of ours that was deleted, has the Key Vault's name."""
    # `az keyvault check-name` knows managed HSMs alone.
    provider = f"{names.scope}/providers/Microsoft.KeyVault"
    check = az(
        *("rest", "--method", "post", "--url", f"{provider}/checkNameAvailability"),
        *("--url-parameters", f"api-version={VERSIONS[VAULT]}", "--body", "@-"),
        body={"name": names.key_vault, "type": "Microsoft.KeyVault/vaults"},
    )
    answer = reader.read(check, {})
    if answer["nameAvailable"]:
        return []
    if deleted := deleted_vault(names, reader):
        return [] if recovers else [deleted]
    return [f"Key Vault {names.key_vault}: {_sentence(answer.get('message'))}; {_OTHER_VAULT}"]


def _quota(settings: Settings, names: Names, reader: Reader) -> list[str]:
    """Whether the region has the cluster's size, and enough of it for this subscription."""
    compute = settings.azure.compute
    place = f"{names.scope}/providers/Microsoft.MachineLearningServices/locations/{names.location}"
    sizes = reader.read(arm_get(f"{place}/vmSizes", VERSIONS[WORKSPACE]), {})
    size = next(
        (each for each in sizes["value"] if each["name"].lower() == compute.size.lower()), None
    )
    if size is None:
        near = nearest(compute.size, [each["name"] for each in sizes["value"]])
        return [
            f"cluster {names.compute}: {names.location} has no machines {compute.size} (any more);"
            f" it has {', '.join(near)}: choose a size or another region in config.yml"
            " (azure.compute.size, azure.location)"
        ]
    usages = reader.read(arm_get(f"{place}/usages", VERSIONS[WORKSPACE]), {})
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
