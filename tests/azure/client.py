"""A client of the stand-in that is not of this project: scripts on the unmodified azureml-core."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from standin import StandIn

HEAD = """
import json, logging, os, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
import azureml.core
from azureml.core import Dataset, Environment, Experiment, Model, Run, ScriptRunConfig, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.conda_dependencies import CondaDependencies
Run._WAIT_COMPLETION_POLLING_INTERVAL_MIN = 0.5
Run._WAIT_COMPLETION_POLLING_INTERVAL_MAX = 1
e = os.environ
ws = Workspace.get(
    e["AML_WORKSPACE_NAME"],
    auth=ServicePrincipalAuthentication(e["TENANT_ID"], e["SPN_ID"], e["SPN_PASSWORD"]),
    subscription_id=e["SUBSCRIPTION_ID"],
    resource_group=e["RESOURCE_GROUP"],
)

def environment(name, *packages, python="3.11"):
    made = Environment(name)
    made.python.conda_dependencies = CondaDependencies()
    made.python.conda_dependencies.set_python_version(python)
    for one in made.python.conda_dependencies.pip_packages:
        made.python.conda_dependencies.remove_pip_package(one)
    for one in packages:
        made.python.conda_dependencies.add_pip_package(one)
    return made

def submit(experiment, source, *arguments, environment, **more):
    os.makedirs("src", exist_ok=True)
    with open("src/train.py", "w") as file:
        file.write(source)
    config = ScriptRunConfig(
        "src",
        "train.py",
        arguments=list(arguments),
        compute_target="cpu-cluster",
        environment=environment,
    )
    return Experiment(ws, experiment).submit(config, **more)

def read(name):
    with open(name + ".py") as file:
        return file.read()

def wait(run):
    run.wait_for_completion(raise_on_error=False, wait_post_processing=True)
    return run.get_details()
"""


@dataclass(frozen=True)
class Client:
    """Runs scripts in a folder of its own; each begins with `ws` and the helpers above."""

    standin: StandIn
    python: str
    folder: Path

    def start(self, script: str, **sources: str) -> subprocess.CompletedProcess[str]:
        """Runs a script to its end, however that is; it gets `sources` by `read(NAME)`."""
        for name, source in sources.items():
            (self.folder / f"{name}.py").write_text(dedent(source), encoding="utf-8")
        return subprocess.run(
            [self.python, "-c", HEAD + dedent(script)],
            cwd=self.folder,
            env={**self.standin.caller, "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )

    def run(self, script: str, **sources: str) -> Any:
        """The JSON that a script prints last; it must succeed."""
        done = self.start(script, **sources)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        return json.loads(done.stdout.splitlines()[-1])

    def fail(self, script: str) -> str:
        """What a script that must fail says."""
        done = self.start(script)
        assert done.returncode != 0, done.stdout
        return done.stderr
