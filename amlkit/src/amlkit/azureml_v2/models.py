"""The model registry of a workspace by SDK v2."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from amlkit.azure.connection import on_azure
from amlkit.azure.errors import status_of
from amlkit.azure.models import MODEL_PATH, SharedModels, in_order, short
from amlkit.azureml_v2 import datastores
from amlkit.azureml_v2.connection import Connection, if_there, silently
from amlkit.records import Model, Run, WorkError

KIND = "custom_model"
# How often a version that another training took meanwhile is passed over.
ATTEMPTS = 20


class AzureModels(SharedModels):
    """`workspace.Models`, by the SDK's `Model`."""

    connection: Connection

    def every(self, name: str, *, run_id: str = "", latest: bool = False) -> list[Model]:
        """See `SharedModels.every`: one list, asked for once until something is registered."""

        def ask() -> list[Model]:
            models = self.connection.client.models
            # A name without a version is answered with 404.
            found = if_there(lambda: list(models.list(name=name)))
            return in_order(map(_model, found or ()))

        found: list[Model] = self.connection.kept(("models", name), ask)
        if run_id:
            return [model for model in found if model.tags.get("run_id") == run_id]
        return found[-1:] if latest else found

    def add(self, run: Run, tags: Mapping[str, str], properties: Mapping[str, str]) -> Model:
        """See `SharedModels.add`: from the job's own output, nothing is copied."""
        path = f"azureml://jobs/{run.trial or run.id}/outputs/artifacts/paths/{MODEL_PATH}/"
        return self._put(run.model_name, path, tags, properties)

    def remove(self, model: Model) -> None:
        """See `SharedModels.remove`: SDK v2 deletes no version, it hides it from lists."""
        self.connection.client.models.archive(model.name, model.version)
        self.connection.forget("models", model.name)

    def numbered(self, name: str, numbers: range) -> list[Model]:
        """See `SharedModels.numbered`: one by one, since a list shows a new one late."""
        get = self.connection.client.models.get
        found = (if_there(partial(get, name, str(number))) for number in numbers)
        return [_model(one) for one in found if one is not None]

    def fetch(self, model: Model, folder: Path) -> None:
        """See `SharedModels.fetch`."""
        path = self.connection.client.models.get(model.name, model.version).path
        store, inside = datastores.place(str(path))
        container = datastores.container(self.connection, store)
        datastores.download(container, inside, folder)

    @on_azure
    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        """See `Models.create`."""
        return self._put(name, str(folder), short(tags), {})

    def _put(
        self, name: str, path: str, tags: Mapping[str, str], properties: Mapping[str, str]
    ) -> Model:
        """Registers as the next number."""
        from azure.ai.ml.entities import Model as SdkModel

        known = self.every(name)
        number = int(known[-1].version) + 1 if known else 1
        for version in range(number, number + ATTEMPTS):
            asset = SdkModel(
                name=name,
                version=str(version),
                path=path,
                type=KIND,
                tags=dict(tags),
                properties=dict(properties),
            )
            made = self._create(asset)
            if made is not None:
                model = _model(made)
                self.connection.forget("models", name)
                if version == number:  # else another came in between, which a list would show
                    known = [*known, model]
                    self.connection.kept(("models", name), partial(list, known))
                return model
        raise WorkError(f"{ATTEMPTS} versions of {name} were registered meanwhile; run this again")

    def _create(self, asset: Any) -> Any:
        """The SDK's model as it is registered; None where the number holds another one."""
        from azure.ai.ml.exceptions import AssetPathException

        try:
            with silently():
                return self.connection.client.models.create_or_update(asset)
        except AssetPathException:
            return None
        except Exception as error:
            if status_of(error) != 409:
                raise
            return None


def _model(found: Any) -> Model:
    """The SDK's model as ours; one in a registry is found by its whole id alone."""
    tags = {key: str(value) for key, value in (found.tags or {}).items()}
    if found.job_name and "run_id" not in tags:
        tags["run_id"] = found.job_name
    shared = str(found.id or "").startswith("azureml://registries/")
    source = str(found.id) if shared else f"azureml:{found.name}:{found.version}"
    return Model(found.name, str(found.version), source, tags)
