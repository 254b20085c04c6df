"""What SDK v1 and v2 share: models and environments are the same in both.

A model or environment made by one is taken over for the other when it is asked for. (Datasets of
v1 and data assets of v2 are kept apart here.)
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import TYPE_CHECKING

from .. import curated
from ..account import timestamp
from ..artifacts import CONTAINER
from ..environments import Version, content_of
from ..mlflow_registry import MLFLOW
from ..routing import AzureError, Json
from .assets import Container, Entry
from .kinds import KINDS
from .locations import Location, datastore_uri, locate

if TYPE_CHECKING:
    from ..standin import Azure

_STORE = re.compile(r".*/datastores/([^/]+)/paths/(.*)", re.IGNORECASE)
_JOB = re.compile(r"azureml:/{2,3}(?:.+?/)?jobs/([^/]+)/outputs/", re.IGNORECASE)


class SharedAssets:
    """Takes in what v1 registered, and gives out what v2 did."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.given: set[tuple[str, str, str]] = set()  # what v1 knows as well

    def checked(self, plural: str, name: str, version: str, given: Json) -> Json:
        """What a version is to hold, its paths resolved. AzureError 400 or 404 for a wrong one."""
        if plural == "models" and given.get("modelUri"):
            uri = str(given["modelUri"])
            found = _JOB.match(uri)
            if found is not None:
                at = locate(self.azure, uri)
                if not any(at.names()):
                    raise AzureError(400, "UserError", f"No artifacts were found at {uri}.")
                return given | {"modelUri": self._place(at), "jobName": found[1]}
        if plural == "components":
            return given | {"componentSpec": _component(given.get("componentSpec"), name, version)}
        return given

    def _place(self, at: Location) -> str:
        """A location as the long URI of one of the workspace's own datastores."""
        artifacts = at.container == CONTAINER
        store = "workspaceartifactstore" if artifacts else "workspaceblobstore"
        return datastore_uri(self.azure, store, at.path.strip("/"))

    def take_in(self, plural: str) -> None:
        """Let v2 see what v1 has made, changed and deleted since."""
        if plural not in ("models", "environments"):
            return
        kept = self.azure.v2.assets.kept(plural)
        seen = {}
        if plural == "models":
            for model in list(self.azure.models.models.values()):
                seen[model["name"], str(model["version"])] = self._of_model(model)
        else:
            for versions in list(self.azure.environments.versions.values()):
                for one in versions:
                    seen[one.name, one.version] = _of_environment(one)
        for (name, version), (properties, created) in seen.items():
            container = kept.setdefault(name, _new_container(name, created))
            known = container.versions.get(version)
            if known is None:
                container.versions[version] = Entry(
                    version,
                    {**KINDS[plural].defaults, **properties},
                    self.azure.account.service_principal,
                    created,
                    changed=created,
                )
            elif plural == "models":
                known.properties |= {k: properties[k] for k in ("tags", "properties")}
                known.properties["description"] = properties["description"]
            self.given.add((plural, name, version))
        for gone in [one for one in self.given if one[0] == plural and one[1:] not in seen]:
            self.given.discard(gone)
            if gone[1] in kept:
                kept[gone[1]].versions.pop(gone[2], None)

    def _of_model(self, model: Json) -> tuple[Json, float]:
        asset = self.azure.models.assets[str(model["url"]).rpartition("/")[2]]
        artifact = (asset.get("artifacts") or [{}])[0]
        path = artifact.get("id") or artifact.get("prefix") or ""
        properties: Json = {
            "description": model["description"],
            "tags": dict(model["kvTags"]),
            "properties": dict(model["properties"]),
            "modelType": "mlflow_model" if model.get("modelFormat") == MLFLOW else "custom_model",
            "modelUri": datastore_uri(self.azure, "workspaceartifactstore", path),
            "jobName": model["runId"],
        }
        return properties, self.azure.models.created[model["id"]]

    def give_out(self, plural: str, name: str, entry: Entry) -> None:
        """Let v1 see what v2 has made or changed. v1 numbers its models: words are not for it."""
        if plural == "environments":
            self._give_environment(name, entry)
        if plural == "models" and entry.name.isdigit():
            self._give_model(name, entry)

    def _give_environment(self, name: str, entry: Entry) -> None:
        content = environment_content(self.azure, entry.properties)
        known = self.azure.environments.versions.setdefault(name, [])
        if entry.name not in [one.version for one in known]:
            known.append(Version(name, entry.name, content, entry.created))
        self.given.add(("environments", name, entry.name))

    def _give_model(self, name: str, entry: Entry) -> None:
        models, said = self.azure.models, entry.properties
        key = f"{name}:{entry.name}"
        if key in models.models:
            known = models.models[key]
            known["kvTags"], known["description"] = dict(said["tags"]), said["description"]
            known["properties"] = dict(said["properties"])
            return
        run = self.azure.runs.runs.get(said.get("jobName") or "")
        number = uuid.uuid4().hex
        asset: Json = {
            "name": name,
            "type": None,
            "description": None,
            "artifacts": [{"prefix": self._artifact(str(said["modelUri"]))}],
            "kvTags": {},
            "properties": {},
            "runid": run.id if run else None,
            "meta": {},
            "id": number,
            "createdTime": timestamp(entry.created),
        }
        who = entry.creator
        with models.lock:
            models.assets[number] = asset
            models.newest[name] = max(models.newest.get(name, 0), int(entry.name))
            models.created[key] = entry.created
            models.models[key] = {
                "description": said["description"],
                "framework": "Custom",
                "frameworkVersion": None,
                "experimentName": run.experiment.name if run else None,
                "runId": run.id if run else None,
                "parentModelId": None,
                "unpack": False,
                "datasets": [],
                "derivedModelIds": [],
                "sampleInputData": None,
                "sampleOutputData": None,
                "resourceRequirements": None,
                "name": name,
                "mimeType": "application/x-python",
                "url": f"aml://asset/{number}",
                "kvTags": dict(said["tags"]),
                "properties": dict(said["properties"]),
                "id": key,
                "version": int(entry.name),
                "createdTime": timestamp(entry.created),
                "modifiedTime": timestamp(entry.changed),
                "createdBy": {
                    "userObjectId": who.object_id if who else None,
                    "userTenantId": self.azure.account.tenant_id,
                    "userName": who.name if who else None,
                },
            }
        self.given.add(("models", name, entry.name))

    def _artifact(self, uri: str) -> str:
        """A model's files as artifacts, which v1 reads: those of a job are, others are copied."""
        at = locate(self.azure, uri)
        path = at.path.strip("/")
        found = _STORE.match(uri)
        if found is not None and found[1].lower() == "workspaceartifactstore":
            return path
        origin, container, _ = ("LocalUpload", path.split("/")[-2] if "/" in path else "v2", "")
        stem = path.rpartition("/")[2]
        for name in at.names():
            inner = name[len(path) :].lstrip("/")
            data = at.blobs.get(at.container, name) or b""
            target = f"{stem}/{inner}" if inner else stem
            self.azure.artifacts.store(origin, container, target, data)
        return f"{origin}/{container}/{stem}"

    def drop(self, plural: str, name: str, version: str) -> None:
        """v2 deleted a version: v1 has it no longer."""
        self.given.discard((plural, name, version))
        if plural == "models":
            self.azure.models.models.pop(f"{name}:{version}", None)
        if plural == "environments":
            known = self.azure.environments.versions.get(name, [])
            known[:] = [one for one in known if one.version != version]


def _component(given: Json | None, name: str, version: str) -> Json:
    """A component's specification as the service keeps it (recorded)."""
    spec = {key: value for key, value in (given or {}).items() if key != "_source"}
    if spec.get("type") == "command":
        spec["resources"] = {"instance_count": "1", **(spec.get("resources") or {})}
    return {"is_deterministic": "True", **spec, "name": name, "version": version}


def _new_container(name: str, created: float = 0.0) -> Container:
    plain: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
    return Container(name, plain, None, created or time.time())


def _of_environment(one: Version) -> tuple[Json, float]:
    """v1's definition as v2 shows it."""
    docker, python = one.content.get("docker") or {}, one.content.get("python") or {}
    properties: Json = {"image": docker.get("baseImage")}
    if one.name.startswith(curated.PREFIX):
        properties["environmentType"] = "Curated"
    if python.get("condaDependencies") and not python.get("userManagedDependencies"):
        properties["condaFile"] = json.dumps(python["condaDependencies"], indent=2)
    return {k: v for k, v in properties.items() if v}, one.created


def environment_content(azure: Azure, properties: Json) -> Json:
    """v2's environment as v1's service and the image builder know it."""
    conda = properties.get("condaFile")
    docker: Json = {"baseImage": properties.get("image")}
    if build := properties.get("build"):
        at = locate(azure, str(build["contextUri"]))
        path = f"{at.path.strip('/')}/{build.get('dockerfilePath') or 'Dockerfile'}".lstrip("/")
        text = at.blobs.get(at.container, path)
        if text is None:
            raise AzureError(400, "UserError", f"There is no {path} in the build context.")
        docker = {
            "baseDockerfile": text.decode(),
            "buildContext": {"location": str(build["contextUri"])},
        }
    python: Json = {"userManagedDependencies": not conda, "interpreterPath": "python"}
    if conda:
        python["condaDependencies"] = json.loads(conda)
    return content_of({"docker": docker, "python": python})
