"""Endpoints of this machine, as the drivers see them; `supervisor` keeps the servers."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from amlkit.content import environment_version, new_folder, read_json, write_json
from amlkit.local.batch import score_table
from amlkit.local.environments import LocalEnvironments
from amlkit.local.jobs import last_lines
from amlkit.local.meaning import only_one, without_meaning
from amlkit.local.processes import inherited_variables, is_held, module_path, start_detached
from amlkit.local.server import (
    HEALTH_LIMIT,
    HOST,
    LOG_FILE,
    START_LIMIT,
    STOP_LIMIT,
    Unanswered,
    health_of,
    request,
)
from amlkit.local.supervisor import HOLD_FILE, LOCK_FILE, STATE_FILE, WANTED_FILE
from amlkit.local.withdrawals import restore, withdraw, withdrawals
from amlkit.records import Answered, Deployment, DeploymentDefinition, Endpoint, WorkError
from amlkit.settings import SettingsError
from amlkit.workspace import Progress, Say

POLL_INTERVAL = 0.05
ASK_LIMIT = 60.0
RECORD_FILE = "deployment.json"
SUPERVISOR_LOG = "supervisor.log"


class LocalEndpoints:
    """`workspace.Endpoints`, below the folder of the workspace.

    Each endpoint has one supervisor, and the server that serves; a second one runs while it is
    tested. The traffic is never shared.
    """

    shares_traffic = False
    counting_delay = 0.0

    def __init__(self, folder: Path, environments: LocalEnvironments) -> None:
        self._folder = folder.absolute()
        self._environments = environments

    def get(self, name: str) -> Endpoint | None:
        """See `Endpoints.get`."""
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
        elif state["answers"] is None or not (health := health_of(uri)):
            times = f"died {state['deaths']} times and is started again"
            status, reason = "Starting", f"its server {times if state['deaths'] else 'starts'}"
        elif health == "busy":
            reason = f"busy: no answer within {HEALTH_LIMIT:.0f} s"
        wished = (read_json(home / WANTED_FILE) or {}).get("port", 0)
        names = (path.parent.name for path in home.glob(f"deployments/*/{RECORD_FILE}"))
        found = (self._deployment(home, each, state) for each in names)
        all_of_it = sorted((each for each in found if each), key=lambda each: each.created)
        return Endpoint(
            name=name,
            uri=uri,
            status=status,
            serving=serving,
            previous=previous,
            deployments=tuple(reversed(all_of_it)),
            traffic={serving.name: 100} if serving else {},
            reason=reason,
            notes=_notes(state, wished),
            withdrawn=tuple(withdrawals(home)),
        )

    def shape(self, definition: DeploymentDefinition) -> str:
        """See `Endpoints.shape`: the environment, whatever runs this."""
        environment = definition.environment
        return environment_version(environment.lock, environment.wheels)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """See `Endpoints.hold`: by a lock, which ends with this process at the latest."""
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

    def create_deployment(self, definition: DeploymentDefinition, say: Say) -> Deployment:
        """See `Endpoints.create_deployment`: its own copy of code and model, as in the cloud."""
        home = self._endpoint(definition.endpoint)
        self._forget_others(home)
        for line in without_meaning(definition):
            say(line)
        python = self._environments.interpreter(definition.environment, say)
        model = definition.model
        name = f"v{model.version}-{definition.identity[:6]}-{uuid.uuid4().hex[:4]}"
        model_folder = Path("azureml-models", model.name, model.version)
        record: dict[str, Any] = {
            "name": name,
            "model": model.name,
            "model_version": model.version,
            "code_version": definition.code_version,
            "environment_version": self.shape(definition),
            "identity": definition.identity,
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "commit_time": definition.commit_time,
        }
        how = {
            "endpoint": definition.endpoint,
            "python": os.path.relpath(python, home),  # the repository's folder may be moved
            "model_folder": model_folder.as_posix(),
            "entry_script": f"{definition.package}/score.py",
            "workers": definition.scale.workers,
        }
        with new_folder(home / "deployments" / name) as half:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(definition.code, half / "code", ignore=ignored)
            shutil.copytree(model.source, half / model_folder)
            write_json(half / RECORD_FILE, record | how)
        self._want(home, port=definition.port)
        return Deployment(**record, log=str(self._log(home, name)))

    def start(self, endpoint: str, deployment: Deployment) -> Deployment:
        """See `Endpoints.start`."""
        home = self._endpoint(endpoint)
        self._supervise(home)
        name = deployment.name
        self._want(home, candidate=name)
        return self._wait(home, name, lambda state: bool(state["candidate"] == name))

    def logs(self, endpoint: str, deployment: Deployment, lines: int = 50) -> list[str]:
        """See `Endpoints.logs`: of one that failed it is kept until the next deployment."""
        return last_lines(self._log(self._endpoint(endpoint), deployment.name), lines)

    def invoke(self, deployment: Deployment, body: bytes) -> tuple[int, bytes]:
        """See `Endpoints.invoke`."""
        try:
            return request(deployment.uri, "POST", "/score", body, ASK_LIMIT)
        except Unanswered as error:
            raise WorkError(f"{deployment.name} does not answer: {error}") from None

    def key(self, name: str) -> str:
        """See `Endpoints.key`: only this machine reaches it."""
        return ""

    def set_traffic(
        self, endpoint: str, shares: Mapping[str, int], mirrored: Mapping[str, int] | None = None
    ) -> Endpoint:
        """See `Endpoints.set_traffic`: all of it moves to one deployment, no request is lost."""
        home = self._endpoint(endpoint)
        name = only_one(endpoint, shares, mirrored or {})
        if not (home / "deployments" / name / RECORD_FILE).is_file():
            raise WorkError(f"endpoint {endpoint} has no deployment {name}")
        self._supervise(home)
        before = (read_json(home / STATE_FILE) or {}).get("serving")
        self._want(home, serving=name, candidate=None)
        done = self._wait(
            home, name, lambda state: state["candidate"] is None and _has_ended(state, name)
        )
        if done.status != "Ready":
            self._want(home, serving=before)
            raise WorkError(done.reason)
        found = self.get(endpoint)
        if found is None:
            raise WorkError(f"{home} was removed meanwhile; run this again")
        return found

    def answered(self, endpoint: str, since: datetime) -> Mapping[str, Answered]:
        """See `Endpoints.answered`: nobody counts requests here."""
        raise WorkError(f"endpoint {endpoint}: on this machine nobody counts requests")

    def delete_deployment(self, endpoint: str, deployment: Deployment) -> None:
        """See `Endpoints.delete_deployment`; its log stays until the next deployment."""
        home, name = self._endpoint(endpoint), deployment.name
        state = read_json(home / STATE_FILE) or {}
        if name == state.get("serving"):
            raise WorkError(f"{name} serves at endpoint {endpoint}: give its traffic to another")
        wanted = read_json(home / WANTED_FILE) or {}
        if wanted.get("candidate") == name:
            self._want(home, candidate=None)
        folder = home / "deployments" / name
        if name != state.get("previous") and folder.is_dir():
            for path in (folder / RECORD_FILE, *folder.iterdir()):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name != LOG_FILE:
                    path.unlink(missing_ok=True)

    def withdraw(self, endpoint: str, deployment: Deployment) -> None:
        """See `Endpoints.withdraw`."""
        withdraw(self._endpoint(endpoint), deployment)

    def restore(self, endpoint: str, identities: Collection[str]) -> None:
        """See `Endpoints.restore`."""
        restore(self._endpoint(endpoint), identities)

    def delete(self, name: str) -> bool:
        """See `Endpoints.delete`."""
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

    def score(
        self,
        definition: DeploymentDefinition,
        source: Path,
        target: Path,
        keep: Sequence[str],
        say: Say,
        progress: Progress,
    ) -> int:
        """See `Endpoints.score`."""
        return score_table(definition, self._environments, source, target, keep, say, progress)

    def score_stored(
        self,
        definition: DeploymentDefinition,
        source: str,
        target: str,
        keep: Sequence[str],
        suffix: str,
        say: Say,
    ) -> tuple[str, list[str]]:
        """See `Endpoints.score_stored`: there is no such thing here."""
        raise SettingsError("on this machine there are no datastores: --batch FILE scores a file")

    def _endpoint(self, name: str) -> Path:
        return self._folder / "endpoints" / name

    def _log(self, home: Path, name: str) -> Path:
        return home / "deployments" / name / LOG_FILE

    def _deployment(self, home: Path, name: str | None, state: dict[str, Any]) -> Deployment | None:
        record = read_json(home / "deployments" / name / RECORD_FILE) if name else None
        if name is None or record is None:
            return None
        known = {field.name for field in fields(Deployment)} & record.keys()
        server = state["servers"].get(name, {})
        return Deployment(
            **{field: record[field] for field in known},
            status=server.get("status", "Stopped"),
            uri=server.get("uri", ""),
            reason=server.get("reason", ""),
            log=str(self._log(home, name)),
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
        variables = {**inherited_variables(), **module_path(self._folder.parent)}
        start_detached(
            "amlkit.local.supervisor",
            [str(home)],
            variables,
            lambda: (read_json(home / STATE_FILE) or {}).get("pid") not in (None, before),
            "the endpoint's supervisor",
            home / SUPERVISOR_LOG,
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
                log = home / SUPERVISOR_LOG
                raise WorkError(f"the supervisor of {home.name} ended; run this again (see {log})")
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
    if state["servers"][name]["status"] == "Failed":
        return True
    # One that is told to end takes requests for some moments more.
    return bool(state["answers"] == name and not state.get("still_answer"))
