"""MLflow's own search over experiments and runs, by the code of MLflow itself (mlflow-skinny).

Imported when first asked: it takes a second or two.
"""

from __future__ import annotations

import importlib
from typing import Any

from .errors import AzureError
from .routing import Json


def experiments(known: list[Json], body: Json) -> tuple[list[str], str | None]:
    """The ids of the experiments on the page asked for, and the token of the next."""
    entity = importlib.import_module("mlflow.entities").Experiment
    search = importlib.import_module("mlflow.utils.search_utils").SearchExperimentsUtils
    tag = importlib.import_module("mlflow.entities").ExperimentTag
    entities = [
        entity(**{**one, "tags": [tag(pair["key"], pair["value"]) for pair in one["tags"]]})
        for one in known
    ]
    page, token = _search(search, entities, body)
    return [one.experiment_id for one in page], token


def runs(known: list[Json], body: Json) -> tuple[list[str], str | None]:
    """The ids of the runs on the page asked for, and the token of the next."""
    search = importlib.import_module("mlflow.utils.search_utils").SearchUtils
    page, token = _search(search, [_entity(one) for one in known], body)
    return [one.info.run_id for one in page], token


def _search(search: Any, entities: list[Any], body: Json) -> tuple[list[Any], str | None]:
    failure = importlib.import_module("mlflow.exceptions").MlflowException
    try:
        found = search.sort(search.filter(entities, body.get("filter")), body.get("order_by") or [])
        page, token = search.paginate(
            found, body.get("page_token"), int(body.get("max_results") or 1000)
        )
    except failure as error:
        raise AzureError(400, "", str(error)) from None
    return list(page), token


def _entity(run: Json) -> Any:
    """A run of MLflow's own kind."""
    kinds = importlib.import_module("mlflow.entities")
    info, data = run["info"], run["data"]
    names = ("run_id", "experiment_id", "user_id", "status", "start_time", "end_time")
    return kinds.Run(
        kinds.RunInfo(
            **{name: info.get(name) for name in (*names, "lifecycle_stage", "run_name")},
            artifact_uri=info["artifact_uri"],
        ),
        kinds.RunData(
            [
                kinds.Metric(p["key"], p["value"], p["timestamp"], p["step"])
                for p in data["metrics"]
            ],
            [kinds.Param(pair["key"], pair["value"]) for pair in data["params"]],
            [kinds.RunTag(pair["key"], pair["value"]) for pair in data["tags"]],
        ),
    )
