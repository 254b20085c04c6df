"""The inputs of a job: datasets and datastore paths, put where its arguments and variables say.

The sections `data` and `dataReferences` of a run definition and the variables are those of
`azureml/core/runconfig.py`, `InputDatasets` in `azureml/core/run.py` and `context_managers.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import not_played
from .routing import Json

if TYPE_CHECKING:
    from .standin import Azure

ARGUMENT = "DatasetConsumptionConfig:"


@dataclass
class Inputs:
    """What stands for each input of a job: a path, or in direct mode the dataset's id."""

    values: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    lineage: list[Json] = field(default_factory=list)

    def resolve(self, text: str) -> str:
        """An argument or command with the inputs it names put in."""
        for name in sorted(self.values, key=len, reverse=True):
            text = text.replace(ARGUMENT + name, self.values[name])
        for name in sorted(self.references, key=len, reverse=True):
            text = text.replace(f"$AZUREML_DATAREFERENCE_{name}", self.references[name])
        return text


def check(definition: Json) -> None:
    """AzureError 501 for what a run definition asks and the stand-in does not do."""
    if definition.get("datacaches"):
        raise not_played("'datacaches' of a job")


def prepare(azure: Azure, definition: Json, folder: Path) -> Inputs:
    """Puts all inputs below `folder`. AzureError when one is not there."""
    inputs, kinds = Inputs(), []
    for name, spec in (definition.get("data") or {}).items():
        dataset = (spec.get("dataLocation") or {}).get("dataset") or {}
        saved = dataset.get("id") or azure.datasets.saved_id(
            str(dataset.get("name")), dataset.get("version")
        )
        mode = str(spec.get("mechanism") or "direct").lower()
        variable = spec.get("environmentVariableName") or name
        if mode == "direct":
            value = str(saved)
        else:
            value = str(azure.datasets.materialise(saved, folder / "data" / name))
        inputs.values[name] = value
        inputs.environment |= {variable: value, f"AZUREML_DATAREFERENCE_{variable}": value}
        inputs.environment[f"AZURE_ML_INPUT_{variable}"] = value
        kinds.append(f"{variable}:{mode}")
        inputs.lineage.append(
            {
                "identifier": {"savedId": saved},
                "consumptionType": "RunInput",
                "inputDetails": {"inputName": name, "mechanism": mode.capitalize()},
            }
        )
    if kinds:
        inputs.environment["AZUREML_DATASET_ENVIRONMENT_VARS"] = ",".join(kinds)
    for name, spec in (definition.get("dataReferences") or {}).items():
        path = _reference(azure, spec, folder / "references" / name)
        inputs.references[name] = path
        inputs.environment[f"AZUREML_DATAREFERENCE_{name}"] = path
    return inputs


def _reference(azure: Azure, spec: Json, folder: Path) -> str:
    """A path of a datastore, downloaded. An upload reference is an empty folder to write to."""
    start = (spec.get("pathOnDataStore") or "").strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    if str(spec.get("mode")).lower() == "upload":
        raise not_played("data references to upload")
    container = azure.datastores.container_of(spec["dataStoreName"])
    get: Callable[[str, str], bytes | None] = azure.blobs.get
    for name in azure.blobs.list(container, start):
        if start and name != start and not name.startswith(start + "/"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(get(container, name) or b"")
    return str(folder / start)
