"""Removes one thing after the other, and keeps account of what Azure keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from amlkit.provision.cloud.client import ABSENT_IS_NONE, Command, az, part
from amlkit.provision.cloud.facts import WORKSPACE_KEPT
from amlkit.provision.cloud.failures import Failure, Kind
from amlkit.provision.cloud.waits import poll, retry
from amlkit.provision.context import Context
from amlkit.provision.display import elapsed
from amlkit.provision.plan.records import Kept, Resource
from amlkit.provision.survey import find

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
    """What is removed, and what became of it."""

    context: Context
    facts: dict[str, str]  # ids that commands need
    removed: list[str] = field(default_factory=list)  # titles
    # What Azure keeps of it, and the command that ends that.
    kept: list[dict[str, str]] = field(default_factory=list)
    # Paths of what the group still holds, or of the group itself where it stays.
    left: list[str] = field(default_factory=list)

    def remove(self, step: Resource, registry: str = "") -> None:
        """Removes one thing, if it is there; a workspace with the registry of its images."""
        client = self.context.client
        client.forget()
        found = find(step, client, self.facts)
        if found is None:
            return
        self.facts |= step.learns(found) if step.learns else {}
        kept, limit = step.kept, max(300, step.limit)
        purges = bool(self.context.args.purge and kept) and not protected(found)
        if step.key == "workspace" and not purges:
            # Before: whoever looks after a cut-off run has to know.
            day = datetime.now(UTC) + timedelta(days=WORKSPACE_KEPT)
            self.mark(f"{day:%Y-%m-%d}")
        at_once = kept.at_once if kept and purges else None
        if step.remove and not at_once:
            with elapsed(step.title, self.context.say, done="removed"):
                client.send(step.remove, self.facts, instead=ABSENT_IS_NONE, timeout=limit)
        gone = True
        if kept and purges:
            gone = self.purge(step.title, at_once or kept.ends) or not at_once
        elif kept:
            self.kept.append(self._told(step, kept, found))
        self.removed += [step.title] if gone else []
        if step.key == "workspace" and registry:
            client.send(az("resource", "delete", "--ids", registry), instead=ABSENT_IS_NONE)

    def remove_group(self, step: Resource) -> None:
        """Removes the group, where it is empty and no deleted workspace needs it."""
        self.left = self._inside() or ([self.context.names.group_id] if self._stays() else [])
        if not self.left:
            self.remove(step)

    def purge(self, title: str, command: Command) -> bool:
        """Removes for good; False where Azure does not find it there, or lets it nobody of us.

        What was deleted a moment ago may not be in the recycle bin yet.
        """

        why = {
            Kind.NOT_FOUND: "it was not found to be purged",
            Kind.FORBIDDEN: "purging takes rights on the subscription",
        }
        waits = {Kind.NOT_FOUND: f"{title}: not to be purged yet"}
        say, client = self.context.say, self.context.client
        attempt = partial(client.send, command, self.facts, timeout=1800)
        try:
            with elapsed(title, say, done="removed for good"):
                retry(attempt, lambda no: waits.get(no.kind, ""), say=say, at_most=BIN_LAG)
        except Failure as failure:
            if failure.kind not in why:
                raise
            shown = client.shown(command, self.facts)
            self.kept.append({"what": f"{title}, perhaps: {why[failure.kind]}", "purge": shown})
            return False
        return True

    def mark(self, until: str) -> None:
        """Tags the group with the day until which Azure keeps the deleted workspace; "": none."""
        self.context.client.forget()  # all tags are written again: as they are now
        name, tags = self.context.names.deleted_until, self.context.group_tags()
        if tags.pop(name, "") == until:
            return
        words = [f"{key}={value}" for key, value in tags.items()]
        words += [f"{name}={until}"] if until else []
        named = ("-n", self.context.names.resource_group)
        try:
            self.context.client.send(az("group", "update", *named, "--tags", *(words or [""])))
        except Failure as failure:
            if failure.kind not in (Kind.FORBIDDEN, Kind.POLICY):
                raise
            line = f"the group could not be tagged, and `apply` will not know: {failure.message}"
            self.context.say(line)

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
            "az_calls": self.context.client.az.calls,
        }

    def _told(self, step: Resource, kept: Kept, found: dict[str, Any]) -> dict[str, str]:
        """What Azure keeps of something that was removed, and what ends that."""
        days = part(found, "properties", "softDeleteRetentionInDays") or kept.days
        ends = self.context.client.shown(kept.ends, self.facts)
        if protected(found):
            ends = "it is protected from being purged; `apply --recover` brings it back"
        return {"what": f"the deleted {step.title} for {days} days", "purge": ends}

    def _stays(self) -> bool:
        """Whether the group is needed by a workspace that may be purged or brought back."""
        if self.context.args.purge:
            return False
        self.context.client.forget()  # the tag may be a moment old
        until = self.context.name_kept_until()
        if not until:
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

        def left() -> list[str]:
            self.context.client.forget()
            found = self.context.client.ask(listing) or []
            return [each["id"] for each in found if each["type"].lower() not in BY_PRODUCTS]

        why = "the group is not empty yet"
        return poll(left, lambda paths: not paths, why, self.context.say, LIST_LAG)


def protected(found: Any) -> bool:
    """Whether it is a Key Vault that nobody can purge."""
    return bool(part(found, "properties", "enablePurgeProtection"))
