"""Names that follow from config.yml: of what is unique in all of Azure, and of every resource."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from amlkit.provision.cloud.client import part
from amlkit.provision.cloud.facts import INSIGHTS, LOGS, STORAGE, VAULT, WORKSPACE
from amlkit.settings import Settings

# The tag by which what was made here is known: its value is the target's key.
OWNER = "made-by-amlkit"


class Names:
    """The names of one target, a workspace in a resource group of a subscription, and their paths.

    Derived ones are the same on every machine.
    """

    def __init__(self, settings: Settings) -> None:
        azure, given = settings.azure, settings.azure.bootstrap
        self.subscription = azure.subscription_id or "<subscription id>"
        self.resource_group, self.location = azure.resource_group, azure.location
        self.workspace, self.compute = azure.workspace_name, azure.compute.name
        self.service_principal = azure.service_principal_name
        place = f"{azure.subscription_id}/{azure.resource_group}/{azure.workspace_name}"
        self.key = short_hash(place.lower())  # tells this target from any other

        words = re.sub(r"[^a-z0-9]+", "-", self.workspace.lower()).strip("-")
        words = words.removeprefix("mlw-")
        solid, long = words.replace("-", ""), words[:40].rstrip("-")
        self.storage_account = given.storage_account_name or f"st{solid[:14]}{self.key}"
        self.container = given.container_name
        self.key_vault = given.key_vault_name or f"kv-{solid[:12]}-{self.key}"
        self.log_analytics = given.log_analytics_name or f"log-{long}-{self.key}"
        self.app_insights = given.app_insights_name or f"appi-{long}-{self.key}"

        self.scope = f"/subscriptions/{self.subscription}"
        self.group_id = f"{self.scope}/resourceGroups/{self.resource_group}"
        inside = f"{self.group_id}/providers"
        self.storage_id = f"{inside}/{STORAGE}/{self.storage_account}"
        self.container_id = f"{self.storage_id}/blobServices/default/containers/{self.container}"
        self.vault_id = f"{inside}/{VAULT}/{self.key_vault}"
        bin_ = f"{self.scope}/providers/Microsoft.KeyVault/locations/{self.location}/deletedVaults"
        self.deleted_vault_id = f"{bin_}/{self.key_vault}"
        self.logs_id = f"{inside}/{LOGS}/{self.log_analytics}"
        self.insights_id = f"{inside}/{INSIGHTS}/{self.app_insights}"
        self.workspace_id = f"{inside}/{WORKSPACE}/{self.workspace}"
        self.compute_id = f"{self.workspace_id}/computes/{self.compute}"

        self.tags = {**given.tags, OWNER: self.key}
        self.tag_words = ("--tags", *(f"{name}={value}" for name, value in self.tags.items()))
        # A container has no tags; the names of its metadata are words.
        self.mark_of_container = {OWNER.replace("-", "_"): self.key}
        self.deployment = ("-g", self.resource_group, "-n", f"amlkit-{self.key}")
        # The tag of a group whose workspace was deleted: until when Azure keeps its name.
        self.deleted_until = f"amlkit-workspace-deleted-until-{self.key}"

    def made(self, found: dict[str, Any]) -> bool:
        """Whether a resource was made for this target."""
        return bool(part(found, "tags", OWNER) == self.key)

    def made_container(self, found: dict[str, Any]) -> bool:
        """Whether the container was made for this target."""
        mark = part(found, "properties", "metadata") or {}
        return self.mark_of_container.items() <= mark.items()

    @property
    def application_keys(self) -> tuple[str, ...]:
        """The unique names in the tenant that the application may have, in turn.

        Targets that share the principal's name share the application. Entra ID keeps the unique
        name of a deleted one for a month.
        """
        words = re.sub(r"[^A-Za-z0-9]+", "-", self.service_principal).strip("-")
        place = f"{self.subscription}/{self.service_principal}"
        name = f"{words}-{short_hash(place.lower())}"
        return (name, *(f"{name}-{number}" for number in range(1, 6)))


def short_hash(text: str) -> str:
    """Eight digits that tell a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
