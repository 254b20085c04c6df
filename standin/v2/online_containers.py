"""The two containers of a managed deployment: the storage initializer and the inference server.

The files lie as the service mounts them: the code asset below `/var/azureml-app`, a model at
`azureml-models/NAME/VERSION`, under the last part of its path. The head of the logs is that of
`Get-AzMLWorkspaceOnlineDeploymentLog` (Az.MachineLearningServices), which shows a whole answer.
"""

from __future__ import annotations

import datetime
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ..images import CONTAINER, ImageFailed, key_of
from ..inference import Container, ContainerCrashed
from ..interpreters import is_swap
from ..routing import AzureError, Json
from . import mlflow_models
from .command import environment
from .locations import Location, locate
from .online_rules import PROBE, seconds, without_script
from .shared import environment_content

if TYPE_CHECKING:
    from ..standin import Azure

#: The words of a container that ended: public reports (Azure/mlops-v2#120).
CRASHED = (
    "ResourceNotReady: User container has crashed or terminated. Please see troubleshooting guide, "
    "available here: https://aka.ms/oe-tsg#error-resourcenotready"
)
STEPS = ("SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart")
NOT_YET = "The container is not running yet. Please try again later.\n"


def _deeper(at: Location, folder: Path) -> Path:
    """Where the files of a model go: those of a folder keep its name above them."""
    last = at.path.strip("/").rpartition("/")[2]
    return folder / last if last and not at.is_file() else folder


def place_model(azure: Azure, asset_id: str, folder: Path) -> Path:
    """Writes a model below a folder; what AZUREML_MODEL_DIR is. AzureError when it is gone."""
    name, entry = azure.v2.assets.find(asset_id, "models")
    models = folder / name / entry.name
    at = locate(azure, str(entry.properties["modelUri"]))
    at.download(_deeper(at, models))
    return models


class DeploymentFailed(Exception):
    """A deployment that could not be started: the text is the message of its error."""


class ServingContainer(Container):
    """What one deployment runs in, made of the assets that it names."""

    def __init__(self, azure: Azure) -> None:
        super().__init__(azure, azure.folder / "deployments" / str(uuid.uuid4())[:8])
        self.folder.mkdir(parents=True)
        self.storage_log = self.folder / "storage-initializer.log"
        self.done: dict[str, str] = dict.fromkeys(STEPS, "Waiting")
        self.events: list[str] = []

    def _event(self, name: str, message: str, kind: str = "Normal") -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H:%M:%S.%f")
        self.events.append(
            f"Kind: Pod, Name: {name}, Type: {kind}, Time: {now}, Message: {message}"
        )

    def deploy(self, properties: Json, name: str) -> None:
        """Builds, downloads, starts. Raises `DeploymentFailed` with the service's words."""
        try:
            self.done["SystemSetup"] = "Succeeded"
            python, swapped = self._pull(properties)
            model_dir = self._download(properties)
            self.log_file.write_text("".join(f"{line}\n" for line in swapped), encoding="utf-8")
            self._start(properties, python, model_dir, name)
        except ImageFailed as error:
            raise DeploymentFailed(self._image_error(properties, error)) from None
        except ContainerCrashed:
            self._event("BackOff", "Back-off restarting failed container", "Warning")
            raise DeploymentFailed(CRASHED) from None
        finally:
            for step, state in self.done.items():
                self.done[step] = "Failed" if state == "InProgress" else state

    def _pull(self, properties: Json) -> tuple[Path, list[str]]:
        self.done["UserContainerImagePull"] = "InProgress"
        self._event("Pulling", "Start pulling container image")
        swapped: list[str] = []
        definition = self._definition(properties)
        python = self.azure.images.interpreter(definition, swapped.append, lambda text: None)
        self._event("Pulled", "Container image is pulled successfully")
        self.done["UserContainerImagePull"] = "Succeeded"
        return python, [line for line in swapped if is_swap(line)]

    def _definition(self, properties: Json) -> Json:
        if not without_script(properties):
            return environment(self.azure, properties["environmentId"])
        model = str(properties["model"])
        try:
            made = mlflow_models.environment(self.azure, model, mlflow_models.ONLINE)
        except AzureError as error:  # of a model whose files are none of MLflow's
            raise DeploymentFailed(f"BadArgument: {error.message}") from None
        return environment_content(self.azure, made)

    def _download(self, properties: Json) -> str:
        """Model and code, as the storage initializer brings them; what AZUREML_MODEL_DIR is."""
        self.done["ModelDownload"] = "InProgress"
        self._event("Downloading", "Start downloading models")
        self.root.mkdir(parents=True, exist_ok=True)
        models = self.root / "azureml-models"
        models.mkdir()
        if properties.get("model"):
            name, entry = self.azure.v2.assets.find(properties["model"], "models")
            models = models / name / entry.name
            self._bring(str(entry.properties["modelUri"]), models, "model")
        if without_script(properties):
            shutil.copy(mlflow_models.SCORE, self.root)
        else:
            _, code = self.azure.v2.assets.find(properties["codeConfiguration"]["codeId"], "codes")
            self._bring(str(code.properties["codeUri"]), self.root, "code")
        self._event("Downloaded", "Models are downloaded successfully or no model need to download")
        self.done["ModelDownload"] = "Succeeded"
        return str(models)

    def _bring(self, uri: str, folder: Path, what: str) -> None:
        """Downloads what a URI names: code as it is, a model under the last part of its path."""
        try:
            at = locate(self.azure, uri)
            at.download(_deeper(at, folder) if what == "model" else folder)
        except AzureError as error:
            self._note(f"ERROR: {what} {uri}: {error.message}")
            self._event("DownloadFailed", f"Model download failed: {error.message}", "Warning")
            raise DeploymentFailed(
                f"BadArgument: Unable to download user {what}: {error.message}"
            ) from None
        count = sum(path.is_file() for path in folder.rglob("*"))
        self._note(f"Downloaded {what} {uri}: {count} files are in place")

    def _note(self, line: str) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        with self.storage_log.open("a", encoding="utf-8") as stream:
            stream.write(f"{now} {line}\n")

    def _start(self, properties: Json, python: Path, model_dir: str, name: str) -> None:
        self.done["UserContainerStart"] = "InProgress"
        self._event("Created", "Created container inference-server")
        variables = {**(properties.get("environmentVariables") or {}), "SERVICE_NAME": name}
        if without_script(properties):
            script = mlflow_models.SCORE.name
            variables |= mlflow_models.variables(self.azure, properties["model"])
        else:
            script = properties["codeConfiguration"]["scoringScript"]
        if not (self.root / script).is_file():
            self.log_file.write_text(f"No scoring script {script} was found in the code.\n")
            raise ContainerCrashed("no script")
        probe = PROBE | (properties.get("readinessProbe") or {})
        patience = seconds(probe["initialDelay"])
        patience += seconds(probe["period"]) * probe["failureThreshold"]
        variables["AZUREML_ENTRY_SCRIPT"] = script
        self.start(python, variables, model_dir, patience)
        self._event("Started", "Started container inference-server")
        self._event("ContainerReady", "Container is ready")
        self.done["UserContainerStart"] = "Succeeded"

    def _image_error(self, properties: Json, error: ImageFailed) -> str:
        self._event("PullFailed", str(error).splitlines()[0], "Warning")
        if error.kind == "pull":
            return f"BadArgument: Unable to download user container image: {error}"
        path = f"ImageLogs/{key_of(self._definition(properties))}/build.log"
        return (
            "ImageBuildFailure: Image build failed. For more details, check the build log under "
            f"the storage account '{self.azure.account.storage_account}' in the container "
            f"'{CONTAINER}' at the path '{path}'"
        )

    def logs(self, kind: str, tail: int) -> str:
        """What a container wrote, its last `tail` lines under the state of the instance."""
        file = self.storage_log if kind == "StorageInitializer" else self.log_file
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else NOT_YET
        states = "".join(f"{step}: {state}\n" for step, state in self.done.items())
        events = "".join(f"{event}\n" for event in self.events)
        lines = text.splitlines(keepends=True)[-tail:]
        return (
            f"Instance status:\n{states}\nContainer events:\n{events}\n"
            f"Container logs:\n{''.join(lines)}"
        )

    def remove(self) -> None:
        """Ends the server and takes its files away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
