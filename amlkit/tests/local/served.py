"""An endpoint of this machine to try things on, and a client that asks all the time."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amlkit.content import read_json
from amlkit.local.endpoints import LocalEndpoints
from amlkit.local.environments import LocalEnvironments
from amlkit.local.server import request
from amlkit.records import (
    Deployment,
    DeploymentDefinition,
    Endpoint,
    EnvironmentDefinition,
)
from amlkit.workspace import Say

ROWS = [{"Island": "Dream"}, {"Island": "Atlantis"}]
BODY = json.dumps({"data": ROWS}).encode()


class OwnInterpreter(LocalEnvironments):
    """No environment is made: this interpreter serves, with the double in place of the server."""

    def interpreter(self, definition: EnvironmentDefinition, say: Say) -> Path:
        """A command that runs this interpreter."""
        double = self._folder / "double"
        package = double / "azureml_inference_server_http"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        shutil.copy2(Path(__file__).with_name("inference_double.py"), package / "amlserver.py")
        command = self._folder / "python"
        found = f'PYTHONPATH="$PYTHONPATH:{double}" exec "{sys.executable}" "$@"'
        command.write_text(f"#!/bin/sh\n{found}\n", encoding="utf-8")
        command.chmod(0o755)
        return command


@dataclass
class Served:
    """An endpoint, and what its deployments are made of."""

    endpoints: LocalEndpoints
    definition: DeploymentDefinition
    home: Path

    def create(self, score: str | None = None, **changes: Any) -> Deployment:
        """A deployment, its entry script changed; it is not started."""
        return self.endpoints.create_deployment(
            replace(self.changed(score), **changes), lambda line: None
        )

    def changed(self, score: str | None) -> DeploymentDefinition:
        """What a deployment is made of, its entry script changed."""
        code = self.home.parents[2] / f"code-{time.monotonic_ns()}"
        shutil.copytree(self.definition.code, code)
        if score is not None:
            (code / "other_model" / "score.py").write_text(score, encoding="utf-8")
        return replace(self.definition, code=code, identity=code.name)

    def deploy(self, score: str | None = None) -> Endpoint:
        """A deployment that gets the traffic."""
        with self.endpoints.hold("e"):
            deployment = self.create(score)
            started = self.endpoints.start("e", deployment)
            assert started.status == "Ready", started.reason
            return self.endpoints.set_traffic("e", {deployment.name: 100})

    def get(self) -> Endpoint:
        """The endpoint as it is now."""
        found = self.endpoints.get("e")
        assert found is not None
        return found

    def ask(self) -> Any:
        """The answer at the endpoint's address."""
        status, body = request(self.get().uri, "POST", "/score", BODY, 30)
        assert status == 200, body
        return json.loads(body)["predictions"]

    def wait_for(self, status: str) -> Endpoint:
        """The endpoint, once it has that status."""
        limit = time.monotonic() + 30
        while (found := self.get()).status != status:
            assert time.monotonic() < limit, found
            time.sleep(0.05)
        return found

    def client(self) -> Client:
        """Asks all the time, within a `with`."""
        return Client(self)

    def state(self) -> dict[str, Any]:
        """What the supervisor wrote down."""
        value: dict[str, Any] = read_json(self.home / "state.json")
        return value


class Client:
    """Asks all the time; keeps what was not as it should be."""

    def __init__(self, served: Served) -> None:
        self.uri, self.asked, self.failures = served.get().uri, 0, list[str]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                status, body = request(self.uri, "POST", "/score", BODY, 30)
                if status != 200 or len(json.loads(body)["predictions"]) != len(ROWS):
                    self.failures.append(f"{status}: {body!r}")
            except Exception as error:
                self.failures.append(repr(error))
            self.asked += 1

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
