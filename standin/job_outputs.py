"""The outputs of a job of SDK v1: folders whose files go to a datastore when the job ends.

The section `outputData` of a run definition is that of `azureml/core/runconfig.py`, placeholders
and variables those of `azureml/data/constants.py` and `OutputDatasets` in `azureml/core/run.py`.
Where no destination is given it is the documented one of `OutputFileDatasetConfig`. What is sent,
and when an upload is refused, is as in `azureml/data/context_managers.py`, a job's own part.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import not_played
from .routing import AzureError, Json

if TYPE_CHECKING:
    from .standin import Azure

ARGUMENT = "DatasetOutputConfig:"
STORE, PLACE = "workspaceblobstore", "dataset/{run-id}/{output-name}"
MODES = ("mount", "upload")


@dataclass(frozen=True)
class Output:
    """One output: what the job writes to `folder`, and where that goes."""

    name: str
    mode: str
    store: str
    place: str
    folder: Path
    overwrite: bool
    patterns: tuple[str, ...]
    registration: Json

    @property
    def files(self) -> dict[str, Path]:
        """Path from the folder → file, of those that are sent."""
        found = {
            path.relative_to(self.folder).as_posix(): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        wanted = self.patterns or ("*",)
        return {
            name: path
            for name, path in found.items()
            if any(fnmatch.fnmatch(path.absolute().as_posix(), pattern) for pattern in wanted)
        }


@dataclass
class Outputs:
    """All outputs of a job."""

    all: list[Output] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name the folders."""
        folders = {one.name: str(one.folder) for one in self.all}
        if not folders:
            return {}
        prefixed = {f"AZURE_ML_OUTPUT_{name}": folder for name, folder in folders.items()}
        return {"AZUREML_DATASET_FILE_OUTPUTS": ";".join(folders), **folders, **prefixed}

    def resolve(self, text: str) -> str:
        """An argument or command with the folders it names put in."""
        for one in sorted(self.all, key=lambda one: len(one.name), reverse=True):
            text = text.replace(ARGUMENT + one.name, str(one.folder))
        return text


def check(definition: Json) -> None:
    """AzureError 501 for what an output asks and the stand-in does not do."""
    for name, spec in (definition.get("outputData") or {}).items():
        mode = str(spec.get("mechanism")).lower()
        if mode not in MODES:
            raise not_played(f"mode {mode} of the output {name}")
        options = _registration(spec).get("datasetRegistrationOptions") or {}
        if options.get("additionalTransformation"):
            raise not_played(f"the transformation of the output {name}")


def prepare(azure: Azure, definition: Json, run_id: str, folder: Path, work: Path) -> Outputs:
    """Makes the folders: below `folder`, or where the job says, by a path from `work`.

    AzureError 404 for a datastore that is not there.
    """
    made = Outputs()
    for name, spec in (definition.get("outputData") or {}).items():
        options = spec.get("additionalOptions") or {}
        location = (spec.get("outputLocation") or {}).get("dataPath") or {}
        place = location.get("relativePath") or PLACE
        upload = options.get("uploadOptions") or {}
        output = Output(
            name=name,
            mode=str(spec.get("mechanism")).lower(),
            store=location.get("datastoreName") or STORE,
            place=place.replace("{run-id}", run_id).replace("{output-name}", name).strip("/"),
            folder=work / (options.get("pathOnCompute") or folder / name),
            overwrite=bool(upload.get("overwrite")),
            patterns=tuple((upload.get("sourceGlobs") or {}).get("patterns") or ()),
            registration=_registration(spec),
        )
        azure.datastores.container_of(output.store)
        output.folder.mkdir(parents=True, exist_ok=True)
        made.all.append(output)
    return made


def hand_over(azure: Azure, outputs: Outputs) -> list[Json]:
    """Sends what the job wrote, and registers it where asked; the lineage of the run.

    AzureError 409 for an upload of a file that lies there already, unless it may overwrite.
    """
    lineage = []
    for one in outputs.all:
        container = azure.datastores.container_of(one.store)
        sent = {f"{one.place}/{name}": path for name, path in one.files.items()}
        if one.mode == "upload" and not one.overwrite:
            for blob in sorted(sent.keys() & set(azure.blobs.list(container, f"{one.place}/"))):
                raise AzureError(409, "UserError", f"Output path already exist: {blob}")
        for blob, path in sent.items():
            azure.blobs.put(container, blob, path.read_bytes())
        saved = azure.datasets.of_place(one.store, one.place)
        identifier: Json = {"savedId": saved, "registeredId": None, "registeredVersion": None}
        if one.registration.get("name"):
            made = azure.datasets.keep(
                str(one.registration["name"]),
                saved,
                one.registration.get("description"),
                one.registration.get("tags"),
            )
            identifier |= {
                "registeredId": made["datasetId"],
                "registeredVersion": made["latest"]["versionId"],
            }
        lineage.append(
            {
                "identifier": identifier,
                "outputType": "RunOutput",
                "outputDetails": {"outputName": one.name},
            }
        )
    return lineage


def _registration(spec: Json) -> Json:
    """Under what name an output is registered, if under any."""
    return (spec.get("additionalOptions") or {}).get("registrationOptions") or {}
