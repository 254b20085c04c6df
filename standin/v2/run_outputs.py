"""What a run put out, by the data planes that azure-ai-ml asks before it downloads.

Shapes: GetRunDataResult (runhistory), BatchDataUriResponse (dataset_dataplane) and
BatchModelPathResponseDto (model_dataplane), as azure-ai-ml's clients read them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ..routing import API, AzureError, Json, Request, route
from ..run_definition import answered
from .bindings import MODELS, Output

if TYPE_CHECKING:
    from ..standin import Azure

_TYPES = {
    "custom_model": "CustomModel",
    "mlflow_model": "MLFlowModel",
    "triton_model": "TritonModel",
}
_ID = re.compile(r".*/(data|models)/([^/]+)/versions/([^/]+)")


class RunOutputs:
    """The named outputs of runs."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._outputs: dict[str, Json] = {}

    def note(self, run: str, output: Output, asset: str) -> None:
        """Keep that a run made an asset of an output."""
        kind = _TYPES[output.kind] if output.kind in MODELS else output.kind
        self._outputs.setdefault(run, {})[output.name] = {"assetId": asset, "type": kind}

    def hand_up(self, above: str, name: str, run: str, output: str) -> None:
        """An output of a step is one of its pipeline, under a name of its own."""
        known = self.of(run).get(output)
        if known is not None:
            self._outputs.setdefault(above, {})[name] = known

    def of(self, run: str) -> Json:
        """The outputs of a run: its assets by their names."""
        return dict(self._outputs.get(run) or {})

    def uri(self, run: str, output: str) -> str | None:
        """Where a named output of a run lies, None without one."""
        known = self.of(run).get(output)
        return str(self._uri(known["assetId"])["uri"]) if known else None

    @route("POST", API, "/history/v1.0{workspace}/rundata", needs="read")
    def data(self, request: Request) -> Json:
        """A run with its outputs. 404."""
        run = self.azure.runs.get(str(request.json().get("runId")))
        return {
            "runMetadata": run.dto() | {"outputs": self.of(run.id)},
            "runDefinition": answered(run.definition),
            "jobSpecification": None,
            "systemSettings": None,
        }

    @route("POST", API, "/data/v1.0{workspace}/dataversion/batchGetResolvedUris", needs="read")
    def uris(self, request: Request) -> Json:
        """The URIs of data assets."""
        return {"values": {one: self._uri(one) for one in request.json().get("values") or []}}

    @route("POST", API, "/modelregistry/v1.0{workspace}/models/batchGetResolvedUris", needs="read")
    def paths(self, request: Request) -> Json:
        """The paths of models."""
        values = {}
        for one in request.json().get("values") or []:
            found = self._uri(one)
            values[one] = {"path": found["uri"], "type": found["type"]}
        return {"values": values}

    def _uri(self, asset_id: str) -> Json:
        found = _ID.fullmatch(asset_id)
        if found is None:
            raise AzureError(400, "UserError", f"{json.dumps(asset_id)} is no id of an asset.")
        entry = self.azure.v2.assets.version(*found.groups())
        model = found[1] == "models"
        key, kind = ("modelUri", "modelType") if model else ("dataUri", "dataType")
        return {"uri": entry.properties[key], "type": entry.properties[kind]}
