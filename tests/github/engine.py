"""Workflows run by act, an engine that plays GitHub's runner: with no Docker, and no GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
USES = re.compile(r"uses: ([\w-]+/([\w-]+)@[0-9a-f]{40})")
# act 0.2.89 does not know it: with it, an environment gives its secrets and no deployment is noted.
UNKNOWN = "      deployment: false\n"


@dataclass
class Run:
    """What became of a workflow."""

    code: int
    jobs: dict[str, str]
    """Results of the jobs that ran, by id."""
    steps: dict[tuple[str, str], str]
    """Results of the steps that ran, by job and by id or number; skipped ones too."""
    outputs: dict[tuple[str, str], dict[str, str]]
    """What steps set, by job and step."""
    log: str
    artifacts: Path
    seconds: float

    def output(self, job: str, step: str, name: str) -> str | None:
        """An output of a step; None if it set none."""
        return self.outputs.get((job, step), {}).get(name)


@dataclass
class Runner:
    """A machine of one's own on which act runs the workflows of a repository.

    Args:
        repository: under git; what is not ignored is what a checkout has.
        folder: for what the runner keeps.
        environment: of the machine.
    """

    repository: Path
    folder: Path
    environment: dict[str, str]
    runs: list[Run] = field(default_factory=list)

    def run(
        self,
        workflow: str,
        event: str,
        payload: Mapping[str, Any] | None = None,
        *,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        token: Mapping[str, str] | None = None,
        cancel_at: str = "",
        cancel_when: Callable[[], bool] | None = None,
    ) -> Run:
        """Run a workflow for an event, to its end.

        Args:
            workflow: its file in `.github/workflows`.
            event: what starts it.
            payload: of the event.
            secrets: of the environments.
            variables: of the repository.
            token: the variables of a job that may ask for an OIDC token.
            cancel_at: a text in the log at which someone cancels the run.
            cancel_when: the same, once it says so.
        """
        home = self.folder / f"run-{len(self.runs) + 1}"
        artifacts = home / "artifacts"
        artifacts.mkdir(parents=True)
        shown = self._as_act_reads_it(home / "repository")
        (home / "event.json").write_text(json.dumps(payload or {}), encoding="utf-8")
        command = [str(Path(sys.executable).parent / "act"), event, "--json", "--no-cache-server"]
        command += ["-W", f".github/workflows/{workflow}", "-e", str(home / "event.json")]
        command += ["-P", "ubuntu-24.04=-self-hosted", "--pull=false", "--concurrent-jobs=1"]
        for used, name in sorted(self.uses()):
            command += ["--local-repository", f"{used}={HERE / 'actions' / name}"]
        for name, value in (variables or {}).items():
            command += ["--var", f"{name}={value}"]
        env = self.environment | {"HOME": str(home), "ARTIFACTS_OF_RUNNER": str(artifacts)}
        for name in [name for name in env if name.lower() in ("https_proxy", "http_proxy")]:
            command += ["--env", f"{name}={env[name]}"]  # the steps'; act asks for news of itself
            env[name] = "http://127.0.0.1:9"
        begun = time.monotonic()
        files = {"--secret-file": secrets or {}, "--env-file": token or {}}
        said = self._act(command, shown, env, files, cancel_at, cancel_when)
        run = _read(*said, artifacts, time.monotonic() - begun)
        self.runs.append(run)
        return run

    def uses(self) -> set[tuple[str, str]]:
        """The actions of others that are used, each with the name of its double."""
        found = set()
        for path in (self.repository / ".github").rglob("*.yml"):
            found |= set(USES.findall(path.read_text(encoding="utf-8")))
        return {(used, name) for used, name in found if name != "checkout"}  # act's own

    def _as_act_reads_it(self, copy: Path) -> Path:
        """The checkout, without the one line that act does not know."""
        subprocess.run(
            ["git", "clone", "--quiet", str(self.repository), str(copy)],
            check=True,
            env=self.environment,
        )
        path = copy / ".github/workflows/train-and-deploy.yml"
        text = path.read_text(encoding="utf-8")
        assert text.count(UNKNOWN) == 1
        path.write_text(text.replace(UNKNOWN, ""), encoding="utf-8")
        return copy

    def _act(
        self,
        command: list[str],
        folder: Path,
        env: Mapping[str, str],
        files: Mapping[str, Mapping[str, str]],
        cancel_at: str,
        cancel_when: Callable[[], bool] | None,
    ) -> tuple[int, str]:
        """Run act; secrets reach it by pipes: not by argv, files or the variables of all steps."""
        said = []
        with ExitStack() as pipes:
            ends = {flag: _pipe(values, pipes) for flag, values in files.items()}
            given = [word for flag, end in ends.items() for word in (flag, f"/dev/fd/{end}")]
            act = subprocess.Popen(
                [*command, *given],
                cwd=folder,
                env=dict(env),
                pass_fds=list(ends.values()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
        over = threading.Event()
        if cancel_when:
            watched = (act, cancel_when, over)
            threading.Thread(target=_cancel_when, args=watched, daemon=True).start()
        with act:
            assert act.stdout
            for line in act.stdout:
                said.append(line)
                if cancel_at and cancel_at in line:
                    cancel_at = ""
                    _cancel(act)
        over.set()
        shutil.rmtree(folder, ignore_errors=True)
        return act.returncode, "".join(said)


def _pipe(values: Mapping[str, str], pipes: ExitStack) -> int:
    """The end of a pipe from which variables are read; it is closed here with `pipes`."""
    reading, writing = os.pipe()
    pipes.callback(os.close, reading)
    os.write(writing, "".join(f"{name}={value}\n" for name, value in values.items()).encode())
    os.close(writing)
    return reading


def _cancel_when(
    act: subprocess.Popen[str], is_it: Callable[[], bool], over: threading.Event
) -> None:
    while not over.wait(0.05):
        if is_it():
            _cancel(act)
            return


def _cancel(act: subprocess.Popen[str]) -> None:
    """What GitHub's runner does: it interrupts the step, and ends all that is left of its tree."""
    with suppress(psutil.Error):
        below = psutil.Process(act.pid).children(recursive=True)
        act.send_signal(signal.SIGINT)
        for process in psutil.wait_procs(below, 1)[1]:
            with suppress(psutil.Error):
                process.kill()


def _read(code: int, said: str, artifacts: Path, seconds: float) -> Run:
    jobs: dict[str, str] = {}
    steps: dict[tuple[str, str], str] = {}
    outputs: dict[tuple[str, str], dict[str, str]] = {}
    log = []
    for line in said.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            log.append(line)
            continue
        job = entry.get("jobID", "")
        if entry.get("raw_output") or entry.get("command") != "set-output":
            log.append(f"{job}: {entry.get('msg', '')}".rstrip("\n"))
        if result := entry.get("jobResult"):
            jobs[job] = result
        step = ".".join(entry.get("stepID") or [])
        if step and entry.get("command") == "set-output":
            outputs.setdefault((job, step), {})[entry["name"]] = entry["arg"]
        if step and entry.get("stage") == "Main" and (result := entry.get("stepResult")):
            steps[job, step] = result
    return Run(code, jobs, steps, outputs, "\n".join(log), artifacts, seconds)
