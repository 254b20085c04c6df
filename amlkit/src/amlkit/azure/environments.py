"""Environments of a workspace: what the owner's `environment` function makes of lock and wheels.

The version is the content of what that function returns, so that a known version needs no
registration and no image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.azure import owners
from amlkit.azure.connection import SharedConnection, on_azure, quiet
from amlkit.azure.parts import environment_function, environment_parts
from amlkit.azure.wheels import content_name, shape_name
from amlkit.calls import Calls, EnvironmentParts
from amlkit.records import Environment, EnvironmentDefinition, WorkError


class SharedEnvironments:
    """Versions by content; an SDK's own class registers them and has them built."""

    builds_images = True

    def __init__(self, connection: SharedConnection, calls: Calls) -> None:
        self.connection = connection
        self._calls = calls

    # What an SDK's own class says.

    def registered(self, name: str, version: str) -> Any:
        """The SDK's environment of that version; None if there is none."""
        raise NotImplementedError

    def asked(self, parts: EnvironmentParts) -> Any:
        """What the owner's function returns. WorkError: it is no environment of that name."""
        raise NotImplementedError

    def written(self, made: Any, names: Mapping[str, str]) -> Any:
        """An environment as JSON; `names` stand for addresses of private wheels."""
        raise NotImplementedError

    def is_ready(self, made: Any) -> bool:
        """Whether it names a finished image, so that none is built."""
        raise NotImplementedError

    def send(self, wheel: Path) -> str:
        """Sends a private wheel to the workspace, unless it is there; returns its address."""
        raise NotImplementedError

    # What is the same with either.

    @on_azure
    def get(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.get`."""
        version = self.version(definition)
        known = self.registered(definition.name, version)
        return Environment(definition.name, version, created=known is None, differences=None)

    def version(self, definition: EnvironmentDefinition) -> str:
        """12 hex digits of what the owner's function returns; nothing is sent.

        Raises:
            SettingsError: there is no lock for Azure ML, or it does not fit the wheels.
            WorkError: the function does not do.
        """
        function, settings = environment_function(self._calls), self.connection.settings
        parts = environment_parts(settings, definition, _shapes(definition))
        with quiet():
            return owners.steady(
                function, settings.root, lambda: self.written(self.asked(parts), {})
            )

    def made(self, definition: EnvironmentDefinition) -> Any:
        """What the owner's function returns, with its wheels in the workspace.

        Raises:
            WorkError: it is not what its version was made of.
        """
        settings, wheels = self.connection.settings, definition.wheels
        names = _shapes(definition)
        named = self.asked(environment_parts(settings, definition, names))
        if self.is_ready(named):
            return named
        addresses = tuple(map(self._address, wheels))
        made = self.asked(environment_parts(settings, definition, addresses))
        replaced = dict(zip(addresses, names, strict=True))
        if _text(self.written(made, replaced)) != _text(self.written(named, {})):
            function = owners.called(environment_function(self._calls), settings.root)
            raise WorkError(
                f"{function} returns something else when it is given the wheels' addresses than "
                "when it is given their names"
            )
        return made

    def _address(self, wheel: Path) -> str:
        """Where a private wheel is in the workspace; asked for once in a command."""
        key = ("wheel", content_name(wheel))
        return str(self.connection.kept(key, lambda: self.send(wheel)))


def _shapes(definition: EnvironmentDefinition) -> tuple[str, ...]:
    """The names of the wheels in an environment's shape."""
    return tuple(map(content_name if definition.whole else shape_name, definition.wheels))


def _text(shape: Any) -> str:
    return json.dumps(shape, sort_keys=True)
