"""Environments of a workspace: the lock and the private wheels, by SDK v1's `Environment`.

The version is the content of all that decides what is inside, so that a known version needs no
registration and no image.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlkit.azureml_v1.errors import is_passing, on_azure, status_of
from amlkit.content import file_hash, identity
from amlkit.interrupts import waiting
from amlkit.lockfile import pins
from amlkit.records import Environment, EnvironmentDefinition, WorkError
from amlkit.settings import Settings, SettingsError

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
PATIENCE = 60  # looks in a row that may fail during a build


class AzureEnvironments:
    """The part of `AzurePlatform` that makes environments."""

    settings: Settings
    workspace: Any
    say: Callable[[str], None]
    builds_ahead = True

    @on_azure
    def find_environment(self, definition: EnvironmentDefinition) -> Environment:
        """See `Platform.find_environment`."""
        version = self._version(definition)
        known = self._registered(definition.name, version)
        return Environment(definition.name, version, created=known is None, differences=None)

    @on_azure
    def ensure_environment(self, definition: EnvironmentDefinition) -> Environment:
        """See `Platform.ensure_environment`: registered and its image built, once."""
        version = self._version(definition)
        known = self._registered(definition.name, version)
        environment = known
        if environment is None:
            wheels = [self._upload(wheel) for wheel in definition.wheels]
            made = self._definition(definition, wheels)
            made.version = version
            environment = made.register(self.workspace)
            self.say(f"environment {definition.name}:{version} registered")
        if not self._image(definition):
            self._build(environment)
        return Environment(definition.name, version, created=known is None, differences=None)

    def sdk_environment(self, definition: EnvironmentDefinition) -> Any:
        """The SDK's object of a registered environment."""
        found = self._registered(definition.name, self._version(definition))
        if found is None:
            raise WorkError(f"{definition.name} is not registered; run `python src/environment.py`")
        return found

    def _registered(self, name: str, version: str) -> Any:
        """The SDK's environment of that version; None if there is none."""
        from azureml.core import Environment as SdkEnvironment

        try:
            return SdkEnvironment.get(self.workspace, name, version)
        except Exception as error:
            # The SDK raises a bare Exception that holds the service's words.
            if status_of(error) == 404:
                return None
            raise

    def _version(self, definition: EnvironmentDefinition) -> str:
        """12 hex digits of all that decides what is inside: the definition as it is registered."""
        made = self._definition(definition, [_content_name(wheel) for wheel in definition.wheels])
        packages = made.python.conda_dependencies
        image = self._image(definition)
        return identity([made.docker.base_image, None if image else packages.as_dict()])

    def _image(self, definition: EnvironmentDefinition) -> str:
        """The ready-made image that stands for this environment; empty if it is to be built."""
        images = self.settings.azure.environment
        return images.serving_image if definition.serving else images.training_image

    def _pins(self, definition: EnvironmentDefinition) -> list[str]:
        """The lock's packages as the cluster's interpreter needs them.

        Without the hashes: one of them obliges pip to have one for each line, and the definition
        would be forty times as long.
        """
        images = self.settings.azure.environment
        name = images.serving_lock if definition.serving else images.training_lock
        lock = self.settings.root / name
        if not lock.is_file():
            which = "serving_lock" if definition.serving else "training_lock"
            origin = self.settings.origin(f"azure.environment.{which}")
            raise SettingsError(f"{origin}: there is no lock {lock}; `make lock` writes it")
        python = {"python_version": images.python, "python_full_version": f"{images.python}.0"}
        return [f"{name}=={version}" for name, version in pins(lock, {**CLUSTER, **python})]

    def _definition(self, definition: EnvironmentDefinition, wheels: list[str]) -> Any:
        """The SDK's object, without a version; `wheels` are the addresses of the private ones."""
        from azureml.core import Environment as SdkEnvironment
        from azureml.core.conda_dependencies import CondaDependencies

        images = self.settings.azure.environment
        environment = SdkEnvironment(definition.name)
        image = self._image(definition)
        if image:
            environment.docker.base_image = image
            environment.python.user_managed_dependencies = True
            return environment
        if images.base_image:
            environment.docker.base_image = images.base_image
        # Said in full: by itself the SDK adds an azureml-defaults of any version, and a Python that
        # is past its end of life.
        conda = CondaDependencies.create(
            python_version=images.python,
            conda_packages=images.conda_packages or None,
            pip_packages=[*self._pins(definition), *wheels],
            pin_sdk_version=False,
        )
        for channel in images.conda_channels:
            conda.add_channel(channel)
        # It also names public indexes, where a stranger's package could stand for a private one.
        for option in list(conda.pip_options):
            conda.remove_pip_option(option)
        if images.package_index:
            conda.set_pip_option(f"--index-url {images.package_index}")
        environment.python.conda_dependencies = conda
        return environment

    def _upload(self, wheel: Path) -> str:
        """Sends a private wheel under a name that holds its content; answers with its address.

        The SDK takes a wheel of a known file name for the old one; pip looks at the version alone.
        """
        from azureml.core import Environment as SdkEnvironment

        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, _content_name(wheel))
            shutil.copyfile(wheel, copy)
            address = SdkEnvironment.add_private_pip_wheel(self.workspace, str(copy), exist_ok=True)
        self.say(f"private wheel {wheel.name} is at {address}")
        return str(address)

    def _build(self, environment: Any) -> None:
        """Has the image built unless it is there; waits for it, and shows why it failed."""
        if environment.get_image_details(self.workspace).image_exist:
            return
        compute = self.settings.azure.environment.build_compute or None
        build = environment.build(self.workspace, image_build_compute=compute)
        self.say(f"building the image of {environment.name}:{environment.version} (some minutes)")
        failures, status = 0, "Queued"
        with waiting() as wait:
            while status in BUILDING:
                wait.sleep(POLL_INTERVAL)
                try:
                    status, failures = build.status, 0
                except Exception as error:
                    failures += 1
                    if failures > PATIENCE or not is_passing(error):
                        raise
        if status != "Succeeded":
            log = (build.get_log() or "").strip().splitlines()[-20:]
            for line in log:
                self.say(f"  {line}")
            last = next((line for line in reversed(log) if "error" in line.lower()), "")
            raise WorkError(
                f"the image of {environment.name}:{environment.version} was not built ({status})"
                + (f": {last.strip()}" if last else "; its log is in the studio")
            )
        self.say("image built")


def _content_name(wheel: Path) -> str:
    """A wheel's file name with a build tag (PEP 427) that holds its content."""
    name, version, *tags = wheel.stem.split("-")
    return "-".join([name, version, f"0_{file_hash(wheel)[:12]}", *tags[-3:]]) + ".whl"
