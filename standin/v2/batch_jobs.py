"""Invoked batch endpoints: a job of the workspace, whose child scores.

Shapes: the recordings of azure-sdk-for-python (batch_services, test_batch_invoke), and the body
that azure-ai-ml builds (`_schema/_deployment/batch/batch_job.py`). One machine stands for all
nodes: their number counts in how many processes score at a time.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ..account import Principal
from ..errors import not_played
from ..job_inputs import Inputs
from ..routing import API, INFERENCE, Answer, AzureError, Json, Request, route
from ..runs import Run
from . import command, mlflow_models
from .assets import TYPE, page
from .batch_endpoints import Deployment, Endpoint
from .bindings import asset_uri
from .command import CommandRun
from .locations import locate
from .online_containers import place_model
from .online_rules import seconds, without_script
from .router import HEADER, may_score
from .system import system_data

if TYPE_CHECKING:
    from ..standin import Azure

_LISTED = "/mferp/managementfrontend{workspace}/batchEndpoints/{endpoint}"
DRIVER = Path(__file__).with_name("batch_driver.py")
#: What a request may say otherwise than the deployment.
OVERRIDES = ("errorThreshold", "miniBatchSize", "outputFileName", "retrySettings", "loggingLevel")
DATA = ("UriFile", "UriFolder")
IMAGES = (".png", ".jpg", ".jpeg", ".tiff", ".bmp", ".gif")


class BatchRun(CommandRun):
    """The child that scores: the driver with the deployment's script, model and settings."""

    def __init__(self, azure: Azure, run: Run, given: Json, settings: Json, parent: Run) -> None:
        super().__init__(azure, run, given)
        self.settings, self.parent = settings, parent

    def start(self) -> None:
        """Begin; who cancels the parent ends this one."""
        self.azure.jobs.jobs[self.parent.id] = self
        super().start()

    def deliver(self, definition: Json) -> Inputs:
        """Input, model and the driver with its settings."""
        bound = super().deliver(definition)
        output = self.outputs[0].path
        if self.settings.get("model"):
            models = place_model(self.azure, self.settings["model"], self.folder / "models")
            bound.environment["AZUREML_MODEL_DIR"] = str(models)
        bound.environment["AZUREML_BI_OUTPUT_PATH"] = str(output)
        told = self.settings["driver"] | {
            "input": bound.values["input_data"],
            "output": str(output / self.settings["driver"]["output"]),
        }
        work = self.folder / "wd"
        (work / "driver").mkdir()
        shutil.copy(DRIVER, work / "driver" / DRIVER.name)
        if self.settings["no_script"]:
            shutil.copy(mlflow_models.BATCH, work / "driver" / mlflow_models.BATCH.name)
            bound.environment |= mlflow_models.variables(self.azure, self.settings["model"])
        (work / "driver" / "settings.json").write_text(json.dumps(told), encoding="utf-8")
        return bound

    def _execute(self) -> None:
        self.azure.runs.begin(self.parent)
        super()._execute()
        self.azure.runs.end(self.parent, self.run.status, self.run.error)


class BatchJobs:
    """The scoring address of batch endpoints, and the lists of their jobs."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.jobs: dict[str, tuple[str, str, Json]] = {}  # name → endpoint, deployment, its body

    @route("POST", INFERENCE, "/jobs", auth=False)
    def invoke(self, request: Request) -> Answer:
        """Begins a job. 401 without a token that may, 404 without a deployment, AzureError 400."""
        endpoint: Endpoint | None = self.azure.v2.batch_endpoints.at(request.host)
        if endpoint is None:
            answer: Answer = self.azure.v2.online_router.ask(request, "jobs")
            return answer
        if not may_score(self.azure, request):
            raise AzureError(401, "Unauthorized", "The token is missing, expired or not allowed.")
        who = self.azure.identity.who(request)
        name = request.headers.get(HEADER) or endpoint.default or ""
        deployment = endpoint.deployments.get(name)
        if deployment is None or deployment.state != "Succeeded":
            said = f"deployment '{name}'" if name else "default deployment"
            raise AzureError(404, "UserError", f"Endpoint {endpoint.name} has no {said}.")
        given: Json = request.json().get("properties") or {}
        body = self._submit(endpoint, deployment, given, who)
        place = f"{self.azure.account.api}/mferp/managementfrontend"
        path = self.azure.v2.batch_endpoints.path(endpoint, deployment.name)
        version = "api-version=2020-09-01-dataplanepreview"
        headers = {HEADER: deployment.name, "Location": f"{place}{path}?{version}"}
        return Answer(201, body, headers)

    def _submit(
        self, endpoint: Endpoint, deployment: Deployment, given: Json, who: Principal
    ) -> Json:
        """Two runs, of which the child is executed; the job as it is answered."""
        place, file = _place(given)
        named = {"outputFileName": file} if file else {}
        settings = _settings(deployment.properties, given | named)
        source = _input(self.azure, given)
        if settings["no_script"]:
            check_files(self.azure, source)
        jobs = self.azure.v2.jobs
        name = f"batchjob-{uuid.uuid4()}"
        experiment = (given.get("properties") or {}).get("experimentName") or endpoint.name
        said: Json = {"experimentName": experiment, "displayName": given.get("name")}
        compute = deployment.properties["compute"]
        tags = {
            "outputType": "output_data",
            "inputType": "input_data",
            "azureml.batchrun": "true",
            "azureml.deploymentname": deployment.name,
            "azureml.jobtype": "azureml.batchjob",
        }
        properties = {
            "azureml.runsource": "azureml.PipelineRun",
            "runSource": "Unavailable",
            "runType": "HTTP",
            "azureml.parameters": json.dumps(_parameters(settings)),
            "azureml.continue_on_step_failure": "False",
            "azureml.continue_on_failed_optional_input": "False",
            "azureml.pipelineComponent": "pipelinerun",
        }
        above = {**said, "jobType": "Pipeline", "tags": tags, "properties": properties}
        above |= {"settings": {}, "inputs": {}, "outputs": {}, "jobs": {}}
        child = self._child(deployment, source, said, place)
        if settings["no_script"]:
            made = mlflow_models.registered(self.azure, settings["model"], who)
            child["environmentId"] = made
        command.check(self.azure, child)
        parent = jobs.record(name, above, who)
        parent.run.more["runType"] = "azureml.PipelineRun"
        below = jobs.record(str(uuid.uuid4()), child, who, name)
        below.run.definition = command.definition(self.azure, child)
        below.run.more |= {"target": below.run.definition["target"], "displayName": "batchscoring"}
        BatchRun(self.azure, below.run, child, settings, parent.run).start()
        body = self._body(endpoint, deployment, parent.run, given, compute)
        self.jobs[name] = (endpoint.name, deployment.name, body)
        return body

    def _child(self, deployment: Deployment, source: Json, said: Json, place: str) -> Json:
        """The job that scores, as a command."""
        told, code = deployment.properties, deployment.properties["codeConfiguration"] or {}
        return {
            "experimentName": said["experimentName"],
            "displayName": "batchscoring",
            "jobType": "Command",
            "command": "python -u driver/batch_driver.py driver/settings.json",
            "codeId": code.get("codeId"),
            "environmentId": told["environmentId"],
            "environmentVariables": told["environmentVariables"],
            "computeId": told["compute"],
            "inputs": {"input_data": source},
            "outputs": {
                "score": {"jobOutputType": "uri_folder", **({"uri": place} if place else {})}
            },
            "properties": {"azureml.StepType": "PythonScriptStep"},
        }

    def _body(
        self, endpoint: Endpoint, deployment: Deployment, run: Run, given: Json, compute: str
    ) -> Json:
        account = self.azure.account
        path = self.azure.v2.batch_endpoints.path(endpoint, deployment.name)
        plain = {"description": None, "mode": "ReadOnlyMount"}
        tracking = f"azureml://{account.api.removeprefix('https://')}/mlflow/v1.0"
        studio = f"https://ml.azure.com/runs/{run.id}?wsid={account.workspace_path}"
        return {
            "id": f"{path}/jobs/{run.id}",
            "name": run.id,
            "type": f"{TYPE}/batchEndpoints/deployments/jobs",
            "properties": {
                "provisioningState": "Succeeded",
                "inputData": {k: {**plain, **v} for k, v in given["inputData"].items()},
                "compute": {
                    "target": compute,
                    "instanceCount": (given.get("compute") or {}).get("instanceCount"),
                    "isLocal": False,
                    "location": None,
                    "instanceType": None,
                    "properties": None,
                },
                "output": {"datastoreId": None, "path": None, **(given.get("outputDataset") or {})},
                "retrySettings": deployment.properties["retrySettings"],
                "status": "Preparing",
                "interactionEndpoints": {
                    kind: {
                        "jobEndpointType": kind,
                        "port": None,
                        "endpoint": to,
                        "properties": None,
                    }
                    for kind, to in (
                        ("Tracking", f"{tracking}{account.workspace_path}?"),
                        ("Studio", studio),
                    )
                },
                "tags": dict(run.tags),
                "properties": dict(run.properties),
                "name": given.get("name") or run.id,
            },
            "systemData": system_data(run.creator, run.created, run.creator, run.created),
        }

    @route("GET", API, _LISTED + "/jobs")
    @route("GET", API, _LISTED + "/deployments/{name}/jobs")
    def list(self, request: Request, endpoint: str, name: str = "") -> Json:
        """The jobs of an endpoint or deployment, in pages. 404."""
        owner = self.azure.v2.batch_endpoints.find(endpoint)
        found = []
        for job, (where, deployment, body) in self.jobs.items():
            if where == owner.name and name in ("", deployment):
                status = self.azure.runs.get(job).status
                found.append({**body, "properties": {**body["properties"], "status": status}})
        return page(request, found[::-1])


def _settings(told: Json, given: Json) -> Json:
    """What the driver is told: the deployment's settings, with those of the request over them."""
    now = told | {key: given[key] for key in OVERRIDES if given.get(key) is not None}
    count = (given.get("compute") or {}).get("instanceCount") or told["resources"]["instanceCount"]
    model, alone = told.get("model") or {}, without_script(told)
    own = f"driver/{mlflow_models.BATCH.name}"
    return {
        "model": model.get("assetId"),
        "no_script": alone,
        "nodes": int(count),
        "driver": {
            "script": own if alone else told["codeConfiguration"]["scoringScript"],
            "below": not alone,  # folders in folders are not scored without a script
            "mini_batch_size": int(now["miniBatchSize"]),
            "error_threshold": int(now["errorThreshold"]),
            "retries": int(now["retrySettings"].get("maxRetries") or 0),
            "seconds": seconds(now["retrySettings"].get("timeout") or "PT30S"),
            "processes": int(count) * int(told["maxConcurrencyPerInstance"]),
            "append_row": told["outputAction"] == "AppendRow",
            "output": now["outputFileName"],
        },
    }


def _parameters(settings: Json) -> Json:
    """The parameters as run history shows them."""
    told = settings["driver"]
    return {
        "run_max_try": str(told["retries"]),
        "run_invocation_timeout": f"{told['seconds']:g}",
        "mini_batch_size": str(told["mini_batch_size"]),
        "error_threshold": str(told["error_threshold"]),
        "process_count_per_node": str(told["processes"] // settings["nodes"]),
        "NodeCount": str(settings["nodes"]),
        "append_row_file_name": told["output"],
    }


def _input(azure: Azure, given: Json) -> Json:
    """The one input of a model deployment, as a command's. AzureError 400, 501."""
    inputs: Json = given.get("inputData") or {}
    if len(inputs) != 1:
        raise AzureError(400, "UserError", "A model deployment takes exactly one input.")
    (one,) = inputs.values()
    kind = one.get("jobInputType")
    if kind not in DATA:
        raise not_played(f"inputs of the type {kind} of a batch deployment")
    uri = asset_uri(azure, str(one.get("uri")), kind)
    if not any(locate(azure, uri).names()):
        raise AzureError(400, "UserError", f"No data was found at {one.get('uri')}.")
    return {"jobInputType": "uri_file" if kind == "UriFile" else "uri_folder", "uri": uri}


def check_files(azure: Azure, source: Json) -> None:
    """AzureError 501 for images, which Azure hands to a model of MLflow as arrays."""
    names = locate(azure, str(source["uri"])).names()
    if found := [name for name in names if name.lower().endswith(IMAGES)]:
        raise not_played(f"images for a model of MLflow without a scoring script: {found[0]}")


def _place(given: Json) -> tuple[str, str]:
    """The folder that the output goes to, and the file in it; empty for what is not said.

    An output of the type UriFile names both. AzureError 501.
    """
    outputs: Json = given.get("outputData") or {}
    if len(outputs) > 1:
        raise not_played("several outputs of a batch deployment")
    for one in outputs.values():
        uri = re.sub(r"^azureml:/(?=subscriptions/)", "azureml://", str(one.get("uri") or ""))
        head, found, path = uri.partition("/paths/")
        path = re.sub("/{2,}", "/", path).strip("/")
        if one.get("jobOutputType") != "UriFile":
            return f"{head}{found}{path}", ""
        folder, _, file = path.rpartition("/")
        return f"{head}{found}{folder}", file
    told: Json = given.get("outputDataset") or {}
    if not told.get("datastoreId"):
        return "", ""
    store = str(told["datastoreId"]).rstrip("/").rpartition("/")[2]
    return f"azureml://datastores/{store}/paths/{str(told.get('path') or '').strip('/')}", ""
