"""What is in a registry, at the host that its discovery names: versions of models.

Shapes: the recordings of azure-ai-ml, model test_create_get_download_model_registry. Sharing from
a workspace: "Manage models with deployment templates" (Azure ML's documentation), Step 2, by REST.
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import not_played
from ..routing import API, REGISTRY, Answer, AzureError, Json, Request, route
from ..world.operations import WAIT
from ..world.state import Resource
from .assets import NAME, Entry, page, viewed
from .kinds import KINDS
from .locations import locate
from .registries import TYPE
from .system import system_data
from .uploads import signature

if TYPE_CHECKING:
    from ..standin import Azure

_BASE = (
    "/mferp/managementfrontend/subscriptions/{subscription}/resourceGroups/{group}/providers/"
    + TYPE
    + "/{registry}"
)
_VERSION = _BASE + "/models/{name}/versions/{version}"
_OPERATION = "/assetstore/v1.0/operations/{operation}"
_SHARED = re.compile(
    r"azureml://locations/[^/]+/workspaces/([^/]+)/models/([^/]+)/versions/([^/]+)", re.I
)
_NAMED = re.compile(r"(?:azureml:(?://)?)?registries/([^/]+)/", re.I)
_FIXED = ("modelUri", "modelType")
_KEPT = ("description", "tags", "properties", "isArchived", "isAnonymous", "flavors")


@dataclass(frozen=True)
class Begun:
    """A version that is being registered."""

    asset: str
    ready: float


class RegistryAssets:
    """The models of all registries."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        # Versions by the registry's ARM id in lower case and the model's name.
        self.models: dict[tuple[str, str], dict[str, Entry]] = {}
        self._operations: dict[str, Begun] = {}

    def forget(self, registry: Resource) -> None:
        """Take away all that is in a registry."""
        for key in [one for one in self.models if one[0] == registry.id.lower()]:
            del self.models[key]

    def _open(self, request: Request, registry: str, verb: str) -> Resource:
        """The registry of a request, if the caller may do that with its assets. 403, 404."""
        registries = self.azure.v2.registries
        found = registries.find(registry)
        path = request.path.partition("/mferp/managementfrontend")[2]
        if found is None or not path.lower().startswith(found.id.lower()):
            raise AzureError(404, "UserError", f"Registry {registry} was not found.")
        self._check_right(request, found, verb)
        return found

    def _check_right(self, request: Request, registry: Resource, verb: str) -> None:
        """AzureError 403 unless the caller may do that with a registry's assets."""
        if self.azure.v2.registries.may(request, registry, f"assets/{verb}"):
            return
        who = request.principal
        raise AzureError(
            403,
            "UserError",
            f"Identity(object id: {who.object_id if who else ''}) does not have permissions "
            f"for {TYPE}/assets/{verb} actions. Please refer to "
            "https://aka.ms/azureml-auth-troubleshooting to fix the permissions issue.",
        )

    def check_named(self, request: Request, given: Any) -> None:
        """AzureError 403 where a request names, at whatever depth, what its caller may not read.

        Roles on the workspace say nothing of a registry: "Azure Machine Learning registries",
        RBAC. That of Microsoft's own assets, `azureml`, is open to all and none of these.
        """
        if isinstance(given, dict):
            given = list(given.values())
        if isinstance(given, list):
            for one in given:
                self.check_named(request, one)
        elif isinstance(given, str) and (named := _NAMED.match(given)):
            registry = self.azure.v2.registries.find(named[1])
            if registry is not None:
                self._check_right(request, registry, "read")

    def _versions(self, registry: Resource, name: str) -> dict[str, Entry]:
        return self.models.setdefault((registry.id.lower(), name), {})

    def _version(self, registry: Resource, name: str, version: str) -> Entry:
        found = self._versions(registry, name).get(version)
        if found is None or found.created > time.time():
            raise KINDS["models"].missed(name, version)
        return found

    def _body(self, registry: Resource, name: str, entry: Entry) -> Json:
        return {
            "id": asset_id(registry, name, entry.name),
            "name": name,
            "type": "models",
            "properties": entry.properties,
            "systemData": system_data(entry.creator, entry.created, entry.changer, entry.changed),
        }

    def container(self, registry: Resource, name: str, version: str) -> str:
        """The container that a version's files lie in."""
        number = uuid.uuid5(uuid.NAMESPACE_URL, asset_id(registry, name, version))
        return f"{registry.name.lower().replace('_', '-')}-{number}"

    def _keep(
        self, request: Request, registry: Resource, name: str, version: str, given: Json
    ) -> Begun:
        """Keep a version from the end of an operation on. AzureError 400, 409."""
        for one in (name, version):
            if not NAME.match(one):
                raise AzureError(400, "UserError", f"'{one}' is no valid name of models.")
        known, who = self._versions(registry, name).get(version), request.principal
        ready = time.time() + self.azure.lag
        properties: Json = {
            **{key: KINDS["models"].defaults.get(key) for key in _KEPT},
            "modelType": "custom_model",
            "originAssetId": None,
            "jobName": None,
            "intellectualProperty": None,
            **{key: value for key, value in given.items() if value is not None},
        }
        if known is None:
            self._versions(registry, name)[version] = made = Entry(version, properties, who)
            made.created, made.changer = ready, who
        elif any(known.properties[key] != properties[key] for key in _FIXED):
            raise KINDS["models"].refused(name, version)
        else:
            known.change(properties, who)
        return Begun(asset_id(registry, name, version), ready)

    def named(self, text: str, plural: str) -> tuple[str, Entry]:
        """The model behind `registries/R/models/NAME/versions/V`. AzureError 404, 501."""
        found = re.fullmatch(r"registries/([^/]+)/models/([^/]+)/versions/([^/]+)/?", text, re.I)
        if found is None or plural != "models":
            raise not_played(f"{plural} of a registry: {text}")
        registry = self.azure.v2.registries.find(found[1])
        if registry is None:
            raise AzureError(404, "UserError", f"Registry {found[1]} was not found.")
        return found[2], self._version(registry, found[2], found[3])

    # Answers.

    @route("GET", REGISTRY, _VERSION)
    def get(self, request: Request, registry: str, name: str, version: str, **_: str) -> Json:
        """One version. 404."""
        found = self._open(request, registry, "read")
        return self._body(found, name, self._version(found, name, version))

    @route("GET", REGISTRY, _BASE + "/models/{name}/versions")
    def list(self, request: Request, registry: str, name: str, **_: str) -> Json:
        """The versions of a name, newest first, in pages; none of a name that is not there."""
        found = self._open(request, registry, "read")
        there = [
            one
            for one in list(self._versions(found, name).values())
            if one.created <= time.time() and viewed(request, one.properties)
        ]
        there.sort(key=lambda entry: entry.created, reverse=True)
        return page(request, [self._body(found, name, one) for one in there])

    @route("PUT", REGISTRY, _BASE + "/tempdatarefs/{name}/versions/{version}")
    def upload(self, request: Request, registry: str, name: str, version: str, **_: str) -> Json:
        """Where a new version's files may be uploaded to. 409 for a version that is there."""
        found = self._open(request, registry, "write")
        self._models_only(request)
        if version in self._versions(found, name):
            raise AzureError(409, "UserError", f"Asset {name}:{version} already exists.")
        container = self.container(found, name, version)
        self.azure.v2.registries.storage(found)[1].make_container(container)
        return {
            "blobReferenceForConsumption": self._reference(found, container, "rcwl", port=":443"),
            "imageReferenceForConsumption": None,
            "temporaryDataReferenceId": str(uuid.uuid4()),
            "temporaryDataReferenceType": None,
        }

    @route("POST", REGISTRY, _BASE + "/datarefs/{name}/versions/{version}")
    def download(self, request: Request, registry: str, name: str, version: str, **_: str) -> Json:
        """What a version's files may be read by. 404."""
        found = self._open(request, registry, "read")
        self._models_only(request)
        uri = str(self._version(found, name, version).properties["modelUri"])
        container = self.container(found, name, version)
        reference = self._reference(found, container, "rl") | {"blobUri": uri}
        return {"blobReferenceForConsumption": reference}

    def _models_only(self, request: Request) -> None:
        """AzureError 501 for an asset of another kind: none is played."""
        if "/models/" not in str(request.json().get("assetId")):
            raise not_played("assets of registries that are no models")

    def _reference(
        self, registry: Resource, container: str, permission: str, port: str = ""
    ) -> Json:
        path, blobs = self.azure.v2.registries.storage(registry)
        address = f"https://{blobs.host}/{container}"
        return {
            "blobUri": f"https://{blobs.host}{port}/{container}",
            "storageAccountArmId": path,
            "credential": {
                "credentialType": "SAS",
                "sasUri": f"{address}?{signature(blobs, container, permission)}",
            },
        }

    @route("PUT", REGISTRY, _VERSION)
    def put(self, request: Request, registry: str, name: str, version: str, **_: str) -> Answer:
        """Register a version whose files were uploaded (202), or change its tags. 400, 409."""
        found = self._open(request, registry, "write")
        given = request.json().get("properties") or {}
        blobs = self.azure.v2.registries.storage(found)[1]
        place = f"https://{blobs.host}/{self.container(found, name, version)}/"
        if not str(given.get("modelUri")).startswith(place):
            raise AzureError(400, "UserError", "The model's files are not in the registry.")
        begun = self._keep(request, found, name, version, given)
        headers = {
            "Location": self._address(begun),
            "Content-Type": "application/json; charset=utf-8",
            "x-ms-async-operation-timeout": "PT1H",
            **WAIT,
        }
        return Answer(202, b"null", headers)

    @route("POST", REGISTRY, _BASE + "/import")
    def share(self, request: Request, registry: str, **_: str) -> Answer:
        """Copy a workspace's model into the registry: 202. 404 without it, 501 for other kinds."""
        found = self._open(request, registry, "write")
        said = request.json().get("properties") or {}
        source = _SHARED.fullmatch(str(said.get("sourceAssetId")))
        if source is None:
            raise not_played("sharing of what is no workspace's model")
        workspaces = (self.azure, *self.azure.neighbours)
        whose = next((w for w in workspaces if w.account.workspace_id == source[1]), None)
        if whose is None or not whose.account.may(request.principal, "read"):  # type: ignore[arg-type]
            raise AzureError(404, "UserError", f"Workspace {source[1]} was not found.")
        theirs = whose.v2.assets.version("models", source[2], source[3])
        name = str(said.get("destinationName") or source[2])
        version = str(said.get("destinationVersion") or source[3])
        if version in self._versions(found, name):
            raise AzureError(409, "UserError", f"Asset {name}:{version} already exists.")
        given = {key: theirs.properties.get(key) for key in (*_KEPT, "modelType", "jobName")}
        given["modelUri"] = self._copy(whose, theirs, found, name, version)
        given["originAssetId"] = source[0]
        address = self._address(self._keep(request, found, name, version, given))
        headers = {
            "Azure-AsyncOperation": f"{address}?type=async",
            "Location": f"{address}?type=location",
            **WAIT,
        }
        return Answer(202, None, headers)

    def _copy(self, whose: Azure, model: Entry, registry: Resource, name: str, version: str) -> str:
        """Copy the files of a workspace's model; where they are then."""
        at = locate(whose, str(model.properties["modelUri"]))
        stem, container = at.path.strip("/"), self.container(registry, name, version)
        _, blobs = self.azure.v2.registries.storage(registry)
        blobs.make_container(container)
        last = stem.rpartition("/")[2]
        for one in at.names():
            blobs.put(container, last + one[len(stem) :], at.blobs.get(at.container, one) or b"")
        return f"https://{blobs.host}/{container}/{last}"

    def _address(self, begun: Begun) -> str:
        number = uuid.uuid4().hex
        self._operations[number] = begun
        return self.azure.account.api + _OPERATION.format(operation=number)

    @route("GET", API, _OPERATION)
    def status(self, request: Request, operation: str) -> Answer:
        """How far a registration is: 202 until it has ended. 404."""
        begun = self._operations.get(operation)
        if begun is None:
            raise AzureError(404, "UserError", f"Operation {operation} was not found.")
        how, over = request.query.get("type"), time.time() >= begun.ready
        if how == "async":
            return Answer(200, {"status": "Succeeded" if over else "InProgress"}, dict(WAIT))
        if not over:
            return Answer(
                202, None, {**WAIT, "Location": f"https://{request.host}{request.target}"}
            )
        return Answer(200, None if how == "location" else {"assetId": begun.asset})


def asset_id(registry: Resource, name: str, version: str) -> str:
    """What a registry calls a version of a model; its own name in lower case, as recorded."""
    return f"azureml://registries/{registry.name.lower()}/models/{name}/versions/{version}"
