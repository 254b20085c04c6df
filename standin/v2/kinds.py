"""The kinds of versioned assets: what the service adds to them, and what may not change.

Source: machineLearningServices 2023-04-01 (workspaceRP and mfe) and the recordings of
azure-sdk-for-python, `sdk/ml/azure-ai-ml/tests/recordings`.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from ..routing import AzureError, Json


def numbered(latest: str, versions: int) -> str:
    """The next version of most kinds: one more than a number, else nothing a client may count on.

    A container whose newest version is a word is answered the number of its versions plus one.
    """
    return str(int(latest) + 1) if latest.isdigit() else str(versions + 1)


def timed(latest: str, versions: int) -> str:
    """The next version of an environment is a moment, as recorded (environment, autoincrement)."""
    now = datetime.datetime.now(datetime.UTC)
    return now.strftime("%Y-%m-%d-%H-%M-%S-%f") + "0"


@dataclass(frozen=True)
class Kind:
    """One kind of asset. `fixed`: properties that a version keeps; `defaults`: those it gains."""

    plural: str
    fixed: tuple[str, ...]
    defaults: Json
    missing: str  # the words of a 404; {name} and {version} are put in
    changed: str  # those of a 409
    status: int = 409
    next: Callable[[str, int], str] = numbered
    normal: Callable[[Json], Json] = field(default=dict)

    def same(self, given: Json, known: Json) -> bool:
        """Whether what is given leaves a version's fixed properties as they are known."""
        return all(
            _plain(given.get(key, self.defaults.get(key))) == _plain(known.get(key))
            for key in self.fixed
        )

    def missed(self, name: str, version: str = "") -> AzureError:
        """The refusal of an asset that is not there."""
        return AzureError(404, "UserError", self.missing.format(name=name, version=version))

    def refused(self, name: str, version: str) -> AzureError:
        """The refusal of other content under a version that is there."""
        return AzureError(self.status, "UserError", self.changed.format(name=name, version=version))


def _plain(value: object) -> object:
    """A conda file as what it says, in whatever order; other values as they are."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _environment(given: Json) -> Json:
    """An environment as it is answered: the conda file comes back as JSON (recorded)."""
    if not isinstance(given.get("condaFile"), str):
        return given
    try:
        conda = yaml.safe_load(given["condaFile"])
    except yaml.YAMLError as error:
        raise AzureError(400, "UserError", f"The conda file is no YAML: {error}") from None
    return given | {"condaFile": json.dumps(conda, indent=2)}


_COMMON: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
_ASSET: Json = {**_COMMON, "isAnonymous": False}
# What the previews add that the client asks for; code is asked for by a version without (recorded).
_PREVIEW: Json = {**_ASSET, "autoDeleteSetting": None}
_STAGED: Json = {**_PREVIEW, "stage": None, "provisioningState": "Succeeded"}
_OWNED: Json = {"intellectualProperty": None}

KINDS = {
    kind.plural: kind
    for kind in (
        Kind(
            "environments",
            ("image", "condaFile", "build", "osType"),
            {
                **_STAGED,
                **_OWNED,
                "environmentType": "UserCreated",
                "osType": "Linux",
                "autoRebuild": "Disabled",
            },
            "No environment exists for name: {name}, version: {version}, label: ",
            "Environment {name} with version {version} is already registered and cannot be "
            "changed.",
            next=timed,
            normal=_environment,
        ),
        Kind(
            "codes",
            ("codeUri",),
            {**_ASSET, "provisioningState": "Succeeded"},
            "Code asset {name} with version {version} was not found.",
            "Asset paths cannot be updated.",
        ),
        Kind(
            "data",
            ("dataUri", "dataType"),
            {**_PREVIEW, **_OWNED, "stage": None},
            "Data version {name}:{version} (dataContainerName:version) not found.",
            "A data version with this name and version already exists. If you are trying to "
            "create a new data version, use a different name or version. If you are trying to "
            "update an existing data version, the existing asset's data uri cannot be changed. "
            "Only tags, description, and isArchived can be updated.",
        ),
        Kind(
            "models",
            ("modelUri", "modelType"),
            {**_STAGED, **_OWNED, "modelType": "custom_model", "flavors": {}, "jobName": None},
            "Model container with name: {name} not found.",
            "Asset paths cannot be updated.",
        ),
        Kind(
            "components",
            ("componentSpec",),
            _STAGED,
            "Not found component {name}:{version}.",
            "Component {name} with version {version} already exists and cannot be changed.",
            next=timed,
        ),
    )
}
