"""Removes one thing after the other, and keeps account of what Azure keeps of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from amlkit.provision.az import AzFailure
from amlkit.provision.context import Context
from amlkit.provision.display import elapsed, typed
from amlkit.provision.facts import APPLICATION_KEPT, VERSIONS, WORKSPACE, WORKSPACE_KEPT
from amlkit.provision.failures import Kind
from amlkit.provision.records import Command, Resource, arm_get, az
from amlkit.provision.survey import find, run
from amlkit.provision.waits import countdown, pauses, retry

# Azure puts these beside an Application Insights without being asked.
BY_PRODUCTS = (
    "microsoft.alertsmanagement/smartdetectoralertrules",
    "microsoft.insights/actiongroups",
)
# How long the list of a group's resources may still show what is gone (s).
LIST_LAG = 60
# How long it may take until what was deleted can be purged (s).
BIN_LAG = 60


@dataclass
class Removal:
    """What is removed, and what became of it.

    Attributes:
        context: the target.
        facts: ids that commands need.
        removed: titles of what is gone.
        kept: what Azure keeps of it, and the command that ends that.
        left: paths of what the group still holds, or of the group itself where it stays.
    """

    context: Context
    facts: dict[str, str]
    removed: list[str] = field(default_factory=list)
    kept: list[dict[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def remove(self, step: Resource, registry: str = "") -> None:
        """Removes one thing, if it is there; a workspace with the registry of its images."""
        self.context.reader.forget()
        found = find(step, self.context.reader, self.facts)
        if found is None:
            return
        self.facts |= step.learns(found)
        purges = bool(self.context.args.purge and step.purge) and not protected(found)
        if step.key == "workspace" and not purges:
            # Before: whoever looks after a cut-off run has to know.
            day = datetime.now(UTC) + timedelta(days=WORKSPACE_KEPT)
            self.mark(f"{day:%Y-%m-%d}")
        for command in step.purge[:-1] if purges else step.remove:
            with elapsed(step.title, self.context.say, done="removed"):
                limit = max(300, step.limit)
                run(self.context.az, command, self.facts, absent_ok=True, timeout=limit)
        if purges:
            purged = self.purge(step.title, step.purge[-1])
            self.removed += [step.title] if purged or len(step.purge) > 1 else []
        else:
            self.removed.append(step.title)
            self.kept += [self._kept(step, found)] if step.purge else []
        if step.key == "workspace" and registry:
            delete = az("resource", "delete", "--ids", registry)
            run(self.context.az, delete, {}, absent_ok=True)

    def remove_group(self, step: Resource) -> None:
        """Removes the group, where it is empty and no deleted workspace needs it."""
        self.left = self._inside() or ([self.context.names.group_id] if self._stays() else [])
        if not self.left:
            self.remove(step)

    def purge(self, title: str, command: Command) -> bool:
        """Removes for good; False where Azure does not find it there, or lets it nobody of us.

        What was deleted a moment ago may not be in the recycle bin yet.
        """

        def again(error: Exception) -> str:
            unknown = isinstance(error, AzFailure) and error.kind is Kind.NOT_FOUND
            return f"{title}: not to be purged yet" if unknown else ""

        say, az = self.context.say, self.context.az
        try:
            with elapsed(title, say, done="removed for good"):
                attempt = lambda: run(az, command, self.facts, timeout=1800)  # noqa: E731
                retry(attempt, again, say=say, at_most=BIN_LAG)
        except AzFailure as failure:
            why = {
                Kind.NOT_FOUND: "it was not found to be purged",
                Kind.FORBIDDEN: "purging takes rights on the subscription",
            }.get(failure.kind)
            if not why:
                raise
            shown = typed(command, az, self.facts)
            self.kept.append({"what": f"{title}, perhaps: {why}", "purge": shown})
            return False
        return True

    def mark(self, until: str) -> None:
        """Tags the group with the day until which Azure keeps the deleted workspace; "": none."""
        name, tags = self.context.names.deleted_until, self.tags()
        if tags.pop(name, "") == until:
            return
        words = [f"{key}={value}" for key, value in tags.items()]
        words += [f"{name}={until}"] if until else []
        named = ("-n", self.context.names.resource_group)
        try:
            run(self.context.az, az("group", "update", *named, "--tags", *(words or [""])), {})
        except AzFailure as failure:
            if failure.kind not in (Kind.FORBIDDEN, Kind.POLICY):
                raise
            line = f"the group could not be tagged, and `apply` will not know: {failure.message}"
            self.context.say(line)

    def tags(self) -> dict[str, str]:
        """The group's tags, as they are now."""
        self.context.reader.forget()
        version = VERSIONS["Microsoft.Resources/resourceGroups"]
        group = self.context.reader.read(arm_get(self.context.names.group_id, version), {})
        return dict((group or {}).get("tags") or {})

    def report(self) -> dict[str, Any]:
        """Says what is left and what Azure keeps; what is reported as JSON."""
        names, say = self.context.names, self.context.say
        others = [path for path in self.left if path != names.group_id]
        for path in others:
            say(f"left in the group, not made here: {path}")
        if others:
            group = names.resource_group
            say(f"the group {group} stays; to remove it all the same: az group delete -n {group}")
        for each in self.kept:
            say(f"Azure keeps {each['what']}; to end that: {each['purge']}")
        return {
            "status": "done",
            "removed": self.removed,
            "left": self.left,
            "kept_by_azure": self.kept,
            "az_calls": self.context.az.calls,
        }

    def _kept(self, step: Resource, found: dict[str, Any]) -> dict[str, str]:
        """What Azure keeps of something that was deleted, and what ends that."""
        days = {
            "workspace": WORKSPACE_KEPT,
            "application": APPLICATION_KEPT,
            "key_vault": (found.get("properties") or {}).get("softDeleteRetentionInDays", 90),
        }[step.key]
        ends = purge_workspace(self.context) if step.key == "workspace" else step.purge[-1]
        shown = typed(ends, self.context.az, self.facts)
        if protected(found):
            shown = "it is protected from being purged; `apply --recover` brings it back"
        return {"what": f"the deleted {step.title} for {days} days", "purge": shown}

    def _stays(self) -> bool:
        """Whether the group is needed by a workspace that may be purged or brought back."""
        until = self.tags().get(self.context.names.deleted_until, "")
        if self.context.args.purge or until < time.strftime("%Y-%m-%d", time.gmtime()):
            return False
        self.context.say(
            f"the group {self.context.names.resource_group} stays: Azure keeps the deleted"
            f" workspace until {until}, and it can be purged only while its group is there"
            " (`destroy --purge`)"
        )
        return True

    def _inside(self) -> list[str]:
        """What is still in the group and is not ours: with it, the group stays."""
        listing = az("resource", "list", "-g", self.context.names.resource_group)
        left: list[str] = []
        for pause in [*pauses(LIST_LAG), None]:
            answer: Iterable[Any] = run(self.context.az, listing, {}, absent_ok=True) or []
            left = [each["id"] for each in answer if each["type"].lower() not in BY_PRODUCTS]
            if not left or pause is None:
                break
            countdown(pause, "the group is not empty yet", self.context.say)
        return left


def protected(found: Any) -> bool:
    """Whether it is a Key Vault that nobody can purge."""
    return bool(((found or {}).get("properties") or {}).get("enablePurgeProtection"))


def purge_workspace(context: Context) -> Command:
    """Ends a workspace that was deleted; the group has to be there."""
    return az(
        *("rest", "--method", "delete", "--url", context.names.workspace_id),
        *("--url-parameters", f"api-version={VERSIONS[WORKSPACE]}", "forceToPurge=true"),
    )
