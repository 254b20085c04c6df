"""Microsoft's own language service over every file: what an editor underlines.

It is installed from npm, as `language/package-lock.json` has it, into a cache of this repository.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, BakedProject
from tests.pipelines.conftest import Repository

HERE = Path(__file__).parent / "language"
SPEC = importlib.util.find_spec("check_jsonschema")
assert SPEC
assert SPEC.origin
SCHEMA = Path(SPEC.origin).parent / "builtin_schemas/vendor/azure-pipelines.json"
# Where it finds fault with what the service takes: the schema names no inputs of this task and
# takes it for another, an expression in `name:` is none of its names, a template may have
# variables alone.
KNOWN = {
    ("pipelines/checks.yml", 'String does not match the pattern of "^PowerShell@2$".'),
    ("pipelines/checks.yml", "Unexpected property summaryFileLocation"),
    ("pipelines/checks.yml", "Unexpected property failIfCoverageEmpty"),
    ("pipelines/driver.yml", 'String does not match the pattern of "^[-_A-Za-z0-9]*$".'),
    ("pipelines/driver.yml", 'String does not match the pattern of "^[_A-Za-z0-9]*$".'),
    ("pipelines/variables.yml", 'Missing property "stages".'),
}

pytestmark = pytest.mark.skipif(
    not shutil.which("npm"), reason="npm is not installed: Microsoft's language service needs it"
)


@pytest.fixture(scope="session")
def modules() -> Path:
    """Where the language service is installed."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"pipelines-language-{digest}"
    if not (folder / "node_modules").is_dir():
        making = folder.with_suffix(f".{id(folder)}")
        making.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy2(HERE / name, making)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--silent")
        subprocess.run(["npm", "ci", *quiet], cwd=making, check=True)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    return folder


def findings(modules: Path, root: Path, files: list[str]) -> set[tuple[str, str]]:
    """What it says of each file."""
    command = ["node", str(HERE / "check.js"), str(modules), str(SCHEMA), *files]
    for _ in range(3):  # the service has thrown once in some hundred runs, on a busy machine
        done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", check=False)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])  # it speaks of its own doings before
    return {(name, one["message"]) for name, listed in found.items() for one in listed}


def test_it_finds_no_other_fault(modules: Path, default: BakedProject) -> None:
    files = ["azure-pipelines.yml", *(f for f in default.files if f.startswith("pipelines/"))]
    assert findings(modules, default.path, sorted(files)) == KNOWN


@pytest.mark.parametrize(
    "text",
    [
        "stages: [{stage: A, lockBehaviour: runLatest, jobs: [{job: a, steps: [{bash: a}]}]}]",
        "steps: [{bash: a, continueOnEror: true}]",
        "steps: [{task: UsePythonVersion@0, inputs: {version: 3}}]",
    ],
)
def test_it_finds_fault(modules: Path, repository: Repository, text: str) -> None:
    assert findings(modules, repository(text), ["azure-pipelines.yml"])
