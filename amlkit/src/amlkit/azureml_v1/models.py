"""The model registry of a workspace by SDK v1."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.azure.connection import on_azure
from amlkit.azure.models import MODEL_PATH, SharedModels, in_order, short
from amlkit.azureml_v1 import artifacts
from amlkit.azureml_v1.connection import Connection
from amlkit.records import Model, Run, WorkError


class AzureModels(SharedModels):
    """`workspace.Models`, by the SDK's `Model`."""

    connection: Connection

    def every(self, name: str, *, run_id: str = "", latest: bool = False) -> list[Model]:
        """See `SharedModels.every`."""
        from azureml.core import Model as SdkModel

        query: dict[str, Any] = {"run_id": run_id} if run_id else {}
        query |= {"latest": True} if latest else {}
        # Not expanded: the SDK would ask for experiment and run of each version.
        found = SdkModel.list(self.connection.workspace, name=name, expand=False, **query)
        return in_order(map(_model, found))

    def add(self, run: Run, tags: Mapping[str, str], properties: Mapping[str, str]) -> Model:
        """See `SharedModels.add`."""
        source = self.connection.run(run.id)
        files = artifacts.outputs(self.connection, run.id)
        if not any(file.startswith(MODEL_PATH + "/") for file in files):
            raise WorkError(
                f"run {run.id} wrote no outputs/model/, so there is nothing to register"
            )
        return _model(
            source.register_model(
                run.model_name, model_path=MODEL_PATH, tags=dict(tags), properties=dict(properties)
            )
        )

    def remove(self, model: Model) -> None:
        """See `SharedModels.remove`."""
        self.sdk(model).delete()

    def fetch(self, model: Model, folder: Path) -> None:
        """See `SharedModels.fetch`."""
        self.sdk(model).download(target_dir=str(folder), exist_ok=True)

    @on_azure
    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        """See `Models.create`."""
        from azureml.core import Model as SdkModel

        with contextlib.chdir(folder.parent):  # the SDK takes paths below the working folder alone
            made = SdkModel.register(self.connection.workspace, folder.name, name, tags=short(tags))
        return _model(made)

    def sdk(self, model: Model) -> Any:
        """The SDK's object of a registered model."""
        from azureml.core import Model as SdkModel

        return SdkModel(self.connection.workspace, name=model.name, version=int(model.version))


def _model(found: Any) -> Model:
    """The SDK's model as ours."""
    tags = {key: str(value) for key, value in (found.tags or {}).items()}
    if found.run_id and "run_id" not in tags:
        tags["run_id"] = found.run_id
    return Model(found.name, str(found.version), f"azureml:{found.name}:{found.version}", tags)
