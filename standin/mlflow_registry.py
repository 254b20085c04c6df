"""MLflow's registry REST on the models of the workspace: those of SDK v1, and so of v2.

Paths, keys and error bodies are those of MLflow's REST API (`model_registry.proto`); what a source
looks like, of azureml-mlflow (`model_registry.py`). Stages and aliases are not played.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .metrics import milliseconds
from .mlflow_tracking import BASE, tracking
from .models import NAME
from .routing import AzureError, Json, Request
from .runs import ORIGIN

if TYPE_CHECKING:
    from .standin import Azure

_RUN = re.compile(r"(?:azureml://.+/runs/|runs:/)([^/]+)(?:/artifacts)?/(.+?)/?")
_UPLOAD = re.compile(r"azureml://artifacts/(.+?)/?")
_BY_NAME = re.compile(r"""\s*name\s*=\s*['"](.+?)['"]\s*""")
MLFLOW = "MLFLOW"  # the format of a model that MLflow registered


@dataclass
class Named:
    """A name in the registry, which may have no version yet."""

    name: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    created: int = field(default_factory=lambda: int(time.time() * 1000))


def _pairs(tags: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _tags(body: Json) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in body.get("tags") or []}


class MlflowRegistry:
    """Names and versions of models, as MLflow's client asks for them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._named: dict[str, Named] = {}

    def _versions(self, name: str) -> list[Json]:
        """The versions of a name, oldest first."""
        models = self.azure.models.models.values()
        return sorted(
            (one for one in models if one["name"] == name), key=lambda one: one["version"]
        )

    def _find(self, name: str) -> Named:
        """A name that MLflow made, or that has versions. AzureError 404."""
        known = self._named.get(name)
        if known is None and self._versions(name):
            known = Named(name)
        if known is None:
            raise AzureError(404, "", f"Registered Model with name={name} not found")
        return known

    def _version(self, body: Json) -> Json:
        """One version. AzureError 404."""
        name, version = body.get("name"), body.get("version")
        found = self.azure.models.models.get(f"{name}:{version}")
        if found is None:
            raise AzureError(404, "", f"Model Version (name={name}, version={version}) not found")
        return found

    def _body(self, named: Named) -> Json:
        versions = self._versions(named.name)
        newest = milliseconds(versions[-1]["modifiedTime"]) if versions else named.created
        return {
            "name": named.name,
            "creation_timestamp": named.created,
            "last_updated_timestamp": newest,
            "description": named.description,
            "tags": _pairs(named.tags),
            "latest_versions": [self._version_body(one) for one in versions[-1:]],
        }

    def _version_body(self, model: Json) -> Json:
        asset = self.azure.models.assets[str(model["url"]).rpartition("/")[2]]
        artifact = (asset.get("artifacts") or [{}])[0]
        said = asset["meta"].get("source")
        place = said or f"azureml://artifacts/{artifact.get('prefix') or artifact.get('id')}"
        who = model.get("createdBy") or {}
        return {
            "name": model["name"],
            "version": str(model["version"]),
            "creation_timestamp": milliseconds(model["createdTime"]),
            "last_updated_timestamp": milliseconds(model["modifiedTime"]),
            "user_id": who.get("userName") or "",
            "current_stage": "None",
            "description": model["description"] or "",
            "source": place,
            "run_id": model["runId"] or "",
            "status": "READY",
            "tags": _pairs(model["kvTags"]),
        }

    @tracking("POST", BASE + "registered-models/create")
    def create(self, request: Request, body: Json) -> Json:
        """A name without a version. 400 for a bad one, 409 when it is taken."""
        name = str(body.get("name") or "")
        if not NAME.match(name):
            raise AzureError(400, "", f"Invalid model name: '{name}'")
        if name in self._named or self._versions(name):
            raise AzureError(409, "", f"Registered Model (name={name}) already exists.")
        self._named[name] = Named(name, str(body.get("description") or ""), _tags(body))
        return {"registered_model": self._body(self._named[name])}

    @tracking("GET", BASE + "registered-models/get")
    def get(self, request: Request, body: Json) -> Json:
        """A name, with its newest version. 404."""
        return {"registered_model": self._body(self._find(str(body.get("name"))))}

    @tracking("POST", BASE + "registered-models/get-latest-versions", needs="read")
    def latest(self, request: Request, body: Json) -> Json:
        """The newest version of a name. 404."""
        return {"model_versions": self._body(self._find(str(body["name"])))["latest_versions"]}

    @tracking("POST", BASE + "model-versions/create")
    def create_version(self, request: Request, body: Json) -> Json:
        """The next version: files of a run, or uploaded ones. 404 without the name or the run."""
        named, source = self._find(str(body.get("name"))), str(body.get("source") or "")
        if found := _RUN.fullmatch(source):
            run = self.azure.runs.get(found[1])
            prefix, run_id = f"{ORIGIN}/{run.container}/{found[2]}", str(run.id)
        elif found := _UPLOAD.fullmatch(source):
            prefix, run_id = found[1], str(body.get("run_id") or "")
        else:
            raise AzureError(400, "", f"Invalid model version source: '{source}'")
        asset = self.azure.models.keep_asset(
            {
                "name": named.name,
                "artifacts": [{"prefix": prefix}],
                "runid": run_id or None,
                "meta": {"source": source},
            }
        )
        said = {
            "name": named.name,
            "url": f"aml://asset/{asset['id']}",
            "description": body.get("description") or None,
            "kvTags": _tags(body),
            "runId": run_id or None,
            "mimeType": "application/x-python",
            "modelFormat": MLFLOW,
        }
        return {"model_version": self._version_body(self.azure.models.add(said, request.principal))}

    @tracking("GET", BASE + "model-versions/get")
    def get_version(self, request: Request, body: Json) -> Json:
        """One version. 404."""
        return {"model_version": self._version_body(self._version(body))}

    @tracking("GET", BASE + "model-versions/get-download-uri")
    def download_uri(self, request: Request, body: Json) -> Json:
        """Where the files of a version are. 404."""
        return {"artifact_uri": self._version_body(self._version(body))["source"]}

    @tracking("POST", BASE + "model-versions/set-tag")
    def set_tag(self, request: Request, body: Json) -> Json:
        """Tag a version. 404."""
        self._version(body)["kvTags"][body["key"]] = body.get("value", "")
        return {}

    @tracking("GET", BASE + "model-versions/search")
    def search_versions(self, request: Request, body: Json) -> Json:
        """The versions of the name in the filter, or all. 501 for another filter."""
        said = str(body.get("filter") or "")
        found = _BY_NAME.fullmatch(said)
        if said and found is None:
            raise AzureError(501, "StandInUnhandled", f"The filter {said} is not played")
        models = list(self.azure.models.models.values())
        wanted = self._versions(found[1]) if found else models
        return {"model_versions": [self._version_body(one) for one in wanted]}
