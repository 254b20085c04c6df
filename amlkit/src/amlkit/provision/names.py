"""Names that follow from config.yml: of what is unique in all of Azure, and of every resource."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from amlkit.settings import Settings

UNKNOWN_SUBSCRIPTION = "<subscription id>"


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
        return self.resource("Microsoft.Storage/storageAccounts", self.storage_account)

    @property
    def container_id(self) -> str:
        """The container's path."""
        return f"{self.storage_id}/blobServices/default/containers/{self.container}"

    @property
    def workspace_id(self) -> str:
        """The workspace's path."""
        return self.resource("Microsoft.MachineLearningServices/workspaces", self.workspace)

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
        log_analytics=f"log-{words[:40].rstrip('-')}-{key}",
        app_insights=f"appi-{words[:40].rstrip('-')}-{key}",
        workspace=azure.workspace_name,
        compute=azure.compute.name,
        service_principal=azure.service_principal_name,
        key=key,
    )
