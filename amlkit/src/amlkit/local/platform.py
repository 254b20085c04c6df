"""No Azure: data, jobs, models and endpoints as files and processes on this machine.

```
.local-workspace/
  data/<name>/<version>/   asset.json, content/ (the table, schema.json, profile.json)
  data/<name>/latest       the version that was registered last
  environments/            a record per environment version; the serving environments themselves
  code/<version>/          snapshots of the package
  runs/<run id>/           job.json, status.json, logs/std_log.txt, outputs/, report.html
  endpoints/<name>/        wanted.json, state.json, deployments/<deployment>/
  mlflow.db, artifacts/    MLflow's tracking store and model registry
```
Whatever appears there appears whole, so that a process may be killed at any moment.
"""

from __future__ import annotations

from pathlib import Path

from amlkit.local.batch import LocalBatch
from amlkit.local.data import LocalData
from amlkit.local.endpoints import LocalEndpoints
from amlkit.local.jobs import LocalRuns
from amlkit.local.models import Registry


class LocalPlatform(LocalData, LocalRuns, LocalEndpoints, LocalBatch):
    """The `Platform` of this machine, below one folder."""

    name = "this machine"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry(folder)
