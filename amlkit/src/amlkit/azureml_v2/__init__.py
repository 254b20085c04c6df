"""Azure ML by SDK v2, the unmodified azure-ai-ml: a workspace's five parts on one connection.

What is registered, submitted and deployed is made by the owner's functions in `src/`. `shapes` asks
them for its content, each part asks them again for the real thing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlkit.calls import Calls
    from amlkit.settings import Settings
    from amlkit.workspace import Workspace

__all__ = ["open_azure"]


def open_azure(
    settings: Settings, calls: Calls, say: Callable[[str], None], folder: Path
) -> Workspace:
    """The workspace of the settings; nothing is asked of Azure before the first verb.

    Args:
        settings: where it is, and who calls.
        calls: the owner's functions.
        say: hears of what takes its time.
        folder: keeps what was read from there: outputs of runs, models to score with, reports.
    """
    from amlkit.azureml_v2.connection import Connection
    from amlkit.azureml_v2.data import AzureData
    from amlkit.azureml_v2.endpoints import AzureEndpoints
    from amlkit.azureml_v2.environments import AzureEnvironments
    from amlkit.azureml_v2.export import AzureExport
    from amlkit.azureml_v2.jobs import AzureJobs
    from amlkit.azureml_v2.models import AzureModels
    from amlkit.azureml_v2.pipelines import AzurePipelines
    from amlkit.azureml_v2.registry import AzureRegistry, RegistryConnection
    from amlkit.workspace import Workspace

    connection = Connection(settings, say, folder)
    data = AzureData(connection)
    environments = AzureEnvironments(connection, calls)
    models = AzureModels(connection)
    jobs = AzureJobs(connection, data, environments)
    pipelines = AzurePipelines(connection, calls, jobs)
    shared = settings.azure.registry
    return Workspace(
        name=f"the workspace {settings.azure.workspace_name}",
        data=data,
        environments=environments,
        jobs=jobs,
        models=models,
        endpoints=AzureEndpoints(connection, calls, environments, models, data),
        export=AzureExport(connection, calls, jobs, pipelines),
        pipelines=pipelines,
        registry=AzureRegistry(RegistryConnection(settings, say, folder)) if shared else None,
    )
