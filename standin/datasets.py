"""The dataset service of SDK v1: File and Tabular datasets, saved and registered with versions.

Shapes: `dataset_operations.py`, its models, and `abstract_dataset.py` in azureml-core; no public
specification of the v1 service exists.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .account import timestamp
from .dataflow import materialise
from .dataset_records import Registered, Saved
from .routing import API, AzureError, Json, Request, route
from .v2.locations import datastore_uri

if TYPE_CHECKING:
    from .standin import Azure

_BASE = "/dataset/v1.0{workspace}"


class Datasets:
    """The datasets of the workspace."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._saved: dict[str, Saved] = {}
        self._registered: dict[str, Registered] = {}
        self._lock = threading.RLock()

    # What other parts use.

    def saved(self, saved_id: str) -> Saved:
        """A saved dataset. AzureError 404."""
        with self._lock:
            if saved_id in self._saved:
                return self._saved[saved_id]
        raise AzureError(404, "UserError", f"Saved dataset {saved_id} was not found.")

    def saved_id(self, name: str, version: str | int | None = None) -> str:
        """The saved dataset behind a registered one; the latest version by default. 404."""
        return str(self._version(self._named(name), str(version or ""))["savedDatasetId"])

    def materialise(self, saved_id: str, folder: Path) -> Path:
        """Put a FileDataset's files below `folder`, as the runtime's download does.

        Answers the path that the job is given: the file of a dataset of one file, else the folder.
        """
        return materialise(self.azure, self.saved(saved_id).dataflow, folder)

    def of_place(self, store: str, place: str) -> str:
        """Save what lies below a path of a datastore; the id of the saved dataset."""
        uri = datastore_uri(self.azure, store, place)
        flow = yaml.safe_dump({"type": "mltable", "paths": [{"pattern": uri}]}, sort_keys=False)
        definition = {"dataflow": json.dumps({"blocks": [], "meta": {"RsDataflow": flow}})}
        with self._lock:
            return self._save("file", definition).id

    def keep(self, name: str, saved_id: str, description: str | None, tags: Json | None) -> Json:
        """Register a saved dataset as a new version of a name; its body. AzureError 400."""
        latest = {"savedDatasetId": saved_id}
        body = {"name": name, "latest": latest, "description": description, "tags": tags}
        return self._register(body, again=True)

    # Registered datasets.

    def _named(self, name: str) -> Registered:
        with self._lock:
            if name in self._registered:
                return self._registered[name]
        raise AzureError(404, "UserError", f"Dataset {name} was not found.")

    def _numbered(self, dataset_id: str) -> Registered:
        with self._lock:
            for one in self._registered.values():
                if one.id == dataset_id:
                    return one
        raise AzureError(404, "UserError", f"Dataset {dataset_id} was not found.")

    def _version(self, dataset: Registered, version: str) -> Json:
        if version in ("", "latest", "None"):
            return dataset.versions[-1]
        for one in dataset.versions:
            if one["versionId"] == version:
                return one
        raise AzureError(404, "UserError", f"Dataset {dataset.name}:{version} was not found.")

    def _taken(self, saved_id: str) -> str:
        """The name and version under which a saved dataset is registered, "" if it is not."""
        for one in self._registered.values():
            for version in one.versions:
                if version["savedDatasetId"] == saved_id:
                    return f"{one.name}:{version['versionId']}"
        return ""

    @route("POST", API, _BASE + "/datasets")
    def register(self, request: Request) -> Json:
        """Register a dataset or a new version of one. 409 when the name is taken, 400."""
        again = request.query.get("updateDefinitionIfExists", "").lower() == "true"
        return self._register(request.json(), again=again)

    def _register(self, body: Json, *, again: bool) -> Json:
        name, latest = str(body.get("name") or ""), body.get("latest") or {}
        if not name.strip() or len(name) > 255:
            raise AzureError(400, "UserError", f"Dataset name '{name}' is invalid.")
        with self._lock:
            dataset = self._registered.get(name)
            if dataset and not again:
                raise AzureError(
                    409, "UserError", f"There is already a dataset registered under name '{name}'."
                )
            given = latest.get("savedDatasetId")
            if given and (taken := self._taken(given)):
                raise AzureError(
                    400,
                    "UserError",
                    f"Saved dataset {given} has been registered as {taken} (name:version).",
                )
            saved = self.saved(given) if given else self._save(body.get("datasetType"), latest)
            if dataset is None:
                dataset = Registered(name, saved.kind, body.get("description"), {})
                self._registered[name] = dataset
            elif dataset.kind != saved.kind:
                raise AzureError(
                    400, "UserError", f"Dataset {name} is of another type: {dataset.kind}."
                )
            dataset.description = body.get("description") or dataset.description
            dataset.tags = body.get("tags") or dataset.tags
            dataset.modified = time.time()
            dataset.versions.append(self._definition(dataset, saved))
            return dataset.body()

    def _save(self, kind: str | None, definition: Json) -> Saved:
        """Keep a definition. AzureError 400 unless it is JSON of a kind that is known."""
        flow = definition.get("dataflow") or definition.get("dataflowJson") or ""
        try:
            json.loads(flow)
        except ValueError:
            raise AzureError(400, "UserError", "The dataflow of the dataset is no JSON.") from None
        if kind not in ("file", "tabular"):
            raise AzureError(400, "UserError", f"Dataset type '{kind}' is invalid.")
        saved = Saved(str(uuid.uuid4()), kind, flow, definition.get("properties") or {})
        self._saved[saved.id] = saved
        return saved

    def _definition(self, dataset: Registered, saved: Saved) -> Json:
        """A new version, as DatasetDefinitionDto."""
        now = timestamp()
        return {
            "datasetId": dataset.id,
            "versionId": str(len(dataset.versions) + 1),
            "datasetDefinitionState": {"state": "active", "deprecatedBy": None, "etag": None},
            "dataflow": saved.dataflow,
            "dataPath": None,
            "partitionFormatInPath": None,
            "profileActionResult": None,
            "notes": None,
            "etag": None,
            "createdTime": now,
            "modifiedTime": now,
            "fileType": "Unknown",
            "properties": saved.properties,
            "savedDatasetId": saved.id,
        }

    @route("PUT", API, _BASE + "/datasets/{dataset}")
    def update(self, request: Request, dataset: str) -> Json:
        """Change description and tags. 404."""
        found, body = self._numbered(dataset), request.json()
        with self._lock:
            found.description = body.get("description")
            found.tags = body.get("tags") or {}
            found.modified = time.time()
            wanted = str((body.get("latest") or {}).get("versionId") or "")
            return found.body(self._version(found, wanted))

    @route("DELETE", API, _BASE + "/datasets/{name}")
    def unregister(self, request: Request, name: str) -> None:
        """Forget a name and its versions; saved datasets and data stay. 404."""
        with self._lock:
            del self._registered[self._named(name).name]

    @route("GET", API, _BASE + "/datasets")
    def list(self, request: Request) -> Json:
        """The registered datasets, a little late, in pages."""
        with self._lock:
            found = [d for d in self._registered.values() if self.azure.listed(d.created)]
        start = int(request.query.get("continuationToken") or 0)
        end = start + int(request.query.get("pageSize") or 100)
        return {
            "value": [dataset.body() for dataset in found[start:end]],
            "continuationToken": str(end) if end < len(found) else None,
        }

    @route("GET", API, _BASE + "/datasets/query/name={name}")
    def by_name(self, request: Request, name: str) -> Json:
        """A dataset by name, at `versionId` or its latest version. 404."""
        found = self._named(name)
        return found.body(self._version(found, request.query.get("versionId", "")))

    @route("GET", API, _BASE + "/datasets/{dataset}")
    def by_id(self, request: Request, dataset: str) -> Json:
        """A dataset by the id of its registration. 404."""
        return self._numbered(dataset).body()

    @route("GET", API, _BASE + "/datasets/{dataset}/definitions")
    def definitions(self, request: Request, dataset: str) -> Json:
        """All versions of a dataset. 404."""
        return {"value": list(self._numbered(dataset).versions), "continuationToken": None}

    @route("GET", API, _BASE + "/datasets/query/savedDatasetId={saved}")
    def by_saved(self, request: Request, saved: str) -> Json:
        """The registered dataset that a saved one belongs to, in a list of one or none."""
        with self._lock:
            found = [
                dataset.body(version)
                for dataset in self._registered.values()
                for version in dataset.versions
                if version["savedDatasetId"] == saved
            ]
        return {"value": found, "continuationToken": None}

    # Saved datasets, and their definitions for the native engine.

    @route("POST", API, _BASE + "/saveddatasets")
    def save(self, request: Request) -> Json:
        """Keep a definition without a name."""
        body = request.json()
        with self._lock:
            return self._save(body.get("datasetType"), body).body()

    @route("GET", API, _BASE + "/saveddatasets/{saved}")
    def one_saved(self, request: Request, saved: str) -> Json:
        """A saved dataset. 404."""
        return self.saved(saved).body()

    @route("GET", API, "/data/v1.0{workspace}/dataversion/{name}/versions/{version}")
    def dataversion(self, request: Request, name: str, version: str) -> Json:
        """The definition of `unregistered-<saved id>` as the native engine reads it. 404."""
        if not name.startswith("unregistered-"):
            raise AzureError(404, "UserError", f"Data asset {name}:{version} was not found.")
        saved = self.saved(name.removeprefix("unregistered-"))
        return {
            "dataVersion": None,
            "entityMetadata": None,
            "legacyDataflow": json.loads(saved.dataflow)["meta"]["RsDataflow"],
        }
