"""Runs a script of others against a stand-in of its own, with the unmodified azure-ai-ml."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from uv import find_uv_bin

from standin import StandIn
from standin.job import LOG
from standin.runs import ENDED, ORIGIN
from standin.specifications.witness import watched
from tests.azure.examples.execute import Call
from tests.azure.examples.public import ADDRESSES
from tests.azure.examples.scripts import COMMIT, Changes, Script
from tests.environments import CACHE, interpreter, once

CLONE = "AZUREML_EXAMPLES"
"""Names the folder of a clone of Azure/azureml-examples, bare or not."""
PINNED, PYTHON = "1.35.2", "3.11"
# What the repository's own set-up (sdk/python/setup.sh) installs beside the SDK for its notebooks.
KERNEL = (
    "azure-identity",
    "azure-storage-blob",
    "mldesigner",
    "mltable",
    "pandas",
    "setuptools<81",
)
EXECUTE = Path(__file__).with_name("execute.py")
SECONDS = 1500  # at most for one script


KEPT = CACHE / "example-outcomes"  # what scripts did, for the table


class NoClone(Exception):
    """There is no clone of the repository, or it lacks the commit."""


@dataclass(frozen=True)
class Outcome:
    """What one script did with one version of the SDK."""

    calls: list[Call]
    errors: dict[str, str]
    """Cell → what stopped it, whatever it was."""
    left_out: list[str]
    violations: dict[str, list[str]]
    """Answers that are not as published."""
    not_played: list[str]
    """Requests that the stand-in does not play, hosts that it refuses."""
    jobs: list[tuple[str, str]]
    """The status of each job that was submitted, and why it is not Completed."""
    log: str


def keep(script: Script, outcome: Outcome) -> None:
    """Keep what a script did, for the table."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{script.name}.json").write_text(json.dumps(asdict(outcome)), encoding="utf-8")


def kept(script: Script) -> Outcome | None:
    """What a script did last, None if it has not run here."""
    file = KEPT / f"{script.name}.json"
    if not file.exists():
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    return Outcome(**told | {"calls": [Call(**call) for call in told["calls"]]})


def clone() -> Path:
    """The clone that the environment names. NoClone if there is none with the commit."""
    folder = os.environ.get(CLONE, "")
    if not folder:
        raise NoClone(f"{CLONE} names no clone of Azure/azureml-examples")
    words = ["git", "-C", folder, "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        raise NoClone(f"{folder} is no clone of Azure/azureml-examples with commit {COMMIT[:12]}")
    return Path(folder)


def blobs(source: Path, place: str) -> dict[str, bytes]:
    """Path → bytes of the files below a place of the commit; not of those that the clone lacks."""
    listed = subprocess.run(
        ["git", "-C", source, "ls-tree", "-r", "-z", COMMIT, "--", place],
        capture_output=True,
        check=True,
    ).stdout.decode()
    entries = [line.split("\t", 1) for line in listed.split("\0") if line]
    asked = "\n".join(head.split()[2] for head, _ in entries)
    answer = subprocess.run(
        ["git", "-C", source, "cat-file", "--batch"],
        input=asked.encode() + b"\n",
        capture_output=True,
        check=True,
        env={**os.environ, "GIT_NO_LAZY_FETCH": "1"},
    ).stdout
    found, at = {}, 0
    for _, path in entries:
        line_end = answer.index(b"\n", at)
        head, at = answer[at:line_end].split(), line_end + 1
        if head[-1] != b"missing":
            size = int(head[2])
            found[path], at = answer[at : at + size], at + size + 1
    return found


def place(source: Path, script: Script, root: Path, names: Mapping[str, str]) -> Path:
    """Write what a script needs below `root`, changed as declared; the script's own place."""
    own = str(PurePosixPath(script.path).parent)
    for folder in (own, *script.folders):
        for path, content in blobs(source, folder).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for file, changes in script.changes.items():
        change(root / (f"{own}/{file}" if file else script.path), changes)
    for path in (*script.before, script.path):
        change(root / path, tuple(names.items()))
    for file, write in script.data.items():
        (root / own / file).parent.mkdir(exist_ok=True)
        write(root / own / file)
    return root / script.path


def change(file: Path, changes: Changes) -> None:
    """Write something for something else in a file; in a notebook it stands in JSON."""
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def kernel(sdk: str = PINNED, python: str = PYTHON) -> Path:
    """The interpreter with a version of the SDK and what notebooks import, installed once."""
    chosen = interpreter(python)
    wanted = [f"azure-ai-ml=={sdk}", *KERNEL]

    def make(home: Path) -> None:
        words = [find_uv_bin(), "venv", "--quiet", "--python", chosen, str(home / "venv")]
        subprocess.run(words, check=True)
        target = str(home / "venv" / "bin" / "python")
        subprocess.run([find_uv_bin(), "pip", "install", "-q", "-p", target, *wanted], check=True)

    made = once("examples", json.dumps([chosen, wanted]).encode(), make)
    return made / "venv" / "bin" / "python"


def run(source: Path, script: Script, python: Path, folder: Path) -> Outcome:
    """Run a script in a folder, which must be empty, against a stand-in that knows nothing yet."""
    with watched() as witness, StandIn(folder / "standin") as standin:
        account = standin.account
        ids = {
            "subscription_id": account.subscription_id,
            "resource_group": account.resource_group,
            "workspace_name": account.workspace_name,
        }
        names = {
            "<SUBSCRIPTION_ID>": account.subscription_id,
            "<RESOURCE_GROUP>": account.resource_group,
            "<AML_WORKSPACE_NAME>": account.workspace_name,
        }
        work = folder / "work"
        place(source, script, work, names)
        (work / "config.json").write_text(json.dumps(ids), encoding="utf-8")
        if script.installs:
            for packages in standin.images.values():
                packages[:] = [one for one in packages if "mlflow-skinny" not in one]
                packages += script.installs
        for cluster in script.clusters:
            standin.add_compute(cluster)
        for number, (address, write) in enumerate(ADDRESSES.items()):
            data = folder / f"public-{number}.csv"
            write(data)
            standin.azure.v2.public[address] = data
        report, log = folder / "report.json", folder / "log.txt"
        for path in (*script.before, script.path):
            execute(python, work / path, script, standin, report, log)
        jobs = settled(standin, log)
        assert report.exists(), log.read_text(encoding="utf-8")
        told = json.loads(report.read_text(encoding="utf-8"))
        journal = standin.journal
        not_played = [f"{one.method} {one.host}" for one in journal.refused()]
        not_played += [f"{one.method} {one.path}" for one in journal.unhandled()]
    return Outcome(
        calls=[Call(**call) for call in told["calls"]],
        errors={cell: why for cell, (_, why) in told["errors"].items()},
        left_out=told["left_out"],
        violations=witness.violations,
        not_played=sorted(set(not_played)),
        jobs=jobs,
        log=log.read_text(encoding="utf-8"),
    )


def execute(
    python: Path, notebook: Path, script: Script, standin: StandIn, report: Path, log: Path
) -> None:
    """Execute one notebook in its folder; what it says goes to the end of the log."""
    waits = json.dumps(script.waits)
    with log.open("a", encoding="utf-8") as said:
        process = subprocess.Popen(
            [python, EXECUTE, notebook.name, report, waits],
            cwd=notebook.parent,
            env=variables(standin),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settled(standin: StandIn, log: Path) -> list[tuple[str, str]]:
    """Wait until the jobs have ended that a script began; what those printed that failed goes to
    its log. Children are told of by their parents.
    """
    until, azure = time.monotonic() + SECONDS, standin.azure
    runs = azure.runs.runs
    while time.monotonic() < until and any(one.status not in ENDED for one in runs.values()):
        time.sleep(0.5)
    told = []
    for one in runs.values():
        message = ((one.error or {}).get("error") or {}).get("message") or ""
        if not one.parent:
            told.append((one.status, " ".join(str(message).split())[:600]))
        if one.status == "Failed":
            printed = azure.artifacts.read(ORIGIN, one.container, LOG) or b""
            with log.open("a", encoding="utf-8") as said:
                said.write(f"== job {one.id}: {message}\n{printed.decode(errors='replace')}")
    return told


def variables(standin: StandIn) -> dict[str, str]:
    """Those of a script: who calls stands where DefaultAzureCredential looks first."""
    account = standin.account
    return {
        **standin.env,
        "AZURE_TENANT_ID": account.tenant_id,
        "AZURE_CLIENT_ID": account.client_id,
        "AZURE_CLIENT_SECRET": account.client_secret,
        "AZUREML_RUN_POLLING_INTERVAL_MIN": "1",
        "AZUREML_RUN_POLLING_INTERVAL_MAX": "1",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
    }
