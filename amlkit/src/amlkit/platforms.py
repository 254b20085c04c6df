"""Where the work is done: the one place that opens this machine or Azure ML."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlkit.calls import Calls
    from amlkit.settings import Settings
    from amlkit.workspace import Say, Workspace


def open_workspace(settings: Settings, calls: Calls, *, local: bool, say: Say) -> Workspace:
    """This machine if it is asked for, Azure ML otherwise: the one place that opens either.

    `calls` are the owner's functions, for what Azure ML is asked for. `say` hears of what takes its
    time there. Nothing is asked of Azure before the first verb.
    """
    folder = settings.root / ".local-workspace"
    if local:
        from amlkit.local import open_local

        return open_local(folder)
    if settings.azure.sdk == "v2":
        from amlkit.azureml_v2 import open_azure
    else:
        from amlkit.azureml_v1 import open_azure
    return open_azure(settings, calls, say, folder / "azure")
