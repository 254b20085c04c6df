"""The models of this machine: MLflow's tracking store and model registry in one sqlite file.

Reading asks the database itself (MLflow takes seconds to import, and drivers read before they start
anything); whatever is written is written by MLflow.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from filelock import FileLock

from amlkit.records import Model, Run, WorkError

# A version that was deleted keeps its row, in this stage
# (mlflow.entities.model_registry.STAGE_DELETED_INTERNAL).
_DELETED = "Deleted_Internal"


def import_mlflow() -> Any:
    """MLflow's client class, imported where it is used: quiet, and without its telemetry."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow.MlflowClient


class LocalModels:
    """`workspace.Models`, of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def champion(self, name: str) -> Model | None:
        """See `Models.champion`."""
        return self._registry.newest(name)

    def versions(self, name: str) -> list[Model]:
        """See `Models.versions`."""
        return self._registry.versions(name)

    def of_run(self, name: str, run_id: str) -> Model | None:
        """See `Models.of_run`."""
        return self._registry.of_run(name, run_id)

    def register(
        self, run: Run, tags: Mapping[str, str], accept: Callable[[Model | None], bool]
    ) -> Model | None:
        """See `Models.register`: under a lock, so each training sees the one before it."""
        source = self._registry.model_folder(run.id)
        if not source.is_dir() or not any(source.iterdir()):
            raise WorkError(
                f"run {run.id} wrote no outputs/model/, so there is nothing to register"
            )
        with FileLock(self._registry.lock):
            known = self._registry.of_run(run.model_name, run.id)
            if known is not None:
                return known
            if not accept(self._registry.newest(run.model_name)):
                return None
            return self._registry.register(run.model_name, run.id, tags)

    def read(self, model: Model, path: str) -> bytes | None:
        """See `Models.read`."""
        file = Path(model.source, path)
        return file.read_bytes() if file.is_file() else None

    def download(self, model: Model) -> Path:
        """See `Models.download`: they are here."""
        return Path(model.source)

    def create(self, name: str, folder: Path, tags: Mapping[str, str]) -> Model:
        """See `Models.create`."""
        raise WorkError("this machine is one workspace: no model is promoted with --local")


class Registry:
    """The store below `folder`: `mlflow.db` and `artifacts/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.database = self.folder / "mlflow.db"
        self.lock = self.folder / "registry.lock"

    def model_folder(self, run_id: str) -> Path:
        """Where a run wrote its model."""
        return self.folder / "runs" / run_id / "outputs" / "model"

    @property
    def uri(self) -> str:
        """The store's address for MLflow."""
        return f"sqlite:///{self.database.as_posix()}"

    def variables(self, experiment: str, tags: Mapping[str, str]) -> dict[str, str]:
        """The variables by which a job's MLflow finds the store, as Azure ML sets them."""
        context = {**tags, "mlflow.runName": tags["run_id"]}
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_EXPERIMENT_NAME": experiment,
            "MLFLOW_RUN_CONTEXT": json.dumps(context),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def ensure(self, experiment: str) -> None:
        """Makes the store and the experiment where they are missing; the store appears whole."""
        if self._rows("SELECT 1 FROM experiments WHERE name = ?", experiment):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.lock):
            if not self.database.is_file():
                self._create_store()
            if not self._rows("SELECT 1 FROM experiments WHERE name = ?", experiment):
                artifacts = (self.folder / "artifacts" / experiment).as_uri()
                import_mlflow()(self.uri).create_experiment(experiment, artifact_location=artifacts)

    def newest(self, name: str) -> Model | None:
        """The highest version of a model."""
        return next(reversed(self.versions(name)), None)

    def of_run(self, name: str, run_id: str) -> Model | None:
        """The version that a run registered."""
        found = [model for model in self.versions(name) if model.tags.get("run_id") == run_id]
        return found[0] if found else None

    def register(self, name: str, run_id: str, tags: Mapping[str, str]) -> Model:
        """Makes the next version of a model. The caller holds the registry's lock."""
        client = import_mlflow()(self.uri)
        if not self._rows("SELECT 1 FROM registered_models WHERE name = ?", name):
            client.create_registered_model(name)
        tracked = client.search_runs(
            [e.experiment_id for e in client.search_experiments()],
            f"tags.run_id = '{run_id}'",
            max_results=1,
        )
        version = client.create_model_version(
            name,
            self.model_folder(run_id).as_uri(),
            tracked[0].info.run_id if tracked else None,
            tags={**tags, "run_id": run_id},
        )
        return self._model(name, str(version.version), {**tags, "run_id": run_id})

    def versions(self, name: str) -> list[Model]:
        """All versions of a model, the oldest first; a version is compared as a number."""
        rows = self._rows(
            "SELECT v.version, t.key, t.value FROM model_versions v LEFT JOIN model_version_tags t "
            "ON t.name = v.name AND t.version = v.version "
            "WHERE v.name = ? AND v.current_stage IS NOT ?",
            name,
            _DELETED,
        )
        tags: dict[str, dict[str, str]] = {}
        for version, key, value in rows:
            tags.setdefault(str(version), {}).update({key: value} if key else {})
        return [self._model(name, version, tags[version]) for version in sorted(tags, key=int)]

    def _model(self, name: str, version: str, tags: Mapping[str, str]) -> Model:
        # Found by its run, not by the stored address: the repository's folder may have been moved.
        return Model(name, version, str(self.model_folder(tags.get("run_id", ""))), tags)

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """A query's rows; none where there is no store yet."""
        if not self.database.is_file():
            return []
        # Not read-only: after a kill in the middle of a write, sqlite rolls back when it opens.
        with closing(
            sqlite3.connect(f"{self.database.as_uri()}?mode=rw", uri=True, timeout=60)
        ) as connection:
            return connection.execute(query, values).fetchall()

    def _create_store(self) -> None:
        """Lets MLflow make its tables under another name: a half-made store would not open."""
        import_mlflow()
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        for left in self.folder.glob(".mlflow-*.db*"):
            left.unlink()
        half = self.folder / f".mlflow-{uuid.uuid4().hex}.db"
        store = SqlAlchemyStore(
            f"sqlite:///{half.as_posix()}", (self.folder / "artifacts").as_uri()
        )
        store.engine.dispose()
        os.replace(half, self.database)
