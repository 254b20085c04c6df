"""Environments of a workspace: what the owner's `environment` function makes of lock and wheels.

The version is the content of what that function returns, so that a known version needs no
registration and no image.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from amlkit.azure.connection import on_azure, quiet, watch
from amlkit.azure.errors import status_of
from amlkit.azureml_v1 import shapes, wheels
from amlkit.azureml_v1.connection import Connection
from amlkit.calls import Calls, EnvironmentParts
from amlkit.content import canonical_name
from amlkit.lockfile import check_wheels, pins
from amlkit.records import Environment, EnvironmentDefinition, WorkError
from amlkit.settings import SettingsError

# What the cluster is, to whom a lock's lines may speak (PEP 508).
CLUSTER = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
BUILDING = ("Queued", "Running", "GettingOrProvisioningACR", "NotStarted")
POLL_INTERVAL = 5.0


class AzureEnvironments:
    """`workspace.Environments`, by the SDK's `Environment`."""

    builds_images = True

    def __init__(self, connection: Connection, calls: Calls) -> None:
        self.connection = connection
        self._calls = calls

    @on_azure
    def get(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.get`."""
        version = self.version(definition)
        known = self._registered(definition.name, version)
        return Environment(definition.name, version, created=known is None, differences=None)

    @on_azure
    def create(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.create`: registered and its image built, once."""
        version = self.version(definition)
        known = self._registered(definition.name, version)
        environment = known
        if environment is None:
            environment = self._made(definition)
            environment.version = version
            environment = environment.register(self.connection.workspace)
            self.connection.say(f"environment {definition.name}:{version} registered")
        if not _is_ready(environment):
            self._build(environment)
        return Environment(definition.name, version, created=known is None, differences=None)

    def version(self, definition: EnvironmentDefinition) -> str:
        """12 hex digits of what the owner's function returns; nothing is sent.

        Raises:
            SettingsError: there is no lock for Azure ML, or it does not fit the wheels.
            WorkError: the function does not do.
        """
        function = self._function()
        parts = self._parts(definition, tuple(map(wheels.shape_name, definition.wheels)))

        def ask() -> Any:
            root = self.connection.settings.root
            return shapes.environment_shape(shapes.environment_of(function, parts, root))

        with quiet():
            return shapes.steady(function, self.connection.settings.root, ask)

    def sdk(self, name: str, version: str) -> Any:
        """The SDK's object of a registered environment."""
        found = self._registered(name, version)
        if found is None:
            raise WorkError(f"{name}:{version} is not registered; run `python src/environment.py`")
        return found

    def _made(self, definition: EnvironmentDefinition) -> Any:
        """What the owner's function returns, with its wheels in the workspace.

        Raises:
            WorkError: it is not what its version was made of.
        """
        function, root = self._function(), self.connection.settings.root
        names = tuple(map(wheels.shape_name, definition.wheels))
        named = shapes.environment_of(function, self._parts(definition, names), root)
        if _is_ready(named):
            return named
        addresses = [self._address(wheel) for wheel in definition.wheels]
        made = shapes.environment_of(function, self._parts(definition, tuple(addresses)), root)
        replaced = dict(zip(addresses, names, strict=True))
        if _text(shapes.environment_shape(made, replaced)) != _text(
            shapes.environment_shape(named)
        ):
            raise WorkError(
                f"{shapes.called(function, root)} returns something else when it is given the "
                "wheels' addresses than when it is given their names"
            )
        return made

    def _address(self, wheel: Any) -> str:
        """Where a private wheel is in the workspace; sent if it is not there."""
        send = self._calls.private_wheel or _private_wheel
        key = ("wheel", wheels.content_name(wheel))
        return str(self.connection.kept(key, lambda: wheels.send(self.connection, wheel, send)))

    def _function(self) -> Callable[[EnvironmentParts], Any]:
        """The owner's."""
        if self._calls.environment is None:
            raise WorkError(
                "this driver hands over no environment function: see src/environment.py"
            )
        return self._calls.environment

    def _registered(self, name: str, version: str) -> Any:
        """The SDK's environment of that version; None if there is none."""
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

    def _parts(self, definition: EnvironmentDefinition, names: tuple[str, ...]) -> EnvironmentParts:
        """What the owner's function is given; `names` or addresses of the private wheels."""
        images = self.connection.settings.azure.environment
        image = images.serving_image if definition.serving else images.training_image
        return EnvironmentParts(
            name=definition.name,
            python=images.python,
            pip_packages=() if image else self._pins(definition),
            wheels=() if image else names,
            serving=definition.serving,
            conda_packages=tuple(images.conda_packages),
            conda_channels=tuple(images.conda_channels),
            base_image=images.base_image,
            ready_image=image,
            package_index=images.package_index,
        )

    def _pins(self, definition: EnvironmentDefinition) -> tuple[str, ...]:
        """The lock's packages as the cluster's interpreter needs them, but for the private ones.

        Without the hashes: one of them obliges pip to have one for each line, and the definition
        would be forty times as long.
        """
        settings = self.connection.settings
        images = settings.azure.environment
        which = "serving_lock" if definition.serving else "training_lock"
        lock = settings.root / getattr(images, which)
        if not lock.is_file():
            origin = settings.origin(f"azure.environment.{which}")
            raise SettingsError(f"{origin}: there is no lock {lock}; `make lock` writes it")
        check_wheels(lock, definition.wheels)
        private = {canonical_name(wheel.name.split("-")[0]) for wheel in definition.wheels}
        python = {"python_version": images.python, "python_full_version": f"{images.python}.0"}
        return tuple(
            f"{name}=={version}"
            for name, version in pins(lock, {**CLUSTER, **python})
            if canonical_name(name) not in private
        )

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


def _is_ready(environment: Any) -> bool:
    """Whether it names a finished image, so that none is built."""
    docker = environment.docker
    own = docker.base_dockerfile or docker.build_context
    return bool(environment.python.user_managed_dependencies and docker.base_image and not own)


def _text(shape: Any) -> str:
    return json.dumps(shape, sort_keys=True)


def _private_wheel(workspace: Any, wheel: Any) -> str:
    """Sends a wheel to the workspace, as the SDK does."""
    from azureml.core import Environment as SdkEnvironment

    return str(SdkEnvironment.add_private_pip_wheel(workspace, str(wheel), exist_ok=True))
