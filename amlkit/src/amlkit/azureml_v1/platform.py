"""Azure ML by SDK v1 (azureml-core), as the drivers see it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from amlkit.azureml_v1.compute import AzureCompute
from amlkit.azureml_v1.data import AzureData
from amlkit.azureml_v1.endpoints import AzureEndpoints
from amlkit.azureml_v1.environments import AzureEnvironments
from amlkit.azureml_v1.identity import caller, credential, sdk_authentication
from amlkit.azureml_v1.jobs import AzureRuns
from amlkit.azureml_v1.models import AzureModels
from amlkit.settings import Settings


class AzurePlatform(
    AzureData, AzureEnvironments, AzureCompute, AzureRuns, AzureModels, AzureEndpoints
):
    """A workspace, reached by the unmodified SDK. Nothing is asked of Azure before the first verb.

    `folder` keeps what was read from it: outputs of runs, models to score with, reports.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None], folder: Path) -> None:
        self.settings = settings
        self.say = say
        self.folder = folder / settings.azure.subscription_id / settings.azure.workspace_name
        self.name = f"the workspace {settings.azure.workspace_name}"

    @cached_property
    def workspace(self) -> Any:
        """The SDK's workspace; says who asks for it."""
        # The SDK logs each error that it also raises, and warns of what is meant so.
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        from azureml.core import Workspace

        azure = self.settings.azure
        found = Workspace.get(
            azure.workspace_name,
            auth=sdk_authentication(azure),
            subscription_id=azure.subscription_id,
            resource_group=azure.resource_group,
        )
        self.say(f"workspace {found.name} in {found.location}, as {caller(azure)}")
        return found

    @cached_property
    def credential(self) -> Any:
        """The caller's credential for storage without keys."""
        return credential(self.settings.azure)
