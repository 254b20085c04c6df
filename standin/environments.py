"""Environment definitions: registered under a version, listed, built into images.

Paths, methods and bodies are those of `azureml/_restclient/environment_client.py` in azureml-core.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import curated
from .account import timestamp
from .images import CONTAINER, Image, Images, base_image, key_of
from .interpreters import Recipe
from .routing import API, Answer, AzureError, Json, Request, route
from .run_definition import filled

if TYPE_CHECKING:
    from .standin import Azure

__all__ = ["Environments", "Images"]

BASE = "/environment/v1.0{workspace}/environments"
BUILD = "/environment/v2.0{workspace}/environments"
#: The rule of the same resource in the v2 specification (environments, `name`).
NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}$")


@dataclass
class Version:
    """One registered version; `content` is the definition without name and version."""

    name: str
    version: str
    content: Json
    created: float = field(default_factory=time.time)

    @property
    def definition(self) -> Json:
        """The definition as the service answers it."""
        return {"name": self.name, "version": self.version, **filled(self.content)}


class Environments:
    """The workspace's environments."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.versions: dict[str, list[Version]] = {
            f"{curated.PREFIX}{name}": [_curated(f"{curated.PREFIX}{name}")]
            for name in curated.PACKAGES
        }
        self.labels: dict[tuple[str, str], Version] = {}

    def find(self, name: str, version: str | None = None) -> Version:
        """A version, the newest by default. AzureError 404 when there is none."""
        with self.lock:
            found = [
                one for one in self.versions.get(name, []) if version in (None, "", one.version)
            ]
        if not found:
            label = f"version {version}" if version else "any version"
            raise AzureError(
                404, "UserError", f"Environment {name} with {label} was not found in the workspace."
            )
        return found[-1]

    def register(self, name: str, content: Json, version: str | None = None) -> Version:
        """Keeps a definition; unchanged content is the newest version again.

        AzureError 400 for a name that is refused, 409 where a version holds other content.
        """
        if not NAME.match(name):
            raise AzureError(
                400,
                "UserError",
                f"Environment name '{name}' is invalid. Names start with a letter or number and "
                "hold only letters, numbers, '-', '_' and '.', at most 255 characters.",
            )
        with self.lock:
            known = self.versions.setdefault(name, [])
            for one in known:
                if one.version == version:
                    if one.content != content:
                        raise AzureError(
                            409,
                            "UserError",
                            f"Environment {name} with version {version} is already registered "
                            "and can't be changed.",
                        )
                    return one
            if version is None and known and known[-1].content == content:
                return known[-1]
            numbers = [int(one.version) for one in known if one.version.isdigit()]
            added = Version(name, version or str(1 + max(numbers, default=0)), content)
            known.append(added)
            return added

    def brought(self, given: Json) -> Json:
        """The definition that a service names or brings along; what it brings stays its own.

        The SDK writes the entry script into the variables of the environment that it sends, so that
        the same version comes with another content; its documentation deploys registered ones so.
        """
        if not set(given) - {"name", "version"}:
            return self.find(given.get("name") or "", given.get("version")).definition
        return given

    def resolve(self, given: Json) -> Json:
        """The definition that a job or service names or brings along, registered if it was not."""
        name, version = given.get("name") or "project_environment", given.get("version")
        if not set(given) - {"name", "version"}:
            return self.find(name, version).definition
        if name.startswith(curated.PREFIX) and version:  # the SDK sends it back in words of its own
            return self.find(name, version).definition
        return self.register(name, content_of(given), version).definition

    @route("GET", API, BASE)
    def list(self, request: Request) -> Json:
        """The newest version of each environment."""
        newest = [known[-1] for known in self.versions.values()]
        return {
            "value": [one.definition for one in newest if self.azure.listed(one.created)],
            "continuationToken": None,
        }

    @route("GET", API, BASE + "/{name}")
    @route("GET", API, BASE + "/{name}/versions/{version}")
    def get(self, request: Request, name: str, version: str | None = None) -> Json:
        """One definition."""
        return self.find(name, version).definition

    @route("GET", API, BASE + "/{name}/labels/{label}")
    def get_by_label(self, request: Request, name: str, label: str) -> Json:
        """The definition that bears a label."""
        found = self.labels.get((name, label))
        if found is None and label.lower() == "latest":
            found = self.find(name)
        if found is None:
            raise AzureError(404, "UserError", f"Environment {name} has no label {label}.")
        return found.definition

    @route("PUT", API, BASE + "/{name}/versions/{version}/metadata")
    def put_metadata(self, request: Request, name: str, version: str) -> None:
        """Puts labels on a version."""
        found = self.find(name, version)
        for label in request.json().get("Labels") or []:
            self.labels[name, label] = found

    @route("PUT", API, BASE + "/{name}")
    @route("PUT", API, BASE + "/{name}/versions/{version}")
    def put(self, request: Request, name: str, version: str | None = None) -> Json:
        """Registers a definition."""
        return self.register(name, content_of(request.json()), version).definition

    @route("GET", API, BASE + "/{name}/image")
    @route("GET", API, BASE + "/{name}/versions/{version}/image")
    def image(self, request: Request, name: str, version: str | None = None) -> Json:
        """Whether the image is there, and what it is made of."""
        definition = self.find(name, version).definition
        key = key_of(definition)
        folder = f"/azureml-envs/azureml_{key}"
        return {
            "imageExistsInRegistry": self.azure.images.find(definition) is not None,
            "dockerImage": {
                "name": f"azureml/azureml_{key}",
                "registry": {"address": "standin.azurecr.io", "username": None, "password": None},
            },
            "pythonEnvironment": {
                "interpreterPath": f"{folder}/bin/python",
                "condaEnvironmentName": f"azureml_{key}",
                "condaEnvironmentPath": folder,
            },
            "ingredients": {
                "dockerfile": f"FROM {base_image(definition)}\nUSER root",
                "condaDependencies": (definition.get("python") or {}).get("condaDependencies"),
                "packages": list(Recipe.of_definition(definition).pip),
            },
        }

    @route("POST", API, BUILD + "/{name}/versions/{version}/image")
    @route("POST", API, BUILD + "/{name}/versions/{version}/imageoncompute/{compute}")
    def build(self, request: Request, name: str, version: str, compute: str = "") -> Answer:
        """Begins to build the image, on the registry or on a cluster."""
        if compute and not self.azure.computes.find(compute):
            raise AzureError(400, "UserError", f"Compute {compute} was not found.")
        image = self.azure.images.ensure(self.find(name, version).definition, compute)
        scope = self.azure.account.workspace_path
        location = f"{self.azure.account.api}/environment/v2.0{scope}/imagebuilds/{image.key}"
        return Answer(202, self._status(image) | {"location": location}, {"Location": location})

    @route("GET", API, "/environment/v2.0{workspace}/imagebuilds/{key}")
    def build_status(self, request: Request, key: str) -> Answer:
        """How far a build is: 202 while it goes on."""
        image = self.azure.images.images.get(key)
        if image is None:
            raise AzureError(404, "UserError", f"Image build {key} was not found.")
        return Answer(200 if image.done.is_set() else 202, self._status(image))

    def _status(self, image: Image) -> Json:
        return {
            "status": image.state,
            "logUrl": self.azure.blobs.sas(CONTAINER, image.log_blob) if image.log else None,
            "startTime": image.started,
            "endTime": timestamp() if image.done.is_set() else None,
            "error": {"message": image.error} if image.error else None,
        }


def _curated(name: str) -> Version:
    """An environment of Microsoft's, as every workspace has it."""
    definition = curated.definition(name, curated.VERSION)
    return Version(name, curated.VERSION, content_of(definition), created=0.0)


def content_of(body: Json) -> Json:
    """The definition in a body: the client writes some keys with a capital, a job's does not."""
    lowered = {key[:1].lower() + key[1:]: value for key, value in body.items()}
    python = dict(lowered.get("python") or {})
    python.pop("condaDependenciesFile", None)  # a path of the client's machine: not kept
    return {
        "python": python or None,
        "environmentVariables": lowered.get("environmentVariables"),
        "docker": lowered.get("docker"),
        "spark": lowered.get("spark"),
        "r": lowered.get("r"),
        "inferencingStackVersion": lowered.get("inferencingStackVersion"),
    }
