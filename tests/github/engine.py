"""Workflows run by act, an engine that plays GitHub's runner: with no Docker, and no GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
        cancel_at: str = "",
    ) -> Run:
        """Run a workflow for an event, to its end, or until its log holds a text."""
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
        said = self._act(command, shown, env, secrets or {}, cancel_at)
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
        secrets: Mapping[str, str],
        cancel_at: str,
    ) -> tuple[int, str]:
        """Run act; secrets reach it by a pipe: not by argv, files or the variables of all steps."""
        reading, writing = os.pipe()
        os.write(writing, "".join(f"{k}={v}\n" for k, v in secrets.items()).encode())
        os.close(writing)
        said = []
        with subprocess.Popen(
            [*command, "--secret-file", f"/dev/fd/{reading}"],
            cwd=folder,
            env=dict(env),
            pass_fds=[reading],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as act:
            os.close(reading)
            assert act.stdout
            for line in act.stdout:
                said.append(line)
                if cancel_at and cancel_at in line:
                    cancel_at = ""
                    act.send_signal(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)
        return act.returncode, "".join(said)


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
