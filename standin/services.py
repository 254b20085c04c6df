"""Web services on container instances: validated, deployed in several steps, updated, deleted.

Paths and keys are those of `services_operations.py`, `AciServiceResponse` and `webservice/aci.py`
in azureml-core. The words of a crashed container are those in public threads on Azure ML.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
import uuid
from typing import TYPE_CHECKING

from .account import timestamp
from .images import CONTAINER, ImageFailed, key_of
from .inference import Container, ContainerCrashed
from .interpreters import is_swap
from .management import BASE, has_pairs, managed, one_page, patch
from .routing import API, Answer, AzureError, Json, Request, route
from .service import DEFAULT_CORES, DEFAULT_GIGABYTES, Service, crash_error, service_error

if TYPE_CHECKING:
    from .standin import Azure

#: The rule that azureml-core states for a web service's name.
NAME = re.compile(r"^(?=.{3,32}$)[a-z]([-a-z0-9]*[a-z0-9])?$")
#: What a container group may have at most in an ordinary region.
MOST_CORES, MOST_GIGABYTES = 4, 16
CHANGEABLE = frozenset({"kvTags", "properties", "description", "authEnabled"})
CHANGEABLE |= {"environmentImageRequest", "appInsightsEnabled"}


class Services:
    """The service part of model management."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.lock = threading.RLock()
        self.services: dict[str, Service] = {}
        self.operations: dict[str, Json] = {}
        self.threads: list[threading.Thread] = []

    def find(self, name: str) -> Service:
        """A service. AzureError 404 when there is none."""
        found = self.services.get(name)
        if found is None:
            raise AzureError(404, "WebserviceNotFound", f"Service {name} was not found.")
        return found

    def at(self, host: str) -> Service | None:
        """The service behind a public host name."""
        return next((one for one in self.services.values() if one.host == host.lower()), None)

    def using(self, model: str) -> list[Service]:
        """The services that serve a model."""
        return [
            one
            for one in self.services.values()
            if model in [served["id"] for served in one.models]
        ]

    def refusal(self, body: Json) -> str:
        """Why a request for a service is refused; empty when it is not."""
        needs = body.get("containerResourceRequirements") or {}
        cores = needs.get("cpu") or DEFAULT_CORES
        gigabytes = needs.get("memoryInGB") or DEFAULT_GIGABYTES
        if not NAME.match(body.get("name") or ""):
            return (
                "Invalid service name. It must be between 3 and 32 characters long, start with a "
                "letter, end with a letter or digit, and hold only lowercase letters, digits, '-'."
            )
        if body.get("computeType") != "ACI":
            return f"The stand-in does not play compute type {body.get('computeType')}."
        if body.get("sslEnabled"):
            return "The stand-in does not play TLS of a service."
        if not 0.1 <= cores <= MOST_CORES or not 0.1 <= gigabytes <= MOST_GIGABYTES:
            return (
                f"The requested resource is not available in the location '{self.location}' at "
                f"this moment: {cores} CPU and {gigabytes} GB of memory; a container group has at "
                f"most {MOST_CORES} CPU and {MOST_GIGABYTES} GB."
            )
        return ""

    @property
    def location(self) -> str:
        """The region."""
        return self.azure.account.location

    @route("POST", API, BASE + "/services/validate", needs="read")
    @route("POST", API, BASE + "/services/validate/resource", needs="read")
    @managed
    def validate(self, request: Request) -> Json:
        """Says before a deployment whether it would be refused."""
        body = request.json()
        create = body.get("createRequest") if "createRequest" in body else body
        message = self.refusal(create) if isinstance(create, dict) else ""
        return {"error": {"code": "BadRequest", "message": message}} if message else {}

    @route("POST", API, BASE + "/services/validate/name/{name}", needs="read")
    @managed
    def validate_name(self, request: Request, name: str) -> Json:
        """Says whether a name is taken."""
        if name not in self.services:
            return {}
        message = f"Service {name} with the same name already exists, please use a different "
        return {"error": {"code": "Conflict", "message": f"{message}service name or delete it."}}

    @route("POST", API, BASE + "/services", needs="service")
    @managed
    def create(self, request: Request) -> Answer:
        """Begins to deploy a service."""
        body = request.json()
        if why := self.refusal(body):
            raise AzureError(400, "BadRequest", why)
        models = self._models(body)
        with self.lock:
            old = self.services.get(body["name"])
            if old is not None and not body.get("overwrite"):
                raise AzureError(409, "Conflict", f"Service {body['name']} already exists.")
            made = Service(body["name"], body, self.location, request.principal, models=models)
            self.services[made.name] = made
        return Answer(202, None, self._deploy(made, old.container if old else None))

    def _models(self, body: Json) -> list[Json]:
        image = body.get("environmentImageRequest") or {}
        return [self.azure.models.find(model) for model in image.get("modelIds") or []]

    def _deploy(self, service: Service, old: Container | None) -> dict[str, str]:
        """Starts a deployment; the header that says where to watch it."""
        operation, where = self._operation(service, "Service")
        operation["operationDetails"] = {
            "subOperationType": "BuildEnvironment",
            "subOperationState": "Running",
        }
        service.operation, service.state, service.error = operation["id"], "Transitioning", None
        thread = threading.Thread(
            target=self._deploying, args=(service, operation, old), daemon=True
        )
        self.threads.append(thread)
        thread.start()
        return where

    def _operation(self, service: Service, kind: str) -> tuple[Json, dict[str, str]]:
        """A long operation, and the header that says where to watch it."""
        operation: Json = {
            "id": str(uuid.uuid4()),
            "operationType": kind,
            "state": "NotStarted",
            "createdTime": timestamp(),
            "endTime": None,
            "error": None,
            "resourceLocation": f"/services/{service.name}",
            "operationLog": None,
        }
        self.operations[operation["id"]] = operation
        account = self.azure.account
        address = f"{account.api}/modelmanagement/v1.0{account.workspace_path}/operations"
        return operation, {"Operation-Location": f"{address}/{operation['id']}"}

    def _deploying(self, service: Service, operation: Json, old: Container | None) -> None:
        """The steps of a deployment; runs in a thread of its own."""
        time.sleep(self.azure.lag)
        operation["state"] = "Running"
        container = Container(self.azure, self.azure.folder / "services" / str(uuid.uuid4())[:8])
        try:
            image = service.request["environmentImageRequest"]
            definition = self.azure.environments.brought(image.get("environment") or {})
            operation["operationLog"] = self.azure.blobs.sas(
                CONTAINER, f"ImageLogs/{key_of(definition)}/build.log"
            )
            notes: list[str] = []
            python = self.azure.images.interpreter(definition, notes.append, lambda text: None)
            operation["operationDetails"]["subOperationType"] = "DeployService"
            if old is not None:
                old.stop()
            service.container = container
            model_dir = container.lay_out(image.get("assets") or [], service.models)
            container.log_file.write_text(
                "".join(f"{note}\n" for note in notes if is_swap(note)), encoding="utf-8"
            )
            variables = definition.get("environmentVariables") or {}
            container.start(python, {**variables, "SERVICE_NAME": service.name}, model_dir)
            time.sleep(self.azure.lag)
            service.state, operation["state"] = "Healthy", "Succeeded"
        except ContainerCrashed:
            self._failed(service, operation, crash_error(service.name))
        except ImageFailed as error:
            message = f"Failed building the Environment. {error}"
            self._failed(service, operation, service_error("EnvironmentBuildFailed", message))
        except AzureError as error:
            self._failed(service, operation, service_error(error.code, error.message))
        except Exception as error:
            message = f"stand-in: {error!r}"
            self._failed(service, operation, service_error("InternalServerError", message))
        operation["endTime"] = service.updated = timestamp()
        if self.services.get(service.name) is not service:
            container.stop()  # deleted or replaced meanwhile

    def _failed(self, service: Service, operation: Json, error: Json) -> None:
        service.error = operation["error"] = error
        service.state = operation["state"] = "Failed"

    @route("GET", API, BASE + "/operations/{operation}")
    @managed
    def operation(self, request: Request, operation: str) -> Json:
        """How far a deployment is."""
        if operation not in self.operations:
            raise AzureError(404, "OperationNotFound", f"Operation {operation} was not found.")
        return self.operations[operation]

    @route("GET", API, BASE + "/services")
    @managed
    def list_services(self, request: Request) -> Json:
        """Lists services by name, model, tags and properties."""
        query = request.query
        found = [
            one.dto()
            for one in self.services.values()
            if self.azure.listed(one.created)
            and query.get("name") in (None, one.name)
            and query.get("computeType", "ACI") == "ACI"
            and query.get("modelName") in (None, *[model["name"] for model in one.models])
            and query.get("modelId") in (None, *[model["id"] for model in one.models])
            and has_pairs(one.request.get("kvTags") or {}, query.get("tags"))
            and has_pairs(one.request.get("properties") or {}, query.get("properties"))
        ]
        account = self.azure.account
        address = f"{account.api}/modelmanagement/v1.0{account.workspace_path}/services"
        return one_page(found, request, address)

    @route("GET", API, BASE + "/services/{name}")
    @managed
    def get(self, request: Request, name: str) -> Json:
        """One service."""
        return self.find(name).dto()

    @route("PATCH", API, BASE + "/services/{name}", needs="service")
    @managed
    def update(self, request: Request, name: str) -> Answer:
        """Changes a service; new code, models or packages come behind the same address."""
        service = self.find(name)
        operations: list[Json] = json.loads(request.body or b"[]")
        changed = {**service.request}
        patch(changed, operations, CHANGEABLE)
        models = self._models(changed)
        service.request, service.models, service.updated = changed, models, timestamp()
        if not any(one["path"] == "/environmentImageRequest" for one in operations):
            return Answer(200, service.dto())
        return Answer(202, None, self._deploy(service, service.container))

    @route("DELETE", API, BASE + "/services/{name}", needs="service")
    @managed
    def delete(self, request: Request, name: str) -> Answer:
        """Deletes a service; 204 when there is none."""
        with self.lock:
            service = self.services.pop(name, None)
        if service is None:
            return Answer(204)
        if service.container is not None:
            service.container.stop()
        return Answer(200)

    @route("POST", API, BASE + "/services/{name}/listkeys", needs="service")
    @managed
    def list_keys(self, request: Request, name: str) -> Json:
        """The keys of a service."""
        return dict(self.find(name).keys)

    @route("POST", API, BASE + "/services/{name}/regenerateKeys", needs="service")
    @managed
    def regenerate_keys(self, request: Request, name: str) -> Answer:
        """Makes one key anew, or sets it."""
        service, body = self.find(name), request.json()
        kind = "secondaryKey" if str(body.get("keyType")).lower() == "secondary" else "primaryKey"
        service.keys[kind] = body.get("keyValue") or secrets.token_urlsafe(24)
        operation, where = self._operation(service, "RegenerateKeys")
        operation["state"], operation["endTime"] = "Succeeded", timestamp()
        return Answer(202, None, where)

    @route("GET", API, BASE + "/services/{name}/logs")
    @managed
    def logs(self, request: Request, name: str) -> Json:
        """The last lines that the container wrote."""
        container = self.find(name).container
        lines = container.log.splitlines(keepends=True) if container else []
        tail = int(request.query.get("tail") or 5000)
        return {"id": name, "content": "".join(lines[-tail:])}

    def close(self) -> None:
        """Ends all containers."""
        services, self.services = list(self.services.values()), {}
        for service in services:
            if service.container is not None:
                service.container.stop()
        for thread in self.threads:
            thread.join(10)
