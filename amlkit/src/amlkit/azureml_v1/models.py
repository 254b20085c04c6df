"""The model registry of a workspace."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.azure.connection import on_azure
from amlkit.azureml_v1 import artifacts
from amlkit.azureml_v1.connection import Connection
from amlkit.content import new_folder
from amlkit.records import Model, Run, WorkError

# A tag of a model takes more, but what people look at in a list should be short.
LONGEST_TAG = 1000
# Run artifacts that are registered.
MODEL_PATH = "outputs/model"


class AzureModels:
    """`workspace.Models`, by the SDK's `Model`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @on_azure
    def champion(self, name: str) -> Model | None:
        """See `Models.champion`."""
        newest = self._models(name, latest=True)
        return newest[-1] if newest else None

    @on_azure
    def of_run(self, name: str, run_id: str) -> Model | None:
        """See `Models.of_run`."""
        found = self._models(name, run_id=run_id)
        return found[-1] if found else None

    @on_azure
    def register(
        self, run: Run, tags: Mapping[str, str], accept: Callable[[Model | None], bool]
    ) -> Model | None:
        """See `Models.register`.

        The workspace has no lock: a version that came in between is looked at afterwards, and ours
        is taken back where it would not have been accepted beside that one.
        """
        name = run.model_name
        champion = self.champion(name)
        # With the champion that the run began with, nothing was registered since, by it or another.
        if champion is not None and champion.version != run.champion:
            known = self._models(name, run_id=run.id)
            if known:
                return known[-1]
        if not accept(champion):
            return None
        source = self.connection.run(run.id)
        files = artifacts.outputs(self.connection, run.id)
        if not any(file.startswith(MODEL_PATH + "/") for file in files):
            raise WorkError(
                f"run {run.id} wrote no outputs/model/, so there is nothing to register"
            )
        kept = {key: value for key, value in tags.items() if len(value) <= LONGEST_TAG}
        if "schema" not in kept:
            kept["schema"] = "too long for a tag: see schema.json beside the model"
        measured = json.loads(tags.get("metrics", "{}"))
        done = _model(
            source.register_model(
                name,
                model_path=MODEL_PATH,
                tags={**kept, "run_id": run.id},
                properties={metric: f"{value:.6g}" for metric, value in measured.items()},
            )
        )
        numbers = range(int(champion.version) + 1 if champion else 1, int(done.version))
        later = self._models(name) if numbers else []
        between = [model for model in later if int(model.version) in numbers]
        if between and not accept(between[-1]):
            self.sdk(done).delete()
            return None
        return done

    @on_azure
    def versions(self, name: str) -> list[Model]:
        """See `Models.versions`."""
        return self._models(name)

    @on_azure
    def read(self, model: Model, path: str) -> bytes | None:
        """See `Models.read`."""
        file = self.download(model) / path
        return file.read_bytes() if file.is_file() else None

    def download(self, model: Model) -> Path:
        """The folder of a registered model's files on this machine, downloaded once."""
        home = self.connection.folder / "models" / model.name / model.version
        if not home.is_dir():
            with new_folder(home) as half:
                self.sdk(model).download(target_dir=str(half), exist_ok=True)
        inside = list(home.iterdir())
        # A registered folder comes with its own name.
        return inside[0] if len(inside) == 1 and inside[0].is_dir() else home

    @on_azure
    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        """See `Models.create`."""
        from azureml.core import Model as SdkModel

        kept = {key: value for key, value in tags.items() if len(value) <= LONGEST_TAG}
        with contextlib.chdir(folder.parent):  # the SDK takes paths below the working folder alone
            made = SdkModel.register(self.connection.workspace, folder.name, name, tags=kept)
        return _model(made)

    def sdk(self, model: Model) -> Any:
        """The SDK's object of a registered model."""
        from azureml.core import Model as SdkModel

        return SdkModel(self.connection.workspace, name=model.name, version=int(model.version))

    def _models(self, name: str, **query: Any) -> list[Model]:
        """Registered versions, the oldest first: numbers, not texts."""
        from azureml.core import Model as SdkModel

        # Not expanded: the SDK would ask for experiment and run of each version.
        found = SdkModel.list(self.connection.workspace, name=name, expand=False, **query)
        return sorted(map(_model, found), key=lambda model: int(model.version))


def _model(found: Any) -> Model:
    """The SDK's model as ours."""
    tags = {key: str(value) for key, value in (found.tags or {}).items()}
    if found.run_id and "run_id" not in tags:
        tags["run_id"] = found.run_id
    return Model(found.name, str(found.version), f"azureml:{found.name}:{found.version}", tags)
