"""Names that follow from config.yml: of what is unique in all of Azure, and of every resource."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    given_tags: Mapping[str, str] = field(default_factory=dict)

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

    @property
    def scope(self) -> str:
        """The subscription's own path."""
        return f"/subscriptions/{self.subscription}"

    @property
    def group_id(self) -> str:
        """The resource group's path."""
        return f"{self.scope}/resourceGroups/{self.resource_group}"

    @property
    def storage_id(self) -> str:
        """The storage account's path."""
        return self.resource(STORAGE, self.storage_account)

    @property
    def container_id(self) -> str:
        """The container's path."""
        return f"{self.storage_id}/blobServices/default/containers/{self.container}"

    @property
    def vault_id(self) -> str:
        """The Key Vault's path."""
        return self.resource(VAULT, self.key_vault)

    @property
    def logs_id(self) -> str:
        """The path of the Log Analytics."""
        return self.resource(LOGS, self.log_analytics)

    @property
    def insights_id(self) -> str:
        """The path of the Application Insights."""
        return self.resource(INSIGHTS, self.app_insights)

    @property
    def workspace_id(self) -> str:
        """The workspace's path."""
        return self.resource(WORKSPACE, self.workspace)

    @property
    def compute_id(self) -> str:
        """The cluster's path."""
        return f"{self.workspace_id}/computes/{self.compute}"

    def resource(self, kind: str, name: str) -> str:
        """The path of a resource in the group."""
        return f"{self.group_id}/providers/{kind}/{name}"


def names_of(settings: Settings) -> Names:
    """The names that the settings mean; derived ones are the same on every machine."""
    azure, given = settings.azure, settings.azure.bootstrap
    place = f"{azure.subscription_id}/{azure.resource_group}/{azure.workspace_name}".lower()
    key = hashlib.sha256(place.encode()).hexdigest()[:8]
    words = re.sub(r"[^a-z0-9]+", "-", azure.workspace_name.lower()).strip("-")
    words = words.removeprefix("mlw-")
    solid = words.replace("-", "")
    return Names(
        subscription=azure.subscription_id or UNKNOWN_SUBSCRIPTION,
        resource_group=azure.resource_group,
        location=azure.location,
        storage_account=given.storage_account_name or f"st{solid[:14]}{key}",
        container=given.container_name,
        key_vault=given.key_vault_name or f"kv-{solid[:12]}-{key}",
        log_analytics=given.log_analytics_name or f"log-{words[:40].rstrip('-')}-{key}",
        app_insights=given.app_insights_name or f"appi-{words[:40].rstrip('-')}-{key}",
        workspace=azure.workspace_name,
        compute=azure.compute.name,
        service_principal=azure.service_principal_name,
        key=key,
        given_tags=given.tags,
    )
