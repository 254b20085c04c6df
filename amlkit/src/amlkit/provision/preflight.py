"""What can be known to fail before anything is made: rights, names, sizes, quota. All at once.

A check that the caller may not make, or that Azure does not offer, is unknown and stops nothing.
"""

from __future__ import annotations

import fnmatch
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amlkit.azure.compute import nearest
from amlkit.provision.cloud.arm import arm, arm_get, deployment
from amlkit.provision.cloud.client import FAILS, Client, az, part
from amlkit.provision.cloud.facts import VAULT, WORKSPACE
from amlkit.provision.cloud.failures import Failure, Kind
from amlkit.provision.context import Context
from amlkit.provision.plan.names import Names
from amlkit.provision.plan.records import Resource, advice_to_hand_out
from amlkit.provision.survey import Survey
from amlkit.settings.azure import Compute, region

_OTHER_ACCOUNT = "choose another name in config.yml (azure.bootstrap.storage_account_name)"
_OTHER_VAULT = "choose another name in config.yml (azure.bootstrap.key_vault_name)"


def preflight(context: Context, looked: Survey) -> None:
    """Checks what the missing things need, and notes in the survey what would fail."""
    missing = {step.key for step in looked.to_create}
    checks = (
        ("", "your rights", _rights),
        ("", "the policies of your company", _policies),
        ("workspace", "the region", _region),
        ("workspace", "a deleted workspace", _deleted_workspace),
        ("storage_account", "the storage account's name", _storage_name),
        ("key_vault", "the Key Vault's name", _vault_name),
        ("compute", "the quota for machines", _quota),
    )
    for key, what, check in checks:
        if key and key not in missing:
            continue
        try:
            looked.refusals += [*check(context, looked)]
        except Failure as failure:
            looked.unchecked.append(f"{what} could not be checked: {failure.message}")
    if "workspace" in missing:
        looked.unchecked.append(
            f"whether a deleted workspace {context.names.workspace} still holds the name: Azure"
            " tells only when it is made"
        )


def _rights(context: Context, looked: Survey) -> Iterator[str]:
    """What the caller may not make, by the roles that Azure says they hold: a line for each."""
    refused: dict[tuple[str, str], list[Resource]] = {}
    for step in looked.to_create:
        if not step.right.actions:
            continue
        # Rights that are held around a thing are held in it: the group is asked first.
        places = _places(context.names, looked, step.right.scope)
        if not any(_may_all(context.client, place, step.right.actions) for place in places):
            refused.setdefault((step.right.role, places[0]), []).append(step)
    for (role, place), steps in refused.items():
        titles = ", ".join(step.title for step in steps)
        what = f"you may not make {titles}: it takes the role {role} on {place}"
        yield f"{what}; {advice_to_hand_out(steps)}"


def _places(names: Names, looked: Survey, scope: str) -> list[str]:
    """What is there of a scope, from the outside in: rights can be asked for there."""
    group = looked.findings.get("resource_group")  # none where it is left alone: it is there then
    if scope == names.scope or (group and not group.there and not group.unknown):
        return [names.scope]
    inner = {"workspace": names.workspace_id, "storage_account": names.storage_id}
    there = [path for key, path in inner.items() if scope.startswith(path) and looked.is_there(key)]
    return [names.group_id, *there]


def _may_all(client: Client, place: str, actions: tuple[str, ...]) -> bool:
    """Whether the caller may do all of these at a place."""
    path = f"{place}/providers/Microsoft.Authorization/permissions"
    try:
        answer = client.ask(arm_get(path))
    except Failure as failure:
        if failure.kind is Kind.FORBIDDEN and place.count("/") > 4:
            return False  # a right inside the group, told there
        raise
    held = answer["value"] if answer else []
    return all(may(held, action) for action in actions)


def may(permissions: list[dict[str, Any]], action: str) -> bool:
    """Whether roles with these permissions allow an operation."""

    def named(patterns: list[str]) -> bool:
        return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

    return any(
        named(each.get("actions") or []) and not named(each.get("notActions") or [])
        for each in permissions
    )


def _policies(context: Context, looked: Survey) -> Iterator[str]:
    """Whether Azure would take what is to be made in a group that is there: it is asked."""
    group, where = looked.findings.get("resource_group"), context.names.deployment
    puts = [step.put for step in looked.to_create if step.put and step.put.known(looked.facts)]
    if not puts or (group and not group.there):
        return
    with tempfile.TemporaryDirectory() as folder:
        command = deployment(where, puts, looked.facts, Path(folder), "validate")
        try:
            context.client.ask(command, instead=FAILS)
        except Failure as failure:
            if failure.kind is not Kind.POLICY:
                raise
            yield str(failure)


def _region(context: Context, looked: Survey) -> Iterator[str]:
    """Whether Azure ML is to be had in the region, as its provider tells this subscription."""
    found, wanted = looked.findings.get("providers"), context.names.location
    known = [region(each) for each in (part(found.found, "regions") if found else None) or []]
    if known and wanted not in known:
        yield (
            f"there is no region {wanted} for Azure ML in this subscription: name one of"
            f" {', '.join(sorted(known))} in config.yml (azure.location)"
        )


def _deleted_workspace(context: Context, looked: Survey) -> Iterator[str]:
    """Whether a workspace that this repository has deleted still holds the name."""
    group, names = looked.findings.get("resource_group"), context.names
    if group and group.to_create:
        return
    if until := context.name_kept_until():
        yield (
            f"workspace {names.workspace} was deleted, and Azure keeps its name until {until}:"
            " `python infra/bootstrap.py destroy --purge` ends that, the studio brings it back"
            " (Recently deleted), or name another in config.yml (azure.workspace_name)"
        )


def _storage_name(context: Context, looked: Survey) -> Iterator[str]:
    """Whether somebody else has the storage account's name."""
    name = context.names.storage_account
    answer = context.client.ask(az("storage", "account", "check-name", "-n", name))
    if not answer["nameAvailable"]:
        yield f"storage account {name}: {_reason(answer)}; {_OTHER_ACCOUNT}"


def _vault_name(context: Context, looked: Survey) -> Iterator[str]:
    """Whether somebody else, or one of ours that was deleted, has the Key Vault's name."""
    names = context.names
    # `az keyvault check-name` knows managed HSMs alone.
    place = f"{names.scope}/providers/Microsoft.KeyVault/checkNameAvailability"
    answer = context.client.ask(arm("post", place, body={"name": names.key_vault, "type": VAULT}))
    if answer["nameAvailable"]:
        return
    deleted = deleted_vault(context)
    if not deleted:
        yield f"Key Vault {names.key_vault}: {_reason(answer)}; {_OTHER_VAULT}"
    elif not context.args.recover:
        yield deleted


def _reason(answer: dict[str, Any]) -> str:
    """Why a name is not to be had, in Azure's words, without the period."""
    said = str(answer.get("message") or "the name is not available")
    return " ".join(said.split()).rstrip(".")


def deleted_vault(context: Context) -> str:
    """What to do about a Key Vault that was deleted and still holds its name; "" if there is none.

    Raises:
        Failure: it may not be looked at.
    """
    names = context.names
    found = context.client.ask(arm_get(names.deleted_vault_id))
    if not found:
        return ""
    back = f"az keyvault recover -n {names.key_vault}"
    if names.made(part(found, "properties") or {}):
        back = "python infra/bootstrap.py apply --recover"
    return (
        f"Key Vault {names.key_vault} was deleted and keeps its name: `{back}` brings it back,"
        f" `az keyvault purge -n {names.key_vault} -l {names.location}` ends it; or {_OTHER_VAULT}"
    )


def _quota(context: Context, looked: Survey) -> Iterator[str]:
    """Whether the region has the cluster's size, and enough of it for this subscription."""
    compute, names = context.settings.azure.compute, context.names
    provider = f"{names.scope}/providers/{WORKSPACE.partition('/')[0]}"
    place = f"{provider}/locations/{names.location}"
    sizes = context.client.ask(arm_get(f"{place}/vmSizes"))["value"]
    size = next((each for each in sizes if each["name"].lower() == compute.size.lower()), None)
    if size is None:
        near = nearest(compute.size, [each["name"] for each in sizes])
        yield (
            f"cluster {names.compute}: {names.location} has no machines {compute.size} (any more);"
            f" it has {', '.join(near)}: choose a size or another region in config.yml"
            " (azure.compute.size, azure.location)"
        )
        return
    limits = _limits(size["family"], compute)
    for each in context.client.ask(arm_get(f"{place}/usages"))["value"]:
        name, free = part(each, "name", "value"), each["limit"] - each["currentValue"]
        # -1 is no limit of its own.
        if name in limits and each["limit"] >= 0 and free < size["vCPUs"]:
            yield (
                f"cluster {names.compute}: {max(free, 0)} of {each['limit']} are free of {name} in"
                f" {names.location}, one machine {compute.size} takes {size['vCPUs']}; choose a"
                " smaller size or another region in config.yml (azure.compute.size,"
                " azure.location), or ask for more: https://aka.ms/quotas"
            )
            return


def _limits(family: str, compute: Compute) -> tuple[str, str]:
    """The names of the limits on a family of machines: its own, and that of all together."""
    kind = "LowPriority" if compute.low_priority else "Dedicated"
    words = re.sub(r"^standard(.*)Family$", r"Standard \1 Family", family)
    return f"{words} Cluster {kind} vCPUs", f"Total Cluster {kind} Regional vCPUs"
