"""What a plain script with the same SDK calls does: submit, wait, read metrics, register."""

from __future__ import annotations

import json
import os
import shlex
import sys

from azureml.core import Dataset, Environment, Experiment, ScriptRunConfig, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.compute import ComputeTarget

data, environment, version, snapshot, package, name = sys.argv[1:]
e = os.environ
workspace = Workspace.get(
    e["AML_WORKSPACE_NAME"],
    ServicePrincipalAuthentication(e["TENANT_ID"], e["SPN_ID"], e["SPN_PASSWORD"]),
    e["SUBSCRIPTION_ID"],
    e["RESOURCE_GROUP"],
)
table = Dataset.get_by_name(workspace, data)
settings = shlex.quote(json.dumps({"seed": 0}))
config = ScriptRunConfig(
    snapshot,
    command=[
        *("python", "-m", f"{package}.train", "--target", "Sex", "--settings", settings),
        *("--data", table.as_named_input("data").as_download()),
    ],
    compute_target=ComputeTarget(workspace, "cpu-cluster"),
    environment=Environment.get(workspace, environment, version),
)
run = Experiment(workspace, "plain").submit(config)
run.wait_for_completion(show_output=True)
metrics = run.get_metrics()
model = run.register_model(name, "outputs/model", tags={"roc_auc": str(metrics["roc_auc"])})
print(model.id)
