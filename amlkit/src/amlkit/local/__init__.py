"""No Azure: data, jobs, models and endpoints as files and processes of this machine.

```
.local-workspace/
  data/<name>/<version>/   asset.json, content/ (the table, schema.json, profile.json)
  data/<name>/latest       the version that was registered last
  environments/            a record for each training environment; the serving environments
  code/<version>/          snapshots of the package
  ejected/                 amlkit's wheel, built of the repository's own copy
  pipelines/<run id>/      pipeline.json: the runs of its steps; what they hand over meanwhile
  runs/<run id>/           job.json, status.json, logs/std_log.txt, outputs/, report.html
  endpoints/<name>/        wanted.json, state.json, supervisor.log, deployments/<deployment>/
  mlflow.db, artifacts/    MLflow's tracking store and model registry
```
Whatever appears there appears whole, so that a process may be killed at any moment.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlkit.workspace import Workspace

__all__ = ["open_local"]


def open_local(folder: Path) -> Workspace:
    """The workspace of this machine; nothing is made before it is needed.

    Args:
        folder: where it is kept, `.local-workspace` in the root of a repository.
    """
    from amlkit.local.data import LocalData
    from amlkit.local.endpoints import LocalEndpoints
    from amlkit.local.environments import LocalEnvironments
    from amlkit.local.jobs import LocalJobs
    from amlkit.local.models import LocalModels, Registry
    from amlkit.local.pipelines import LocalPipelines
    from amlkit.workspace import Workspace

    registry = Registry(folder)
    environments = LocalEnvironments(folder)
    jobs = LocalJobs(folder, registry)
    return Workspace(
        name="this machine",
        data=LocalData(folder),
        environments=environments,
        jobs=jobs,
        models=LocalModels(registry),
        endpoints=LocalEndpoints(folder, environments),
        pipelines=LocalPipelines(folder, jobs),
    )
