"""What the dataset service keeps: saved definitions, and names with versions.

Shapes: SavedDatasetDto, DatasetDto and DatasetDefinitionDto in azureml-core's `_restclient`.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from .account import timestamp
from .routing import Json


@dataclass
class Saved:
    """A definition without a name: what a job or a version points to."""

    id: str
    kind: str
    dataflow: str
    properties: Json

    def body(self) -> Json:
        """As SavedDatasetDto."""
        return {
            "id": self.id,
            "datasetType": self.kind,
            "properties": self.properties,
            "dataflowJson": self.dataflow,
            "dataChanged": False,
        }


@dataclass
class Registered:
    """A name, and its versions as DatasetDefinitionDto, oldest first."""

    name: str
    kind: str
    description: str | None
    tags: Json
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    versions: list[Json] = field(default_factory=list)
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)

    def body(self, definition: Json | None = None) -> Json:
        """As DatasetDto, with the definition asked for, or the latest."""
        return {
            "datasetId": self.id,
            "datasetState": {"state": "active", "deprecatedBy": None, "etag": None},
            "latest": definition or self.versions[-1],
            "createdTime": timestamp(self.created),
            "modifiedTime": timestamp(self.modified),
            "etag": str(len(self.versions)),
            "name": self.name,
            "description": self.description,
            "tags": self.tags,
            "isVisible": True,
            "defaultCompute": None,
            "datasetType": self.kind,
        }
