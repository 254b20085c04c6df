"""Names that follow from config.yml: of what is unique in all of Azure, and of every resource."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amlkit.provision.facts import INSIGHTS, LOGS, STORAGE, VAULT, WORKSPACE
from amlkit.settings import Settings

UNKNOWN_SUBSCRIPTION = "<subscription id>"
# The tag by which what was made here is known: its value is the target's key.
OWNER = "made-by-amlkit"


@dataclass(frozen=True)
class Names:
    """The names of one target: a workspace in a resource group of a subscription."""

    subscription: str
    resource_group: str
    location: str
    storage_account: str
    container: str
    key_vault: str
    log_analytics: str
    app_insights: str
    workspace: str
    compute: str
    service_principal: str
    key: str  # tells this target from any other; of the same length always
    given_tags: Mapping[str, str]
    # Their paths, from the subscription's on.
    scope: str
    group_id: str
    storage_id: str
    container_id: str
    vault_id: str
    logs_id: str
    insights_id: str
    workspace_id: str
    compute_id: str

    @property
    def tags(self) -> dict[str, str]:
        """What everything is tagged with."""
        return {**self.given_tags, OWNER: self.key}

    @property
    def deleted_until(self) -> str:
        """The tag of a group whose workspace was deleted: until when Azure keeps its name."""
        return f"amlkit-workspace-deleted-until-{self.key}"

    def made(self, found: dict[str, Any]) -> bool:
        """Whether a resource was made for this target."""
        return (found.get("tags") or {}).get(OWNER) == self.key

    @property
    def mark_of_container(self) -> dict[str, str]:
        """A container has no tags; the names of its metadata are words."""
        return {OWNER.replace("-", "_"): self.key}

    def made_container(self, found: dict[str, Any]) -> bool:
        """Whether the container was made for this target."""
        mark = (found.get("properties") or {}).get("metadata") or {}
        return self.mark_of_container.items() <= mark.items()

    @property
    def application_keys(self) -> tuple[str, ...]:
        """The unique names in the tenant that the application may have, in turn.

        Targets that share the principal's name share the application. Entra ID keeps the unique
        name of a deleted one for a month.
        """
        place = f"{self.subscription}/{self.service_principal}".lower()
        words = re.sub(r"[^A-Za-z0-9]+", "-", self.service_principal).strip("-")
        name = f"{words}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
        return (name, *(f"{name}-{number}" for number in range(1, 6)))


def names_of(settings: Settings) -> Names:
    """The names that the settings mean; derived ones are the same on every machine."""
    azure, given = settings.azure, settings.azure.bootstrap
    place = f"{azure.subscription_id}/{azure.resource_group}/{azure.workspace_name}".lower()
    key = hashlib.sha256(place.encode()).hexdigest()[:8]
    words = re.sub(r"[^a-z0-9]+", "-", azure.workspace_name.lower()).strip("-")
    words = words.removeprefix("mlw-")
    solid = words.replace("-", "")
    storage = given.storage_account_name or f"st{solid[:14]}{key}"
    vault = given.key_vault_name or f"kv-{solid[:12]}-{key}"
    logs = given.log_analytics_name or f"log-{words[:40].rstrip('-')}-{key}"
    insights = given.app_insights_name or f"appi-{words[:40].rstrip('-')}-{key}"
    subscription = azure.subscription_id or UNKNOWN_SUBSCRIPTION
    scope = f"/subscriptions/{subscription}"
    group = f"{scope}/resourceGroups/{azure.resource_group}"
    workspace = f"{group}/providers/{WORKSPACE}/{azure.workspace_name}"
    account = f"{group}/providers/{STORAGE}/{storage}"
    return Names(
        subscription=subscription,
        resource_group=azure.resource_group,
        location=azure.location,
        storage_account=storage,
        container=given.container_name,
        key_vault=vault,
        log_analytics=logs,
        app_insights=insights,
        workspace=azure.workspace_name,
        compute=azure.compute.name,
        service_principal=azure.service_principal_name,
        key=key,
        given_tags=given.tags,
        scope=scope,
        group_id=group,
        storage_id=account,
        container_id=f"{account}/blobServices/default/containers/{given.container_name}",
        vault_id=f"{group}/providers/{VAULT}/{vault}",
        logs_id=f"{group}/providers/{LOGS}/{logs}",
        insights_id=f"{group}/providers/{INSIGHTS}/{insights}",
        workspace_id=workspace,
        compute_id=f"{workspace}/computes/{azure.compute.name}",
    )
