"""Training over several nodes: the same code with one, two and two nodes' workers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FOLDER, ROOT, environment

EXAMPLE = ROOT / "examples" / "distributed"
TABLE = ROOT / FOLDER / "data" / "penguins.csv"
EVALUATE = ROOT / FOLDER / "src" / "{{cookiecutter.package_name}}" / "evaluate.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an owner's package, in which the example's files took the place of its own."""
    folder = tmp_path_factory.mktemp("src") / "model"
    shutil.copytree(EXAMPLE, folder)
    shutil.copy2(EVALUATE, folder)
    (folder / "__init__.py").touch()
    return folder


def start(package: Path, folder: Path, workers: int, **variables: str) -> subprocess.Popen[str]:
    """One node's process of a job, in a working folder of its own."""
    folder.mkdir()
    settings = {"parameters": {"workers": workers, "block_rows": 40, "min_child_samples": 5}}
    command = [sys.executable, "-m", "model.train", "--data", str(TABLE), "--target", "Sex"]
    return subprocess.Popen(
        [*command, "--settings", json.dumps(settings)],
        cwd=folder,
        env=environment(PYTHONPATH=str(package.parent), **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a process said until it ended well."""
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    return said


def measured(folder: Path) -> dict[str, Any]:
    """What the job wrote of its model."""
    return dict(json.loads((folder / "outputs" / "metrics.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def alone(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a job with one worker has written."""
    folder = tmp_path_factory.mktemp("alone") / "job"
    ended(start(package, folder, workers=1))
    return folder


def test_two_nodes_learn_what_one_worker_learns(package: Path, alone: Path, tmp_path: Path) -> None:
    """As Azure ML starts them: a process for each node, which learn of each other by variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    job = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "DASK_PORT": port}
    nodes = [start(package, tmp_path / f"node{n}", 2, RANK=str(n), **job) for n in (0, 1)]
    said = [ended(node) for node in nodes]
    assert "worker 0 holds" in said[0] and "worker 1 holds" in said[0]
    assert not (tmp_path / "node1" / "outputs").exists()
    one, two = measured(alone), measured(tmp_path / "node0")
    assert two["holdout"] == one["holdout"]
    assert one["metrics"]["roc_auc"] > 0.9
    for name, value in one["metrics"].items():
        assert two["metrics"][name] == pytest.approx(value, abs=0.06), name


@pytest.mark.sweep
def test_a_machine_by_itself_has_two_workers(package: Path, tmp_path: Path) -> None:
    said = ended(start(package, tmp_path / "here", workers=2))
    assert "worker 1 holds" in said
    assert measured(tmp_path / "here")["metrics"]["roc_auc"] > 0.9


def test_its_model_is_served(package: Path, alone: Path) -> None:
    rows = [{"Island": "Biscoe", "Body Mass (g)": 6300}, {"Island": "nowhere"}, {}]
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import score; score.init();"
        "print(json.dumps(score.run(json.dumps({'data': json.loads(sys.argv[2])}))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(package), json.dumps(rows)],
        env={**os.environ, "AZUREML_MODEL_DIR": str(alone / "outputs")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["predictions"][0] == "MALE"
    assert all(abs(sum(row) - 1) < 1e-6 for row in answer["probabilities"])
