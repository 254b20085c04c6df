"""MLflow's tracking REST on the same runs and metrics as run history's.

Paths, keys and error bodies are those of MLflow's REST API (`service.proto`) and, for the one path
that is Azure ML's own, `aml_service_pb2.py` of azureml-mlflow.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import mlflow_search
from .account import timestamp
from .metrics import milliseconds
from .routing import API, ARM, Answer, AzureError, Json, Request, route
from .runs import ORIGIN, Experiment, Run

if TYPE_CHECKING:
    from .standin import Azure

BASE = "/mlflow/{api}{workspace}/api/2.0/mlflow/"
PREVIEW = "/mlflow/{api}{workspace}/api/2.0/preview/mlflow/"
STATUS = {"Running": "RUNNING", "Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}
CODES = {400: "INVALID_PARAMETER_VALUE", 404: "RESOURCE_DOES_NOT_EXIST"}
CODES |= {409: "RESOURCE_ALREADY_EXISTS", 403: "PERMISSION_DENIED"}
F = TypeVar("F", bound=Callable[..., Any])


def tracking(method: str, path: str, *, needs: str = "") -> Callable[[F], F]:
    """A route of MLflow's REST; refusals are answered in MLflow's own shape."""

    def mark(function: F) -> F:
        @functools.wraps(function)
        def handler(self: Any, request: Request, api: str) -> Any:
            try:
                body = dict(request.query) if method == "GET" else request.json()
                return function(self, request, body)
            except AzureError as error:
                code = CODES.get(error.status, "INTERNAL_ERROR")
                return Answer(error.status, {"error_code": code, "message": error.message})

        return route(method, API, path, needs=needs)(handler)  # type: ignore[return-value]

    return mark


class MlflowTracking:
    """The tracking server."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @tracking("POST", BASE + "experiments/create")
    def create_experiment(self, request: Request, body: Json) -> Json:
        """Makes an experiment; 409 when its name is taken."""
        runs = self.azure.runs
        if any(one.name == body.get("name") for one in runs.experiments.values()):
            raise AzureError(409, "", f"Experiment '{body['name']}' already exists.")
        made = runs.ensure_experiment(body.get("name") or "")
        made.tags.update({tag["key"]: tag["value"] for tag in body.get("tags") or []})
        return {"experiment_id": made.id}

    @tracking("GET", BASE + "experiments/get")
    def get_experiment(self, request: Request, body: Json) -> Json:
        """An experiment by its id."""
        return {"experiment": self._experiment(self.azure.runs.experiment(body["experiment_id"]))}

    @tracking("GET", BASE + "experiments/get-by-name")
    def get_experiment_by_name(self, request: Request, body: Json) -> Json:
        """An experiment by its name."""
        return {"experiment": self._experiment(self.azure.runs.experiment(body["experiment_name"]))}

    @tracking("POST", BASE + "experiments/search", needs="read")
    def search_experiments(self, request: Request, body: Json) -> Json:
        """Experiments that fit MLflow's own filter."""
        known = {
            one.id: self._experiment(one)
            for one in self.azure.runs.experiments.values()
            if self.azure.listed(one.created)
        }
        found, token = mlflow_search.experiments(list(known.values()), body)
        answer: Json = {"experiments": [known[one] for one in found]}
        return answer | ({"next_page_token": token} if token else {})

    @tracking("POST", BASE + "experiments/set-experiment-tag")
    def set_experiment_tag(self, request: Request, body: Json) -> Json:
        """Tags an experiment."""
        self.azure.runs.experiment(body["experiment_id"]).tags[body["key"]] = body["value"]
        return {}

    @tracking("POST", BASE + "runs/create")
    def create_run(self, request: Request, body: Json) -> Json:
        """Begins a run that the client drives."""
        tags = {tag["key"]: tag["value"] for tag in body.get("tags") or []}
        experiment = self.azure.runs.experiment(body.get("experiment_id") or "")
        parent = tags.get("mlflow.parentRunId")
        run = self.azure.runs.create(str(uuid.uuid4()), experiment, request.principal, parent)
        run.tags.update(tags)
        name = body.get("run_name") or tags.get("mlflow.runName")
        if name:
            run.more["displayName"] = name
        self.azure.runs.begin(run)
        run.started = timestamp(int(body.get("start_time") or 0) / 1000 or None)
        return {"run": self._run(run)}

    @tracking("POST", BASE + "runs/update")
    def update_run(self, request: Request, body: Json) -> Json:
        """Ends or renames a run; a job's status is its own."""
        run = self._find(body)
        if body.get("run_name"):
            run.more["displayName"] = body["run_name"]
        ours = {value: key for key, value in STATUS.items()}
        status = ours.get(str(body.get("status")))
        if status and not self.azure.jobs.owns(run):
            if status == "Running":
                run.status, run.ended = "Running", None
            else:
                self.azure.runs.end(run, status)
        return {"run_info": self._run(run)["info"]}

    @tracking("GET", BASE + "runs/get")
    def get_run(self, request: Request, body: Json) -> Json:
        """One run with its newest metrics, parameters and tags."""
        return {"run": self._run(self._find(body))}

    @tracking("POST", BASE + "runs/search", needs="read")
    def search_runs(self, request: Request, body: Json) -> Json:
        """Runs of some experiments that fit MLflow's own filter."""
        among = [self.azure.runs.experiment(one) for one in body.get("experiment_ids") or []]
        known = {
            run.id: self._run(run)
            for run in self.azure.runs.runs.values()
            if run.experiment in among and self.azure.listed(run.created)
        }
        found, token = mlflow_search.runs(list(known.values()), body)
        answer: Json = {"runs": [known[one] for one in found]}
        return answer | ({"next_page_token": token} if token else {})

    @tracking("POST", BASE + "runs/log-metric")
    def log_metric(self, request: Request, body: Json) -> Json:
        """Logs one metric."""
        self.azure.metrics.add_point(self._find(body).id, body)
        return {}

    @tracking("POST", BASE + "runs/log-parameter")
    def log_parameter(self, request: Request, body: Json) -> Json:
        """Logs one parameter; 400 when it has another value already."""
        self._parameter(self._find(body), body)
        return {}

    @tracking("POST", BASE + "runs/set-tag")
    def set_tag(self, request: Request, body: Json) -> Json:
        """Sets one tag."""
        self._find(body).tags[body["key"]] = body["value"]
        return {}

    @tracking("POST", BASE + "runs/delete-tag")
    def delete_tag(self, request: Request, body: Json) -> Json:
        """Takes one tag away."""
        if self._find(body).tags.pop(body["key"], None) is None:
            raise AzureError(404, "", f"No tag with name: {body['key']} in run {body['run_id']}")
        return {}

    @tracking("POST", BASE + "runs/log-batch")
    def log_batch(self, request: Request, body: Json) -> Json:
        """Logs metrics, parameters and tags at once."""
        run = self._find(body)
        for one in body.get("params") or []:
            self._parameter(run, one)
        for one in body.get("metrics") or []:
            self.azure.metrics.add_point(run.id, one)
        run.tags.update({one["key"]: one["value"] for one in body.get("tags") or []})
        return {}

    @tracking("POST", PREVIEW + "runs/log-batch-async")
    def log_batch_async(self, request: Request, body: Json) -> Json:
        """The same; done when it answers, so that there is no id to ask with."""
        self.log_batch.__wrapped__(self, request, body)  # type: ignore[attr-defined]
        return {}

    @tracking("POST", BASE + "runs/log-model")
    def log_model(self, request: Request, body: Json) -> Json:
        """Notes that a model was logged, in the tag that MLflow keeps of it."""
        run = self._find(body)
        known = json.loads(run.tags.get("mlflow.log-model.history") or "[]")
        known.append(json.loads(body["model_json"]))
        run.tags["mlflow.log-model.history"] = json.dumps(known)
        return {}

    @tracking("POST", BASE + "runs/log-inputs")
    def log_inputs(self, request: Request, body: Json) -> Json:
        """Takes the names of data sets, which are not kept."""
        self._find(body)
        return {}

    @tracking("GET", BASE + "metrics/get-history")
    def history(self, request: Request, body: Json) -> Json:
        """All values of one metric."""
        metric = self.azure.metrics.of_run(self._find(body).id).get(body.get("metric_key") or "")
        return {"metrics": metric.points() if metric else []}

    @tracking("GET", BASE + "artifacts/list")
    def artifacts(self, request: Request, body: Json) -> Json:
        """The files and folders right below a path of a run."""
        run, above = self._find(body), (body.get("path") or "").strip("/")
        prefix = f"{above}/" if above else ""
        found: dict[str, Json] = {}
        for path in self.azure.artifacts.list(ORIGIN, run.container, prefix):
            name, deeper, _ = path.removeprefix(prefix).partition("/")
            found[name] = {"path": prefix + name, "is_dir": bool(deeper)}
        return {"root_uri": self._run(run)["info"]["artifact_uri"], "files": list(found.values())}

    @route("POST", API, "/mlflow/{api}{workspace}/api/2.0/mlflow/logged-models{rest:path}")
    @route("GET", API, "/mlflow/{api}{workspace}/api/2.0/mlflow/logged-models{rest:path}")
    def logged_models(self, request: Request, api: str, rest: str) -> Answer:
        """MLflow 3's models, which Azure ML does not have (azure-sdk-for-python #44896)."""
        return Answer(404)

    @route("GET", ARM, "/metadata/endpoints", auth=False)
    def clouds(self, request: Request) -> Answer:
        """Resource Manager's list of clouds, which azureml-mlflow asks for; the public one."""
        cloud = {
            "name": "AzureCloud",
            "portal": "https://portal.azure.com",
            "resourceManager": "https://management.azure.com/",
            "authentication": {
                "loginEndpoint": "https://login.microsoftonline.com/",
                "audiences": [
                    "https://management.core.windows.net/",
                    "https://management.azure.com/",
                ],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "graphAudience": "https://graph.windows.net/",
            "graph": "https://graph.windows.net/",
            "suffixes": {"storage": "core.windows.net", "keyVaultDns": "vault.azure.net"},
        }
        return Answer(200, [cloud])

    def _find(self, body: Json) -> Run:
        run: Run = self.azure.runs.get(body.get("run_id") or body.get("run_uuid") or "")
        return run

    def _parameter(self, run: Run, one: Json) -> None:
        if run.params.get(one["key"], one["value"]) != one["value"]:
            raise AzureError(
                400,
                "",
                f"Changing param values is not allowed. Param with key='{one['key']}' was already "
                f"logged with value='{run.params[one['key']]}' for run ID='{run.id}'.",
            )
        run.params[one["key"]] = one["value"]

    def _experiment(self, one: Experiment) -> Json:
        return {
            "experiment_id": one.id,
            "name": one.name,
            "artifact_location": "",
            "lifecycle_stage": "deleted" if one.archived else "active",
            "creation_time": int(one.created * 1000),
            "last_update_time": int(one.created * 1000),
            "tags": [{"key": key, "value": value} for key, value in one.tags.items()],
        }

    def _run(self, run: Run) -> Json:
        account = self.azure.account
        where = f"{account.location}.api.azureml.ms/mlflow/v2.0{account.workspace_path}"
        place = f"experiments/{run.experiment.id}/runs/{run.id}/artifacts"  # mlflow #11103
        name = run.more.get("displayName") or run.id
        user = run.creator.name if run.creator else ""
        root = {"mlflow.rootRunId": run.root or run.id, "mlflow.runName": name, "mlflow.user": user}
        metrics = self.azure.metrics.of_run(run.id).values()
        newest = [
            max(points, key=lambda one: (one["step"], one["timestamp"]))
            for points in (metric.points() for metric in metrics)
            if points
        ]
        info = {
            "run_id": run.id,
            "run_uuid": run.id,
            "run_name": name,
            "experiment_id": run.experiment.id,
            "user_id": user,
            "status": STATUS.get(run.status, "SCHEDULED"),
            "start_time": milliseconds(run.started) if run.started else int(run.created * 1000),
            "artifact_uri": f"azureml://{where}/{place}",
            "lifecycle_stage": "active",
        }
        if run.ended:
            info["end_time"] = milliseconds(run.ended)
        return {
            "info": info,
            "data": {
                "metrics": newest,
                "params": [{"key": key, "value": value} for key, value in run.params.items()],
                "tags": [{"key": k, "value": v} for k, v in {**root, **run.tags}.items()],
            },
            "inputs": {},
        }
