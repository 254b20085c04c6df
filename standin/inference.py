"""A service's container: Azure ML's real inference server, and the address it is reached at.

The layout below the root folder (`/var/azureml-app`, models in `azureml-models`) and the variables
are those of Microsoft's inference images and of the server's `config.py`.
"""

from __future__ import annotations

import http.client
import io
import shutil
import socket
import tarfile
import time
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

from . import processes
from .archives import unpack
from .routing import SERVICE, Answer, AzureError, Json, Request, route

if TYPE_CHECKING:
    from .service import Service
    from .standin import Azure

PATIENCE = 120.0
#: Of one hop, so that a forwarded answer must not carry them on.
HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"}


class ContainerCrashed(Exception):
    """The server ended, or did not answer in time; its log says why."""


class Container:
    """One started server."""

    def __init__(self, azure: Azure, folder: Path) -> None:
        self.azure, self.folder = azure, folder
        self.root = folder / "var" / "azureml-app"
        self.log_file = folder / "container.log"
        self.port = 0
        self.process: Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the container has written."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def lay_out(self, assets: list[Json], models: list[Json]) -> str:
        """Writes code and models; what AZUREML_MODEL_DIR is. AzureError when a file is gone."""
        self.root.mkdir(parents=True, exist_ok=True)
        for asset in assets:
            origin, container, path = asset["url"].split("aml://artifact/")[-1].split("/", 2)
            data = self.azure.artifacts.read(origin, container, path)
            if data is None:
                raise AzureError(400, "AssetNotFound", f"Asset {asset['url']} was not found.")
            if asset.get("unpack"):
                with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                    unpack(archive, self.root)
            else:
                (self.root / path.rpartition("/")[2]).write_bytes(data)
        folder = self.root / "azureml-models"
        folder.mkdir(exist_ok=True)
        for model in models:
            self.azure.models.write_to(model["id"], folder / model["name"] / str(model["version"]))
        if len(models) == 1:
            folder = folder / models[0]["name"] / str(models[0]["version"])
        return str(folder)

    def start(
        self, python: Path, variables: Json, model_dir: str, patience: float = PATIENCE
    ) -> None:
        """Starts the server and waits until it answers. Raises `ContainerCrashed`."""
        server = python.parent / ("azmlinfsrv.exe" if python.suffix == ".exe" else "azmlinfsrv")
        if not server.exists():
            self.log_file.write_text(
                "stand-in: the environment has neither azureml-defaults nor "
                "azureml-inference-server-http: there is no server to start\n",
                encoding="utf-8",
            )
            raise ContainerCrashed("no server")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        base = processes.bare_environment()
        environment = {
            **base,
            **{str(name): str(value) for name, value in variables.items()},
            **self.azure.client_environment(),
            "PATH": f"{python.parent}:{base.get('PATH', '')}",
            "HOME": str(home),
            "PYTHONUNBUFFERED": "1",
            "AML_APP_ROOT": str(self.root),
            "AZUREML_MODEL_DIR": model_dir,
            "WORKSPACE_NAME": self.azure.account.workspace_name,
        }
        launcher = self.folder / "inference_launcher.py"
        shutil.copy(Path(__file__).parent / "inference_launcher.py", launcher)
        script = self.root / str(variables.get("AZUREML_ENTRY_SCRIPT") or "main.py")
        command = [str(python), str(launcher), str(self.port), str(script)]
        self.process = processes.start(command, self.root, environment, self.log_file)
        end = time.monotonic() + min(patience, PATIENCE)
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise ContainerCrashed("the server ended" if self.process else "no answer")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        try:
            return self.forward("GET", "/", {}, b"").status == 200
        except OSError:
            return False

    def forward(
        self, method: str, target: str, headers: dict[str, str], body: bytes, seconds: float = 60
    ) -> Answer:
        """Asks the server. OSError when it does not listen, TimeoutError after `seconds`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, target, body or None, headers)
            response = connection.getresponse()
            kept = {k: v for k, v in response.getheaders() if k.lower() not in HOP}
            return Answer(response.status, response.read(), kept)
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends the server."""
        if self.process is not None:
            processes.end(self.process, 2.0)


class Inference:
    """The public addresses of services: http://ID.REGION.azurecontainer.io."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @route("POST", SERVICE, "/{path:path}", auth=False)
    @route("GET", SERVICE, "/{path:path}", auth=False)
    @route("OPTIONS", SERVICE, "/{path:path}", auth=False)
    def ask(self, request: Request, path: str) -> Answer:
        """Hands a request on to the service's container, where its key is right."""
        service: Service | None = self.azure.services.at(request.host)
        if service is None or service.container is None or service.state != "Healthy":
            raise AzureError(502, "BadGateway", f"No service answers at {request.host}.")
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in HOP | {"host", "authorization", "proxy-connection"}
        }
        if service.auth and request.method == "POST":
            scheme, _, key = (request.headers.get("Authorization") or "").partition(" ")
            if scheme != "Bearer" or key not in service.keys.values():
                message = b"Authorization header or key is missing or wrong."
                return Answer(401, message, {"Content-Type": "text/plain"})
        target = request.target or f"/{path}"
        if target.startswith("http"):
            target = "/" + target.split("/", 3)[3]
        try:
            return service.container.forward(request.method, target, headers, request.body)
        except OSError:
            raise AzureError(502, "BadGateway", "The container does not answer.") from None
