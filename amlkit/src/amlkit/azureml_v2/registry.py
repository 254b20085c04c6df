"""An Azure ML registry by SDK v2: models that several workspaces share.

Source of the role: "Manage Azure Machine Learning registries", on what each role may do there.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from amlkit.azure.errors import chain, status_of
from amlkit.azure.identity import caller
from amlkit.azureml_v2.connection import Connection, if_there
from amlkit.azureml_v2.models import AzureModels
from amlkit.records import Model, WorkError
from amlkit.settings import Settings

ROLE = "an owner of it gives the role 'AzureML Registry User' there; a new role takes some minutes"


class RegistryConnection(Connection):
    """A connection to the registry of `azure.registry`, which its name alone finds in the tenant.

    The SDK asks where it is when its client is made.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None], folder: Path) -> None:
        super().__init__(settings, say, folder)
        self.name = settings.azure.registry
        self.folder = folder / "registries" / self.name

    def _place(self) -> dict[str, str]:
        return {"registry_name": self.name}

    def _open(self) -> Any:
        who = caller(self.settings.azure)
        none = f"there is no Azure ML registry '{self.name}' (azure.registry), or {who} may not use"
        with told(f"{none} it: {ROLE}", self.name):
            return self.client


class AzureRegistry(AzureModels):
    """`workspace.Registry`, by the SDK's client for one."""

    connection: RegistryConnection

    @property
    def name(self) -> str:
        """The registry's name."""
        return self.connection.name

    def every(self, name: str, *, run_id: str = "", latest: bool = False) -> list[Model]:
        """See `SharedModels.every`."""
        with self._allowed("read"):
            return super().every(name, run_id=run_id, latest=latest)

    def fetch(self, model: Model, folder: Path) -> None:
        """See `SharedModels.fetch`: by a signature for the registry's own storage."""
        part = folder / ".part"
        with self._allowed("read"):
            self.connection.client.models.download(model.name, model.version, part)
        # The SDK puts all into a folder of the model's name.
        for one in (part / model.name).iterdir():
            one.rename(folder / one.name)
        shutil.rmtree(part)

    def _create(self, asset: Any) -> Any:
        models = self.connection.client.models
        with self._allowed("write to"):
            # The SDK sends a version that is there to a datastore, which a registry has not.
            if if_there(lambda: models.get(asset.name, asset.version)) is not None:
                return None
            return super()._create(asset)

    def _allowed(self, verb: str) -> contextlib.AbstractContextManager[None]:
        who = caller(self.connection.settings.azure)
        return told(f"{who} may not {verb} the Azure ML registry '{self.name}': {ROLE}", self.name)


@contextlib.contextmanager
def told(line: str, registry: str) -> Iterator[None]:
    """What a registry refuses (403) is told by a line, what its storage refuses by another.

    Raises:
        WorkError: either did.
    """
    try:
        yield
    except Exception as error:
        if status_of(error) != 403:
            raise
        if any(".blob." in _asked(one) for one in chain(error)):  # by the registry's own signature
            line = (
                f"the storage of the Azure ML registry '{registry}' does not let this machine in: "
                "is it closed to this network?"
            )
        raise WorkError(line) from error


def _asked(error: BaseException) -> str:
    """The address that an error is the answer of; empty where it tells none."""
    request = getattr(getattr(error, "response", None), "request", None)
    return str(getattr(request, "url", ""))
