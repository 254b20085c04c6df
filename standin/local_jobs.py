"""Runs on the client's own machine: compute target `local`, which is azureml-core's default.

The client sends the definition alone, unpacks what is answered into a folder that holds the source,
and starts `azureml-setup/Invocation.sh` there (`_start_internal_local_cloud` and `_invoke_command`
in `azureml/_execution/_commands.py`). The service's own script is not published: this one tells the
stand-in, which is on the same machine, where to run.
"""

from __future__ import annotations

import email
import io
import json
import secrets
import shlex
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .job import Canceled, Job
from .jobs import BASE
from .routing import API, CONTROL, Answer, AzureError, Json, Request, route
from .runs import Run

if TYPE_CHECKING:
    from .standin import Azure

#: What the client's machine says, where a job elsewhere has something of its own.
CLIENTS_OWN = ("PATH", "HOME", "USERPROFILE")
INVOCATION = """#!/bin/bash
cd "$(dirname "$0")/.." || exit
interpreter={interpreter}
python=$(command -v "$interpreter" || command -v python3 || command -v python) || exit
exec "$python" azureml-setup/begin.py "$(command -v "$interpreter")"
"""


class LocalJob(Job):
    """One run in a folder of the client's, begun when the client says where that is."""

    def __init__(self, azure: Azure, run: Run) -> None:
        super().__init__(azure, run, "")
        self.key = secrets.token_urlsafe()
        self.begun = threading.Event()
        self.python = ""
        self.given: dict[str, str] = {}

    def begin(self, folder: Path, python: str, environment: dict[str, str]) -> None:
        """Goes on in a folder, with the client's interpreter and environment variables."""
        self.work, self.python, self.given = folder, python, environment
        self.begun.set()

    def interpreter(self, definition: Json) -> Path:
        """The client's own where the user manages it, else one with what the environment asks."""
        while not self.begun.wait(0.2):
            if not self.wanted:
                raise Canceled
        if not _user_managed(definition):
            return super().interpreter(definition)
        if not self.python:
            raise AzureError(400, "UserError", f"There is no {_interpreter(definition)} here.")
        return Path(self.python)

    def environment(self, python: Path) -> dict[str, str]:
        """The client's variables under those of a job."""
        made = super().environment(python)
        if _user_managed(self.run.definition or {}):
            made = {name: value for name, value in made.items() if name not in CLIENTS_OWN}
        return self.given | made

    def lay_out(self, work: Path) -> None:
        """Nothing: the client has written the source."""


class LocalJobs:
    """Local runs, by the execution service and the door by which their machine tells of itself."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.jobs: dict[str, LocalJob] = {}

    @route("POST", API, BASE + "/localrun")
    def submit(self, request: Request, experiment: str) -> Answer:
        """Begins a run; the archive that its client unpacks. AzureError 400 as for other runs."""
        body = json.loads(_file(request, "definition.json"))
        definition = body.get("Configuration") or {}
        run = self.azure.jobs.made(request, experiment, body, definition, "local")
        job = self.jobs[run.id] = LocalJob(self.azure, run)
        self.azure.jobs.start(run, job)
        told = {"address": f"http://standin.invalid/localruns/{run.id}", "key": job.key}
        invocation = INVOCATION.format(interpreter=shlex.quote(_interpreter(definition)))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("azureml-setup/Invocation.sh", invocation)
            archive.write(Path(__file__).with_name("local_begin.py"), "azureml-setup/begin.py")
            archive.writestr("azureml-setup/begin.json", json.dumps(told))
        return Answer(200, packed.getvalue(), {"Content-Type": "application/zip"})

    @route("PUT", CONTROL, "/localruns/{run}", auth=False)
    def begin(self, request: Request, run: str) -> Json:
        """The client's machine says where it is. AzureError 403 without the run's key."""
        body, job = request.json(), self.jobs.get(run)
        if job is None or not secrets.compare_digest(job.key, str(body.get("key"))):
            raise AzureError(403, "Forbidden", f"no local run {run} has that key")
        job.begin(Path(body["folder"]), str(body["python"]), body["environment"])
        return {"runId": run}


def _file(request: Request, name: str) -> bytes:
    """A file of a multipart body. AzureError 400 if there is none of that name."""
    kind = request.headers.get("Content-Type") or ""
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    for part in message.walk():
        if part.get_filename() == name:
            payload: Any = part.get_payload(decode=True)
            return bytes(payload)
    raise AzureError(400, "UserError", f"The request has no file {name}.")


def _python(definition: Json) -> Json:
    environment = definition.get("environment") or {}
    return environment.get("python") or environment.get("Python") or {}


def _interpreter(definition: Json) -> str:
    """The interpreter's path, as the definition has it."""
    return str(_python(definition).get("interpreterPath") or "python")


def _user_managed(definition: Json) -> bool:
    """Whether the job runs in what is installed already, and not in a container."""
    docker = (definition.get("docker") or {}).get("useDocker")
    environment = (definition.get("environment") or {}).get("docker") or {}
    managed = _python(definition).get("userManagedDependencies")
    return bool(managed) and not docker and not environment.get("enabled")
