"""A table in a datastore scored there: a batch endpoint of SDK v2, and the parallel job behind it.

Endpoint and deployment are made by their content, and cost nothing while no job runs. Each file of
the table is a piece of the work; its answers are a file of the same name.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from amlkit.azure.connection import watch
from amlkit.azure.data import place
from amlkit.azure.log import log_among
from amlkit.azureml_v2 import compute, datastores
from amlkit.azureml_v2.connection import Connection, if_there, job_status, silently
from amlkit.azureml_v2.environments import AzureEnvironments
from amlkit.azureml_v2.online import check_taken
from amlkit.content import identity, new_folder
from amlkit.records import DeploymentDefinition, TableRefused, WorkError
from amlkit.serving.minibatch import KEEP, PACKAGE, SUFFIX
from amlkit.settings import SettingsError
from amlkit.tabular.parts import KNOWLEDGE, MLTABLE, is_hidden
from amlkit.workspace import Say

ENTRY = "amlkit_batch.py"
SCRIPT = '''"""What a batch deployment runs: init() once in a process, then run() with files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from amlkit.serving.minibatch import init, run  # noqa: E402, F401
'''
# A piece of the work may take so long (s); what fails once by itself is tried once more.
PIECE_LIMIT, RETRIES = 3600, 1
POLL_INTERVAL, SAY_INTERVAL = 10.0, 60.0
LOG_LINES = 20


class BatchScoring:
    """Scores tables by the batch endpoint of an endpoint of config.yml."""

    def __init__(self, connection: Connection, environments: AzureEnvironments) -> None:
        self.connection = connection
        self._environments = environments

    def score(
        self,
        definition: DeploymentDefinition,
        source: str,
        target: str,
        keep: Sequence[str],
        suffix: str,
        say: Say,
    ) -> tuple[str, list[str]]:
        """See `Endpoints.score_stored`."""
        store, path = place(source)
        files, kind, path = self._table(store, path)
        endpoint = self._endpoint(definition.endpoint, say)
        deployment = self._deployment(endpoint, definition, keep, suffix, say)
        where = f"scored/{endpoint}/{uuid.uuid4().hex[:12]}"
        out_store, out_path = place(target) if target else (self._default(), where)
        job = self._invoked(endpoint, deployment, f"{kind} {store} {path}", out_store, out_path)
        say(f"batch job {job}: {len(files)} file{'s' if len(files) > 1 else ''}")
        self._finished(job, say)
        answers = [f"{out_path}/{Path(file).stem}{suffix}" for file in files]
        return out_store, answers

    def _table(self, store: str, path: str) -> tuple[list[str], str, str]:
        """(its files in order, the kind of input, its place) of a table at a path.

        Raises:
            SettingsError: there is none.
            TableRefused: its parts lie in folders of their own.
        """
        container, path = datastores.container(self.connection, store), path.strip("/")
        names = [blob.name for blob in container.list_blobs(name_starts_with=path) if blob.size]
        inside = [one for one in names if one == path or one.startswith(f"{path}/")]
        below = {one: one.removeprefix(path).strip("/") for one in inside}
        files = sorted(
            one
            for one, rest in below.items()
            if rest not in KNOWLEDGE and not is_hidden(PurePosixPath(rest))
        )
        if not files:
            raise SettingsError(f"--batch: there is no table at {path} in datastore {store}")
        if f"{path}/{MLTABLE}" in files:
            raise TableRefused(
                f"{path} in datastore {store}: a batch endpoint scores files as they are, and "
                f"reads no {MLTABLE}; {_without_mltable(store, path, files)}fetch the folder and "
                "score the table here: --batch FOLDER"
            )
        folders = {one.rpartition("/")[0] for one in files}
        if len(folders) > 1:
            raise TableRefused(
                f"{path} in datastore {store}: the parts of a table that is scored by a batch "
                "endpoint lie in one folder, not below it"
            )
        if len(files) == 1:
            if is_hidden(PurePosixPath(files[0]).relative_to(*folders)):
                raise TableRefused(
                    f"{files[0]} in datastore {store}: a name that begins with a point or an "
                    "underscore is none of a table's; give it another"
                )
            return files, "uri_file", files[0]
        return files, "uri_folder", f"{folders.pop()}/"

    def _endpoint(self, online: str, say: Say) -> str:
        """The batch endpoint beside an online one, made where it is missing; its name."""
        from azure.ai.ml.entities import BatchEndpoint

        name, endpoints = f"{online[:26].rstrip('-')}-batch", self.connection.client.batch_endpoints
        if if_there(lambda: endpoints.get(name)) is None:
            try:
                endpoints.begin_create_or_update(BatchEndpoint(name=name)).result()
            except Exception as error:
                check_taken(error, self.connection, name)
                raise
            say(f"batch endpoint {name} created")
        return name

    def _deployment(
        self,
        endpoint: str,
        definition: DeploymentDefinition,
        keep: Sequence[str],
        suffix: str,
        say: Say,
    ) -> str:
        """The deployment of this content, made where it is missing; its name."""
        from azure.ai.ml.constants import BatchDeploymentOutputAction
        from azure.ai.ml.entities import (
            BatchRetrySettings,
            CodeConfiguration,
            ModelBatchDeployment,
            ModelBatchDeploymentSettings,
            ResourceConfiguration,
        )

        wanted, settings = self.connection.settings.azure.batch, self.connection.settings
        if wanted.lock and settings.azure.environment.python == "3.13":
            raise SettingsError(
                f"{settings.origin('azure.environment.python')}: the job behind a batch endpoint "
                "imports azureml-core, which is proven on Python 3.11 and 3.12 alone: one of "
                "these, or azure.batch.lock empty and an environment of your own"
            )
        called = replace(
            definition.environment,
            name=f"{definition.environment.name}-batch" if wanted.lock else "",
            azure_lock=wanted.lock,
        )
        if not wanted.lock:
            called = definition.environment
        environment = self._environments.create(called)
        variables = {
            PACKAGE: definition.package,
            KEEP: json.dumps(list(keep), ensure_ascii=True),
            SUFFIX: suffix,
        }
        cluster = wanted.compute or compute.ensure(self.connection)
        if not cluster:
            raise SettingsError(
                f"{settings.origin('azure.batch.compute')}: a batch endpoint needs a cluster: name "
                "one in azure.batch.compute or azure.compute.name"
            )
        sizes = (wanted.instance_count, wanted.max_concurrency_per_instance, wanted.mini_batch_size)
        content = identity(
            [
                *(definition.model.name, definition.model.version, definition.code_version),
                *(environment.name, environment.version, variables, cluster, sizes, SCRIPT),
            ]
        )
        version = re.sub(r"[^a-z0-9]+", "-", definition.model.version.lower())[:12]
        name = f"v{version}-{content}"
        deployments = self.connection.client.batch_deployments
        known = if_there(lambda: deployments.get(name, endpoint))
        if known is not None and known.provisioning_state == "Succeeded":
            return name
        made = ModelBatchDeployment(
            name=name,
            endpoint_name=endpoint,
            model=f"azureml:{definition.model.name}:{definition.model.version}",
            environment=f"azureml:{environment.name}:{environment.version}",
            code_configuration=CodeConfiguration(
                code=str(self._code(definition)), scoring_script=ENTRY
            ),
            compute=cluster,
            resources=ResourceConfiguration(instance_count=wanted.instance_count),
            settings=ModelBatchDeploymentSettings(
                mini_batch_size=wanted.mini_batch_size,
                max_concurrency_per_instance=wanted.max_concurrency_per_instance,
                output_action=BatchDeploymentOutputAction.SUMMARY_ONLY,
                error_threshold=0,
                retry_settings=BatchRetrySettings(max_retries=RETRIES, timeout=PIECE_LIMIT),
                environment_variables=variables,
            ),
        )
        with silently():
            deployments.begin_create_or_update(made).result()
        say(f"batch deployment {name} created")
        return name

    def _code(self, definition: DeploymentDefinition) -> Path:
        """The snapshot of the package with the entry script beside it."""
        home = self.connection.folder / "batch" / f"{definition.code_version}-{identity(SCRIPT)}"
        if not home.is_dir():
            with new_folder(home) as half:
                shutil.copytree(definition.code, half, dirs_exist_ok=True)
                (half / ENTRY).write_text(SCRIPT, encoding="utf-8")
        return home

    def _default(self) -> str:
        return str(datastores.datastore(self.connection).name)

    def _invoked(self, endpoint: str, deployment: str, what: str, store: str, folder: str) -> str:
        """Asks for the job; its name."""
        from azure.ai.ml import Input

        kind, origin, path = what.split(" ", 2)
        client = self.connection.client
        place_id = client.datastores.get(store).id
        job = client.batch_endpoints.invoke(
            endpoint,
            deployment_name=deployment,
            inputs={
                "input_data": Input(type=kind, path=f"azureml://datastores/{origin}/paths/{path}")
            },
            params_override=[
                {"output_dataset.datastore_id": f"azureml:{place_id}"},
                {"output_dataset.path": f"/{folder}/"},
            ],
        )
        return str(job.name)

    def _finished(self, job: str, say: Say) -> None:
        """Waits for the job.

        Raises:
            WorkError: it failed; the last lines of its log have been said.
        """
        began = said = time.monotonic()

        def look() -> str:
            nonlocal said
            if time.monotonic() - said >= SAY_INTERVAL:
                said = time.monotonic()
                say(f"batch job {job}: {(said - began) / 60:.0f} min so far")
            return job_status(self.connection.client.jobs.get(job))

        try:
            over = ("Completed", "Failed", "Canceled", "CanceledRequested", "NotResponding")
            status = watch(look, POLL_INTERVAL, lambda seen: seen in over)
        except KeyboardInterrupt:
            self.connection.client.jobs.begin_cancel(job)
            raise KeyboardInterrupt(f"interrupted; batch job {job} is cancelled") from None
        if status == "Completed":
            return
        lines = self._log(job)
        if lines:
            say("the last lines of its log:")
        for line in lines[-LOG_LINES:]:
            say(f"  {line}")
        raised = (re.match(r"(?:[\w.]+\.)?\w*(?:Error|CannotAnswer): (.+)", one) for one in lines)
        why = next((found[1] for found in raised if found), "see the studio")
        raise WorkError(f"batch job {job} is {status}: {why}")

    def _log(self, job: str) -> list[str]:
        """What the part of a batch job that scores has written."""
        container = datastores.container(self.connection, datastores.ARTIFACT_STORE)
        for child in self.connection.client.jobs.list(parent_job_name=job):
            prefix = f"ExperimentRun/dcid.{child.name}/"
            names = [one.name[len(prefix) :] for one in container.list_blobs(prefix)]
            errors = sorted(name for name in names if name.startswith("logs/user/error"))
            name = (errors or [log_among(names)])[0]
            if name:
                raw = container.get_blob_client(prefix + name).download_blob().readall()
                return bytes(raw).decode("utf-8", "replace").strip().splitlines()
        return []


def _without_mltable(store: str, folder: str, files: Sequence[str]) -> str:
    """What may be named instead of a folder with a file MLTable; empty if nothing lies there."""
    others = [file for file in files if file != f"{folder}/{MLTABLE}"]
    place = f"azureml://datastores/{store}/paths/"
    folders = {file.rpartition("/")[0] for file in others}
    if len(folders) == 1 and folders != {folder}:
        return f"name the folder of its files, {place}{folders.pop()}, or "
    one = "its file" if len(others) == 1 else "one of its files at a time, such as"
    return f"name {one} {place}{others[0]}, or " if others else ""
