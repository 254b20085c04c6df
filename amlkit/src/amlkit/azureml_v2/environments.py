"""Environments of a workspace by SDK v2: registered, once for each content.

The image is built by the service when it is first needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.azure import blobs
from amlkit.azure.connection import on_azure
from amlkit.azure.environments import SharedEnvironments
from amlkit.azure.parts import environment_function
from amlkit.azure.wheels import CONTAINER, ORIGIN, content_name
from amlkit.azureml_v2 import datastores, shapes
from amlkit.azureml_v2.connection import Connection, if_there, silently
from amlkit.calls import EnvironmentParts
from amlkit.content import file_hash
from amlkit.records import Environment, EnvironmentDefinition, WorkError


class AzureEnvironments(SharedEnvironments):
    """`workspace.Environments`, by the SDK's `Environment`."""

    connection: Connection

    @on_azure
    def create(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.create`: registered; what is known costs one request."""
        version = self.version(definition)
        known = self.registered(definition.name, version)
        if known is None:
            environment = self.made(definition)
            environment.version = version
            with silently():
                made = self.connection.client.environments.create_or_update(environment)
            self.connection.kept(("environment", definition.name, version), lambda: made)
            self.connection.say(f"environment {definition.name}:{version} registered")
        return Environment(definition.name, version, created=known is None, differences=None)

    def check_registered(self, name: str, version: str) -> None:
        """Raises `WorkError` for a version that is not registered."""
        if self.registered(name, version) is None:
            raise WorkError(f"{name}:{version} is not registered; run `python src/environment.py`")

    def registered(self, name: str, version: str) -> Any:
        """See `SharedEnvironments.registered`."""
        return self.connection.kept(
            ("environment", name, version),
            lambda: if_there(lambda: self.connection.client.environments.get(name, version)),
        )

    def asked(self, parts: EnvironmentParts) -> Any:
        """See `SharedEnvironments.asked`."""
        function = environment_function(self._calls)
        return shapes.environment_of(function, parts, self.connection.settings.root)

    def written(self, made: Any, names: Mapping[str, str]) -> Any:
        """See `SharedEnvironments.written`."""
        return shapes.environment_shape(made, self.connection.settings.root, names)

    def is_ready(self, made: Any) -> bool:
        """See `SharedEnvironments.is_ready`."""
        return bool(made.image and not made.conda_file and not made.build)

    def send(self, wheel: Path) -> str:
        """See `SharedEnvironments.send`: no call of the SDK's does, it lies where v1's lies."""
        name = f"{ORIGIN}/{CONTAINER}/{content_name(wheel)}"
        container = datastores.container(self.connection, datastores.ARTIFACT_STORE)
        blobs.upload(container, name, wheel, file_hash(wheel), lambda done, total: None)
        address = str(container.get_blob_client(name).url).partition("?")[0]  # without a signature
        self.connection.say(f"private wheel {wheel.name} is at {address}")
        return address
