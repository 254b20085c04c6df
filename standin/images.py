"""Container images: built once for each definition, counted, with a log; or ready-made ones.

Where Azure ML builds an image, a virtual environment is made (interpreters.py). The words of a
failed build or pull are those seen on Azure ML and Docker; nothing published fixes them.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .account import timestamp
from .interpreters import InstallFailed, Recipe, is_swap
from .routing import Json

if TYPE_CHECKING:
    from .standin import Azure

#: Microsoft's own base images hold a Python and nothing that a job would miss.
MICROSOFT = "mcr.microsoft.com/"
CONTAINER = "azureml"


class ImageFailed(Exception):
    """An image could not be built or pulled: `kind` is "build" or "pull", the text says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class Image:
    """One image: `state` is Queued, Running, Succeeded or Failed, as `ImageBuildDetails` reads."""

    key: str
    definition: Json
    environment: str
    compute: str = ""
    state: str = "Queued"
    log: str = ""
    error: str = ""
    python: Path | None = None
    swaps: list[str] = field(default_factory=list)  # lines for the log of whatever runs in it
    started: str = field(default_factory=timestamp)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """The repository in the workspace's registry."""
        return f"azureml/azureml_{self.key}"

    @property
    def log_blob(self) -> str:
        """Where in the container `azureml` the log of the build lies."""
        return f"ImageLogs/{self.key}/build.log"


def is_ready_made(definition: Json) -> bool:
    """Whether jobs run in the base image as it is: the user looks after its packages."""
    docker = definition.get("docker") or {}
    section = definition.get("python") or {}
    return bool(section.get("userManagedDependencies")) and not docker.get("baseDockerfile")


def base_image(definition: Json) -> str:
    """The base image's full name, with its registry in front where that is given apart."""
    docker = definition.get("docker") or {}
    address = (docker.get("baseImageRegistry") or {}).get("address")
    name = docker.get("baseImage") or ""
    return f"{address}/{name}" if address and not name.startswith(f"{address}/") else name


def key_of(definition: Json) -> str:
    """What makes an image: Python packages and base, not name, version or variables."""
    docker = definition.get("docker") or {}
    made_of = [
        definition.get("python"),
        base_image(definition),
        docker.get("baseDockerfile"),
        definition.get("r"),
        definition.get("inferencingStackVersion"),
    ]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


class Images:
    """The workspace's container registry and what builds into it."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.images: dict[str, Image] = {}
        self.builds: list[Image] = []  # every build that was begun, in order
        self.ready: dict[str, list[str]] = {}  # ready-made images and the pip packages in them
        self._sending = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Builds under way end unseen: nothing of theirs is sent to a storage that ends."""
        with self._sending:
            self._closed = True

    def ensure(self, definition: Json, compute: str = "") -> Image:
        """The image of a definition; begins to build it unless it is there or being built."""
        key = key_of(definition)
        with self.lock:
            image = self.images.get(key)
            if image is None or image.state == "Failed":
                name = f"{definition.get('name')}:{definition.get('version')}"
                compute = compute or self.azure.account.image_build_compute or ""
                image = Image(key, definition, name, compute)
                self.images[key] = image
                self.builds.append(image)
                threading.Thread(target=self._build, args=(image,), daemon=True).start()
            return image

    def find(self, definition: Json) -> Image | None:
        """The image of a definition if it was built and stands in the registry."""
        image = self.images.get(key_of(definition))
        return image if image is not None and image.state == "Succeeded" else None

    def interpreter(
        self, definition: Json, log: Callable[[str], None], building: Callable[[str], None]
    ) -> Path:
        """The Python in which a job with this definition runs, built or pulled where needed.

        `log` gets what the stand-in swapped; `building` the log of a build, again and again until
        it ends, and may raise to wait no longer. Raises `ImageFailed`.
        """
        if is_ready_made(definition):
            return self._pull(definition, log)
        image = self.find(definition)
        if image is None:
            image = self.ensure(definition)
            while not image.done.wait(0.2):
                building(image.log)
            building(image.log)
        if image.python is None:
            raise ImageFailed("build", image.error)
        for line in image.swaps:
            log(line)
        return image.python

    def _pull(self, definition: Json, log: Callable[[str], None]) -> Path:
        name = base_image(definition)
        packages = self.ready.get(name)
        if packages is None and not name.startswith(MICROSOFT):
            raise ImageFailed(
                "pull",
                f"Unable to pull docker image\n\timageName: {name}\n\terror: Error response from "
                f"daemon: pull access denied for {name}, repository does not exist or may require "
                "'docker login': denied: requested access to the resource is denied",
            )
        log(f"stand-in: image {name} stands for: {', '.join(packages or []) or 'a bare Python'}")
        try:
            python: Path = self.azure.interpreters.prepare(Recipe.of_packages(packages or []), log)
        except InstallFailed as error:
            raise ImageFailed("pull", str(error)) from None
        return python

    def _build(self, image: Image) -> None:
        """Makes the image; runs in a thread of its own."""
        time.sleep(self.azure.lag)
        image.state = "Running"

        def say(line: str) -> None:
            image.log += f"{line.rstrip()}\n"
            image.swaps.extend(one for one in line.splitlines() if is_swap(one))
            with self._sending:
                if not self._closed:
                    self.azure.blobs.put(CONTAINER, image.log_blob, image.log.encode())

        try:
            base = base_image(image.definition)
            say(f"{timestamp()}: Logging into Docker registry: standin.azurecr.io")
            where = f" on compute {image.compute}" if image.compute else ""
            say(f"Step 1/15 : FROM {base}\nstand-in: image {image.name} for {image.environment}")
            say(f"stand-in: a virtual environment is made in place of the image{where}")
            if (image.definition.get("docker") or {}).get("baseDockerfile"):
                say("stand-in: the steps of the Dockerfile are not run")
            elif base not in self.ready and not base.startswith(MICROSOFT):
                raise InstallFailed(
                    f"pull access denied for {base}, repository does not exist or may require "
                    "'docker login': denied: requested access to the resource is denied"
                )
            recipe = Recipe.of_definition(image.definition)
            inside = tuple(self.ready.get(base, ()))
            recipe = Recipe(recipe.python, inside + recipe.pip, recipe.conda, recipe.notes)
            image.python = self.azure.interpreters.prepare(recipe, say)
            time.sleep(self.azure.lag)
            say(f"Successfully tagged {image.name}:latest")
            image.state = "Succeeded"
        except Exception as error:
            image.error = str(error)
            say(f"{error}\nPip failed\nThe command '/bin/sh -c conda env create ...' returned 1")
            image.state = "Failed"
        finally:
            image.done.set()
