"""Approvals and checks of Azure DevOps on an environment, a variable group or a connection.

Types and inputs: approvalsAndChecks/7.1 of MicrosoftDocs/vsts-rest-api-specs, and
internal/service/approvalsandchecks of microsoft/terraform-provider-azuredevops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amlkit.provision.cloud.client import Command, devops, first, part
from amlkit.provision.cloud.facts import DEVOPS_PREVIEW
from amlkit.provision.cloud.placeholders import Facts, fact
from amlkit.provision.pipelines.rows import Row

APPROVAL = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
TASK_CHECK = "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7"
EXCLUSIVE_LOCK = "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563"
BRANCH_CONTROL = {
    "id": "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b",
    "name": "evaluatebranchProtection",
    "version": "0.0.1",
}
_PIPELINES = f"{fact('organization')}/{fact('project')}/_apis/pipelines"
_PLACE = f"{_PIPELINES}/checks/configurations"
# How long each is waited for, in minutes: half a day for people, since what is pushed meanwhile
# waits with the run (`batch`); a month, the most, for a lock.
_SHIFT, _MONTH, _DAY = 720, 43_200, 1_440


@dataclass(frozen=True)
class Protected:
    """What is protected: its kind in Azure DevOps, the fact with its id, what people call it."""

    kind: str
    fact: str
    title: str

    def row(
        self,
        key: str,
        title: str,
        kind: str,
        settings: dict[str, Any],
        minutes: int,
        is_it: Callable[[dict[str, Any]], bool] = lambda check: True,
        mended: Callable[[dict[str, Any], Facts], dict[str, Any] | None] = lambda *_: None,
    ) -> Row:
        """A check of a type; `mended` gives the settings where those that are there do not do."""
        resource = {"type": self.kind, "id": fact(self.fact)}
        body = {
            "type": {"id": kind},
            "settings": settings,
            "timeout": minutes,
            "resource": resource,
        }
        query = (f"resourceType={self.kind}", f"resourceId={fact(self.fact)}", "$expand=settings")

        def same(check: dict[str, Any], facts: Facts) -> bool:
            return check["type"]["id"].lower() == kind and is_it(check.get("settings") or {})

        def change(found: dict[str, Any], facts: Facts) -> Command | None:
            now = mended(found.get("settings") or {}, facts)
            if now is None and not found.get("isDisabled"):
                return None
            kept = {"id": found["id"], "type": {"id": kind}, "resource": resource}
            kept |= {"settings": now or found.get("settings") or {}, "isDisabled": False}
            kept["timeout"] = found.get("timeout", minutes)
            return devops("patch", f"{_PLACE}/{found['id']}", body=kept, version=DEVOPS_PREVIEW)

        return Row(
            key=f"{key} {self.fact}",
            title=f"{title} on {self.title}",
            look=devops("get", _PLACE, *query, version=DEVOPS_PREVIEW),
            pick=first(same),
            make=devops("post", _PLACE, body=body, version=DEVOPS_PREVIEW),
            change=change,
        )

    def guards(self, branch: str, pipelines: list[str], *, lock: bool = True) -> list[Row]:
        """What protects it, before what may use it."""
        one_run = self.row("lock", "exclusive lock", EXCLUSIVE_LOCK, {}, _MONTH)
        locks = [one_run] if lock else []
        return [self.branch_control(branch), *locks, self.permission(pipelines)]

    def approval(self, approvers: list[str]) -> Row:
        """People, by the facts with their ids, one of whom approves each run.

        Of two or more nobody approves a run of their own; those that others named stay.
        """
        people: list[Any] = [{"id": fact(name)} for name in approvers]
        settings = {
            "approvers": people,
            "executionOrder": "anyOrder",
            "minRequiredApprovers": 1,
            "instructions": "Production gets the model that staging serves: look at the run first.",
            "blockedApprovers": [],
            "requesterCannotBeApprover": len(approvers) > 1,
        }

        def mended(found: dict[str, Any], facts: Facts) -> dict[str, Any] | None:
            there = [{"id": each["id"]} for each in found.get("approvers") or []]
            known = {each["id"].lower() for each in there}
            missing = [name for name in approvers if str(facts.get(name)).lower() not in known]
            if not missing:
                return None
            return {**found, "approvers": there + [{"id": fact(name)} for name in missing]}

        return self.row("approval", "approval", APPROVAL, settings, _SHIFT, mended=mended)

    def branch_control(self, branch: str) -> Row:
        """Runs of this branch alone; what others allowed beside it is taken back."""
        inputs = {"allowedBranches": branch, "ensureProtectionOfBranch": "false"}
        settings = {
            "displayName": "Branch control",
            "definitionRef": BRANCH_CONTROL,
            "inputs": inputs,
            "retryInterval": 5,
        }

        def mended(found: dict[str, Any], facts: Facts) -> dict[str, Any] | None:
            given = found.get("inputs") or {}
            if given.get("allowedBranches") == branch:
                return None
            return {**found, "inputs": {**inputs, **given, "allowedBranches": branch}}

        def is_it(found: dict[str, Any]) -> bool:
            return str(part(found, "definitionRef", "id")).lower() == BRANCH_CONTROL["id"]

        return self.row("branch", "branch control", TASK_CHECK, settings, _DAY, is_it, mended)

    def permission(self, pipelines: list[str]) -> Row:
        """Lets pipelines, by the facts with their numbers, use it without asking at first."""
        place = f"{_PIPELINES}/pipelinepermissions/{self.kind}/{fact(self.fact)}"

        def pick(answer: Any, facts: Facts) -> Any:
            if part(answer, "allPipelines", "authorized"):
                return answer
            listed = answer.get("pipelines") or []
            may = {each["id"] for each in listed if each.get("authorized")}
            return answer if all(facts.get(name) in may for name in pipelines) else None

        allowed = [{"id": fact(name), "authorized": True} for name in pipelines]
        return Row(
            key=f"permission {self.fact}",
            title=f"permission for the pipelines on {self.title}",
            look=devops("get", place, version=DEVOPS_PREVIEW),
            pick=pick,
            make=devops("patch", place, body={"pipelines": allowed}, version=DEVOPS_PREVIEW),
        )
