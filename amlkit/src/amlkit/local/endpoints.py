"""Endpoints of this machine, as the drivers see them; `local_serving` keeps the servers."""

from __future__ import annotations

import http.client
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock

from amlkit.content import new_folder, read_json, write_json
from amlkit.local.detached import inherited_variables, is_held, start_detached
from amlkit.local.process import HOST, START_LIMIT, STOP_LIMIT
from amlkit.local.serving import HOLD_FILE, LOCK_FILE, STATE_FILE, WANTED_FILE
from amlkit.local.virtual_environment import ensure_made
from amlkit.records import Deployment, DeploymentDefinition, Endpoint, WorkError

POLL_INTERVAL = 0.05
ASK_LIMIT = 60.0
HEALTH_LIMIT = 5.0


class LocalEndpoints:
    """The part of `LocalPlatform` that serves models."""

    folder: Path

    def find_endpoint(self, name: str) -> Endpoint | None:
        """See `Platform.find_endpoint`."""
        home = self._endpoint(name)
        state = read_json(home / STATE_FILE)
        if state is None:
            return None
        uri = f"http://{HOST}:{state['port']}/score"
        serving, previous = (
            self._deployment(home, state[role], state) for role in ("serving", "previous")
        )
        status, reason = "Ready", ""
        if not is_held(home / LOCK_FILE):
            status, reason = "Stopped", "it was killed or the machine restarted; deploy again"
        elif serving is None:
            status, reason = "Failed", "no deployment has passed yet"
        elif state["answers"] is None or not (health := _health(uri)):
            times = f"died {state['deaths']} times and is started again"
            status, reason = "Starting", f"its server {times if state['deaths'] else 'starts'}"
        elif health == "busy":
            reason = f"busy: no answer within {HEALTH_LIMIT:.0f} s"
        wished = (read_json(home / WANTED_FILE) or {}).get("port", 0)
        return Endpoint(name, uri, status, serving, previous, reason, _notes(state, wished))

    @contextmanager
    def hold_endpoint(self, name: str) -> Iterator[None]:
        """See `Platform.hold_endpoint`: by a lock, which ends with this process at the latest."""
        home = self._endpoint(name)
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / HOLD_FILE)
        try:
            lock.acquire(timeout=2)  # the supervisor looks at it, too, for a moment
        except TimeoutError:
            raise WorkError(f"another deployment to {name} is under way; try again later") from None
        try:
            yield
        finally:
            lock.release()

    def create_deployment(
        self, definition: DeploymentDefinition, say: Callable[[str], None]
    ) -> Deployment:
        """See `Platform.create_deployment`: its own copy of code and model, as in the cloud."""
        home = self._endpoint(definition.endpoint)
        self._forget_others(home)
        python = ensure_made(definition.environment, self.folder / "environments", say)
        model = definition.model
        name = f"v{model.version}-{definition.identity[:6]}-{uuid.uuid4().hex[:4]}"
        model_folder = Path("azureml-models", model.name, model.version)
        record = {
            "name": name,
            "model": model.name,
            "model_version": model.version,
            "code_version": definition.code_version,
            "environment_version": definition.environment.version,
            "identity": definition.identity,
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        how = {
            "endpoint": definition.endpoint,
            "python": os.path.relpath(python, home),  # the repository's folder may be moved
            "model_folder": model_folder.as_posix(),
            "entry_script": f"{definition.package}/score.py",
            "workers": definition.workers,
        }
        with new_folder(home / "deployments" / name) as half:
            shutil.copytree(
                definition.snapshot, half / "code", ignore=shutil.ignore_patterns("__pycache__")
            )
            shutil.copytree(model.source, half / model_folder)
            write_json(half / "deployment.json", record | how)
        self._want(home, port=definition.port)
        return Deployment(**record)

    def start_deployment(self, endpoint: str, deployment: Deployment) -> Deployment:
        """See `Platform.start_deployment`."""
        home = self._endpoint(endpoint)
        self._supervise(home)
        self._want(home, candidate=deployment.name)
        name = deployment.name
        return self._wait(home, name, lambda state: bool(state["candidate"] == name))

    def endpoint_key(self, name: str) -> str:
        """See `Platform.endpoint_key`: only this machine reaches it."""
        return ""

    def ask(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """See `Platform.ask`."""
        try:
            return _request(deployment.uri, "POST", "/score", body, ASK_LIMIT)
        except (OSError, http.client.HTTPException) as error:
            raise WorkError(f"{deployment.name} does not answer: {error}") from None

    def switch(self, endpoint: str, deployment: Deployment) -> Endpoint:
        """See `Platform.switch`."""
        home = self._endpoint(endpoint)
        before = read_json(home / STATE_FILE)["serving"]
        self._want(home, serving=deployment.name, candidate=None)
        name = deployment.name
        done = self._wait(
            home, name, lambda state: state["candidate"] is None and _has_ended(state, name)
        )
        if done.status != "Ready":
            self._want(home, serving=before)
            raise WorkError(done.reason)
        found = self.find_endpoint(endpoint)
        if found is None:
            raise WorkError(f"{home} was removed meanwhile; run this again")
        return found

    def drop_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """See `Platform.drop_deployment`; its log stays until the next deployment."""
        self._want(self._endpoint(endpoint), candidate=None)

    def delete_endpoint(self, name: str) -> bool:
        """See `Platform.delete_endpoint`."""
        home = self._endpoint(name)
        known = (home / STATE_FILE).is_file()
        if (home / WANTED_FILE).is_file():
            self._want(home, stop=True)
        limit = time.monotonic() + STOP_LIMIT + 10
        while is_held(home / LOCK_FILE):
            if time.monotonic() > limit:
                raise WorkError(f"the servers of {name} do not end; see {home}")
            time.sleep(POLL_INTERVAL)
        shutil.rmtree(home, ignore_errors=True)
        return known

    def _endpoint(self, name: str) -> Path:
        return self.folder.absolute() / "endpoints" / name

    def _deployment(self, home: Path, name: str | None, state: dict[str, Any]) -> Deployment | None:
        record = read_json(home / "deployments" / name / "deployment.json") if name else None
        if name is None or record is None:
            return None
        known = {field.name for field in fields(Deployment)} & record.keys()
        server = state["servers"].get(name, {})
        return Deployment(
            **{field: record[field] for field in known},
            status=server.get("status", "Stopped"),
            uri=server.get("uri", ""),
            reason=server.get("reason", ""),
        )

    def _want(self, home: Path, **changes: Any) -> None:
        """Tells the supervisor what is wanted from now on; what is not named stays."""
        wanted = read_json(home / WANTED_FILE) or {}
        write_json(home / WANTED_FILE, {**wanted, **changes})

    def _supervise(self, home: Path) -> None:
        """Starts the supervisor where none lives."""
        if is_held(home / LOCK_FILE):
            return
        self._want(home, candidate=None, stop=False)
        before = (read_json(home / STATE_FILE) or {}).get("pid")
        start_detached(
            ["-m", "amlkit.local.serving", str(home)],
            inherited_variables(),
            lambda: (read_json(home / STATE_FILE) or {}).get("pid") not in (None, before),
            "the endpoint's supervisor",
            home,
        )

    def _wait(
        self, home: Path, name: str, has_seen: Callable[[dict[str, Any]], bool]
    ) -> Deployment:
        """Waits until a deployment is ready or has failed; `has_seen`: the state knows our wish."""
        limit = time.monotonic() + START_LIMIT + STOP_LIMIT
        while True:
            state = read_json(home / STATE_FILE) or {"servers": {}}
            server = state["servers"].get(name, {})
            if server.get("status") in ("Ready", "Failed") and has_seen(state):
                found = self._deployment(home, name, state)
                if found is not None:
                    return found
            if not is_held(home / LOCK_FILE):
                raise WorkError(f"the supervisor of {home.name} ended; run this again")
            if time.monotonic() > limit:
                raise WorkError(f"{name} did not start in time; see {home}")
            time.sleep(POLL_INTERVAL)

    def _forget_others(self, home: Path) -> None:
        """Removes what earlier deployments left behind, but what serves and what served before."""
        state = read_json(home / STATE_FILE) or {}
        kept = (state.get("serving"), state.get("previous"))
        for folder in (home / "deployments").glob("v*"):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _notes(state: Mapping[str, Any], wished: int) -> tuple[str, ...]:
    """What a user should know of an endpoint: `state` is its supervisor's, `wished` the port."""
    notes = []
    if state["gap"]:
        notes.append("a switch interrupts for a moment: here no open socket can be handed over")
    if wished and wished == state["taken"]:
        notes.append(f"port {wished} is taken; the endpoint is at port {state['port']}")
    elif wished and wished != state["port"]:
        notes.append(f"port {state['port']} stays, not {wished}: --delete gives up an address")
    return tuple(notes)


def _has_ended(state: Mapping[str, Any], name: str) -> bool:
    """Whether the switch to a deployment is over, one way or the other."""
    return bool(state["answers"] == name or state["servers"][name]["status"] == "Failed")


def _health(uri: str) -> str:
    """Whether a server answers at the endpoint's address: "well", "busy", or "" for not at all."""
    try:
        status, _ = _request(uri, "GET", "/", b"", HEALTH_LIMIT)
        return "well" if status == 200 else ""
    except TimeoutError:  # connected, and waiting in the queue
        return "busy"
    except (OSError, http.client.HTTPException):
        return ""


def _request(uri: str, method: str, path: str, body: bytes, limit: float) -> tuple[int, bytes]:
    """Sends a request to the server at an address: (HTTP status, body). `limit` is in seconds."""
    connection = http.client.HTTPConnection(HOST, urlsplit(uri).port, timeout=limit)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
