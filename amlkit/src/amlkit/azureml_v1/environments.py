"""Environments of a workspace by SDK v1: registered, their images built, once for each content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.azure.connection import on_azure, watch
from amlkit.azure.environments import SharedEnvironments
from amlkit.azure.errors import status_of
from amlkit.azure.parts import environment_function
from amlkit.azureml_v1 import shapes, wheels
from amlkit.azureml_v1.connection import Connection
from amlkit.calls import EnvironmentParts
from amlkit.records import Environment, EnvironmentDefinition, WorkError

BUILDING = ("Queued", "Running", "GettingOrProvisioningACR", "NotStarted")
POLL_INTERVAL = 5.0


class AzureEnvironments(SharedEnvironments):
    """`workspace.Environments`, by the SDK's `Environment`."""

    connection: Connection

    @on_azure
    def create(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.create`: registered and its image built, once."""
        version = self.version(definition)
        known = self.registered(definition.name, version)
        environment = known
        if environment is None:
            environment = self.made(definition)
            environment.version = version
            environment = environment.register(self.connection.workspace)
            self.connection.say(f"environment {definition.name}:{version} registered")
        if not self.is_ready(environment):
            self._build(environment)
        return Environment(definition.name, version, created=known is None, differences=None)

    def sdk(self, name: str, version: str) -> Any:
        """The SDK's object of a registered environment."""
        found = self.registered(name, version)
        if found is None:
            raise WorkError(f"{name}:{version} is not registered; run `python src/environment.py`")
        return found

    def send(self, wheel: Path) -> str:
        """See `SharedEnvironments.send`: by the owner's function, or as the SDK does."""
        return wheels.send(self.connection, wheel, self._calls.private_wheel or _private_wheel)

    def asked(self, parts: EnvironmentParts) -> Any:
        """See `SharedEnvironments.asked`."""
        function = environment_function(self._calls)
        return shapes.environment_of(function, parts, self.connection.settings.root)

    def written(self, made: Any, names: Mapping[str, str]) -> Any:
        """See `SharedEnvironments.written`."""
        return shapes.environment_shape(made, names)

    def is_ready(self, made: Any) -> bool:
        """See `SharedEnvironments.is_ready`."""
        docker = made.docker
        own = docker.base_dockerfile or docker.build_context
        return bool(made.python.user_managed_dependencies and docker.base_image and not own)

    def registered(self, name: str, version: str) -> Any:
        """See `SharedEnvironments.registered`."""
        from azureml.core import Environment as SdkEnvironment

        def get() -> Any:
            return SdkEnvironment.get(self.connection.workspace, name, version)

        try:
            return self.connection.kept(("environment", name, version), get)
        except Exception as error:
            # The SDK raises a bare Exception that holds the service's words.
            if status_of(error) == 404:
                return None
            raise

    def _build(self, environment: Any) -> None:
        """Has the image built unless it is there; waits for it, and shows why it failed."""
        workspace, say = self.connection.workspace, self.connection.say
        if environment.get_image_details(workspace).image_exist:
            return
        compute = self.connection.settings.azure.environment.build_compute or None
        build = environment.build(workspace, image_build_compute=compute)
        say(f"building the image of {environment.name}:{environment.version} (some minutes)")
        status = watch(
            lambda: build.status, POLL_INTERVAL, lambda seen: seen not in ("", *BUILDING)
        )
        if status != "Succeeded":
            log = (build.get_log() or "").strip().splitlines()[-20:]
            for line in log:
                say(f"  {line}")
            last = next((line for line in reversed(log) if "error" in line.lower()), "")
            raise WorkError(
                f"the image of {environment.name}:{environment.version} was not built ({status})"
                + (f": {last.strip()}" if last else "; its log is in the studio")
            )
        say("image built")


def _private_wheel(workspace: Any, wheel: Any) -> str:
    """Sends a wheel to the workspace, as the SDK does."""
    from azureml.core import Environment as SdkEnvironment

    return str(SdkEnvironment.add_private_pip_wheel(workspace, str(wheel), exist_ok=True))
