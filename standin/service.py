"""One web service as model management knows it, and the errors of one that failed."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field

from .account import Principal, timestamp
from .inference import Container
from .routing import Json

# What the service says of resources; azureml-core's general reader wants each of them.
_RESOURCES = ("cpu", "cpuLimit", "memoryInGB", "memoryInGBLimit", "gpu")
#: What a service has whose request says nothing: `AciWebservice.deploy_configuration`.
DEFAULT_CORES, DEFAULT_GIGABYTES = 0.1, 0.5


@dataclass
class Service:
    """One service. `request` is the body it was made from, with what was changed since."""

    name: str
    request: Json
    location: str
    creator: Principal | None
    created: float = field(default_factory=time.time)
    updated: str = field(default_factory=timestamp)
    state: str = "Transitioning"
    error: Json | None = None
    host: str = ""
    container: Container | None = None
    models: list[Json] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    operation: str = ""

    def __post_init__(self) -> None:
        self.host = f"{uuid.uuid4()}.{self.location}.azurecontainer.io"
        given = self.request.get("keys") or {}
        for key in ("primaryKey", "secondaryKey"):
            self.keys[key] = given.get(key) or secrets.token_urlsafe(24)

    @property
    def auth(self) -> bool:
        """Whether requests need a key; off by default, as on ACI."""
        return bool(self.request.get("authEnabled"))

    def dto(self) -> Json:
        """The service as it is answered: the keys of `AciServiceResponse`."""
        image, healthy = self.request.get("environmentImageRequest") or {}, self.state == "Healthy"
        asked = self.request.get("containerResourceRequirements") or {}
        return {
            "id": self.name,
            "name": self.name,
            "description": self.request.get("description"),
            "kvTags": self.request.get("kvTags") or {},
            "properties": self.request.get("properties") or {},
            "operationId": self.operation,
            "state": self.state,
            "createdTime": timestamp(self.created),
            "updatedTime": self.updated,
            "error": self.error,
            "deploymentType": "HttpRealtimeEndpoint",
            "createdBy": {"userName": self.creator.name if self.creator else None},
            "computeType": "ACI",
            "containerResourceRequirements": {
                **dict.fromkeys(_RESOURCES),
                **asked,
                "cpu": asked.get("cpu") or DEFAULT_CORES,
                "memoryInGB": asked.get("memoryInGB") or DEFAULT_GIGABYTES,
            },
            "imageId": None,
            "imageDigest": None,
            "scoringUri": f"http://{self.host}/score" if healthy else None,
            "swaggerUri": f"http://{self.host}/swagger.json" if healthy else None,
            "location": self.location,
            "authEnabled": self.auth,
            "sslEnabled": False,
            "sslCertificate": None,
            "sslKey": None,
            "appInsightsEnabled": bool(self.request.get("appInsightsEnabled")),
            "cname": None,
            "publicIp": "127.0.0.1" if healthy else None,
            "publicFqdn": self.host if healthy else None,
            "models": self.models,
            "environmentImageRequest": {**image, "models": self.models},
        }


def service_error(code: str, message: str, details: list[Json] | None = None) -> Json:
    """The error of a service that failed."""
    return {"code": code, "statusCode": 400, "message": message, "details": details or []}


def crash_error(name: str) -> Json:
    """What Azure ML says of a container that ends at once."""
    hint = (
        "Your container application crashed. This may be caused by errors in your scoring file's "
        f"init() function.\n1. Please check the logs for your container instance: {name}. From the "
        "AML SDK, you can run print(service.get_logs()) if you have service object to fetch the "
        "logs.\n2. You can interactively debug your scoring file locally. Please refer to "
        "https://docs.microsoft.com/azure/machine-learning/how-to-debug-visual-studio-code"
    )
    return service_error(
        "AciDeploymentFailed",
        f"Aci Deployment failed with exception: {hint}",
        [{"code": "CrashLoopBackOff", "message": hint}],
    )
