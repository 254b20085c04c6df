"""What a plain script with SDK v2's calls does: submit, stream, download metrics, register."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from pathlib import Path

from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import Model
from azure.identity import ClientSecretCredential

data, environment, version, snapshot, package, name = sys.argv[1:]
e = os.environ
client = MLClient(
    ClientSecretCredential(e["TENANT_ID"], e["SPN_ID"], e["SPN_PASSWORD"]),
    e["SUBSCRIPTION_ID"],
    e["RESOURCE_GROUP"],
    e["AML_WORKSPACE_NAME"],
)
table = client.data.get(data, label="latest")
settings = shlex.quote(json.dumps({"seed": 0}))
job = client.jobs.create_or_update(
    command(
        code=snapshot,
        command=f"python -m {package}.train --target Sex --settings {settings}"
        " --data ${{inputs.data}}",
        inputs={"data": Input(type="uri_folder", path=table.id)},
        environment=client.environments.get(environment, version),
        experiment_name="plain",
    )
)
client.jobs.stream(job.name)
with tempfile.TemporaryDirectory() as folder:
    client.jobs.download(job.name, download_path=folder)
    [written] = Path(folder).rglob("outputs/metrics.json")
    metrics = json.loads(written.read_text(encoding="utf-8"))["metrics"]
path = f"azureml://jobs/{job.name}/outputs/artifacts/paths/outputs/model/"
tags = {"roc_auc": str(metrics["roc_auc"])}
model = client.models.create_or_update(Model(name=name, path=path, type="custom_model", tags=tags))
print(model.id)
