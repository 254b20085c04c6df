"""The artifacts of a run, by the addresses of run history.

Shapes: `run_artifact_operations.py` in azureml-core's `_restclient`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .routing import API, Answer, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

F = TypeVar("F", bound=Callable[..., object])


def _of_run(method: str, tail: str) -> Callable[[F], F]:
    """A route of run history: the artifacts of a run, its experiment by name or by id."""

    def mark(function: F) -> F:
        for kind in ("experiments", "experimentids"):
            path = f"/history/v1.0{{workspace}}/{kind}/{{experiment}}/runs/{{run}}/artifacts{tail}"
            function = route(method, API, path)(function)
        path = f"/history/v1.0{{workspace}}/runs/{{run}}/artifacts{tail}"
        return route(method, API, path)(function)

    return mark


class RunArtifacts:
    """Answers for a run what `Artifacts` answers for its container."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    def _run(self, run: str, experiment: str) -> tuple[str, str]:
        """Origin and container of a run's files. AzureError 404 when there is no such run."""
        return "ExperimentRun", self.azure.runs.get(run, experiment).container

    @_of_run("POST", "/batch/metadata")
    def create_of_run(self, request: Request, run: str, experiment: str = "") -> Json:
        """As `Artifacts.create_many`."""
        return self.azure.artifacts.create_many(request, *self._run(run, experiment))

    @_of_run("GET", "/contentinfo/{path:path}")
    def content_of_run(self, request: Request, run: str, path: str, experiment: str = "") -> Json:
        """As `Artifacts.content`."""
        return self.azure.artifacts.content(request, *self._run(run, experiment), path)

    @_of_run("GET", "/metadata/{path:path}")
    def metadata_of_run(self, request: Request, run: str, path: str, experiment: str = "") -> Json:
        """As `Artifacts.metadata`."""
        return self.azure.artifacts.metadata(request, *self._run(run, experiment), path)

    @_of_run("GET", "/artifacturi/{path:path}")
    def uri_of_run(self, request: Request, run: str, path: str, experiment: str = "") -> Answer:
        """The bare address of an artifact's bytes, as a JSON string."""
        info = self.azure.artifacts.content(request, *self._run(run, experiment), path)
        return Answer(200, f'"{info["contentUri"]}"'.encode(), {"Content-Type": "application/json"})

    @_of_run("GET", "/prefix/contentinfo/{path:path}")
    def contents_of_run(self, request: Request, run: str, path: str, experiment: str = "") -> Json:
        """As `Artifacts.contents`."""
        return self.azure.artifacts.contents(request, *self._run(run, experiment), path)

    @_of_run("GET", "/path/{path:path}")
    @_of_run("GET", "")
    def of_run(self, request: Request, run: str, path: str = "", experiment: str = "") -> Json:
        """As `Artifacts.in_container`."""
        return self.azure.artifacts.in_container(request, *self._run(run, experiment), path)
