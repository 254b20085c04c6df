"""The model registry: assets (which files) and models (which asset, with what said of it).

Paths and keys are those of `ml_models_operations.py`, `assets_operations.py`, `Model` and `Asset`
in azureml-core's `_restclient`.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .account import Principal, timestamp
from .management import BASE, has_pairs, managed, one_page, patch
from .routing import API, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .standin import Azure

#: The rule that azureml-core checks before it asks.
NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}$")
CHANGEABLE = frozenset({"kvTags", "properties", "description", "datasets", "sampleInputData"})
CHANGEABLE |= {"sampleOutputData", "resourceRequirements"}


class Models:
    """The workspace's models and assets."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.assets: dict[str, Json] = {}
        self.models: dict[str, Json] = {}
        self.newest: dict[str, int] = {}  # version numbers are not given twice
        self.created: dict[str, float] = {}

    def find(self, model_id: str) -> Json:
        """A model by its id, name:version. AzureError 404 when there is none."""
        found = self.models.get(model_id)
        if found is None:
            raise AzureError(404, "ModelNotFound", f"Model with id {model_id} was not found.")
        return found

    def write_to(self, model_id: str, folder: Path) -> None:
        """Writes the files of a model below `folder`, as a service's container holds them."""
        asset = self.assets[self.find(model_id)["url"].rpartition("/")[2]]
        for artifact in asset.get("artifacts") or []:
            stem = artifact.get("id") or artifact["prefix"]
            origin, container, path = stem.split("/", 2)
            above = PurePosixPath(path).parent
            for name in self.azure.artifacts.list(origin, container, path):
                if name != path and not name.startswith(path.rstrip("/") + "/"):
                    continue
                target = folder / PurePosixPath(name).relative_to(above)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self.azure.artifacts.read(origin, container, name) or b"")

    @route("POST", API, BASE + "/assets")
    @managed
    def create_asset(self, request: Request) -> Json:
        """Makes an asset of files that lie in storage."""
        return self.keep_asset(request.json())

    def keep_asset(self, said: Json) -> Json:
        """An asset with what is said of it, and a number of its own."""
        asset = {
            "name": None,
            "type": None,
            "description": None,
            "artifacts": [],
            "kvTags": {},
            "properties": {},
            "runid": None,
            "meta": {},
            **said,
            "id": uuid.uuid4().hex,
            "createdTime": timestamp(),
        }
        self.assets[asset["id"]] = asset
        return asset

    @route("GET", API, BASE + "/assets")
    @managed
    def list_assets(self, request: Request) -> Json:
        """Lists assets of a run, name or kind."""
        query = request.query
        found = [
            one
            for one in self.assets.values()
            if query.get("runId") in (None, one.get("runid"))
            and query.get("name") in (None, one.get("name"))
            and query.get("type") in (None, one.get("type"))
            and has_pairs(one.get("properties") or {}, query.get("properties"))
        ]
        return one_page(found, request, self._address("assets"))

    @route("GET", API, BASE + "/assets/{asset}")
    @managed
    def get_asset(self, request: Request, asset: str) -> Json:
        """One asset."""
        if asset not in self.assets:
            raise AzureError(404, "AssetNotFound", f"Asset with id {asset} was not found.")
        return self.assets[asset]

    @route("POST", API, BASE + "/models")
    @managed
    def register(self, request: Request) -> Json:
        """Registers the next version of a model."""
        return self.add(request.json(), request.principal)

    def add(self, body: Json, who: Principal | None) -> Json:
        """The next version of a model. AzureError 400 for a bad name, without the asset."""
        name = body.get("name") or ""
        if not NAME.match(name):
            raise AzureError(400, "BadRequest", f"Model name {name!r} is invalid.")
        asset = str(body.get("url") or "").rpartition("/")[2]
        if asset not in self.assets:
            raise AzureError(400, "BadRequest", f"Asset {body.get('url')} was not found.")
        with self.lock:
            version = self.newest[name] = self.newest.get(name, 0) + 1
            model: Json = {
                "description": None,
                "framework": None,
                "frameworkVersion": None,
                "experimentName": None,
                "runId": None,
                "parentModelId": None,
                "unpack": False,
                "datasets": [],
                "derivedModelIds": [],
                "sampleInputData": None,
                "sampleOutputData": None,
                "resourceRequirements": None,
                **body,
                "kvTags": body.get("kvTags") or {},
                "properties": body.get("properties") or {},
                "id": f"{name}:{version}",
                "version": version,
                "createdTime": timestamp(),
                "modifiedTime": timestamp(),
                "createdBy": {
                    "userObjectId": who.object_id if who else None,
                    "userTenantId": self.azure.account.tenant_id,
                    "userName": who.name if who else None,
                },
            }
            self.models[model["id"]] = model
            self.created[model["id"]] = time.time()
        return model

    @route("GET", API, BASE + "/models")
    @managed
    def list_models(self, request: Request) -> Json:
        """Lists models, newest first, that fit name, run, tags, properties, framework."""
        query = request.query
        with self.lock:
            found = [
                one
                for one in self.models.values()
                if self.azure.listed(self.created[one["id"]])
                and query.get("name") in (None, one["name"])
                and query.get("runId") in (None, one["runId"])
                and query.get("framework") in (None, one["framework"])
                and has_pairs(one["kvTags"], query.get("tags") or query.get("tag"))
                and has_pairs(one["properties"], query.get("properties"))
            ]
        if query.get("datasetId"):
            wanted = query["datasetId"]
            found = [one for one in found if wanted in [d.get("id") for d in one["datasets"] or []]]
        found.sort(key=lambda one: (one["createdTime"], one["version"]), reverse=True)
        if query.get("latestVersionOnly", "").lower() == "true":
            found = [one for one in found if one["version"] == self._latest(one["name"])]
        return one_page(found, request, self._address("models"))

    def _latest(self, name: str) -> int:
        return max(int(one["version"]) for one in self.models.values() if one["name"] == name)

    @route("GET", API, BASE + "/models/{model}")
    @managed
    def get(self, request: Request, model: str) -> Json:
        """One model."""
        return self.find(model)

    @route("PATCH", API, BASE + "/models/{model}")
    @managed
    def change(self, request: Request, model: str) -> Json:
        """Changes what is said of a model by a JSON patch."""
        found = self.find(model)
        with self.lock:
            patch(found, json.loads(request.body or b"[]"), CHANGEABLE)
            found["modifiedTime"] = timestamp()
        return found

    @route("DELETE", API, BASE + "/models/{model}")
    @managed
    def delete(self, request: Request, model: str) -> Answer:
        """Deletes a model, unless a service serves it."""
        if model not in self.models:
            return Answer(204)
        users = [one.name for one in self.azure.services.using(model)]
        if users:
            raise AzureError(
                409, "ModelInUse", f"Model {model} is used by services: {', '.join(users)}."
            )
        with self.lock:
            self.models.pop(model, None)
        return Answer(200)

    def _address(self, tail: str) -> str:
        account = self.azure.account
        return f"{account.api}/modelmanagement/v1.0{account.workspace_path}/{tail}"
