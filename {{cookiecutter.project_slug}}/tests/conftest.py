"""The table of config.yml, a model trained on it, and copies of this repository to work in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from amlkit.settings import ENVIRONMENT_VARIABLES
from amlkit.tabular.table import Schema, iter_tables
from amlkit.tabular.table.profile import profile_table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "{{ cookiecutter.package_name }}"
CONFIG = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "docs", "tests", "pipelines")
ROWS = 1_000  # so many of a large table are enough to test with
# A package of another kind (docs/contract.md) has nothing of what these test.
if not (ROOT / "src" / PACKAGE / "features.py").is_file():
    collect_ignore = ["test_train.py", "test_score.py"]


def environment() -> dict[str, str]:
    """This process's variables but Azure's, and with `src` on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT_VARIABLES}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"}


@pytest.fixture(scope="session")
def schema() -> Schema:
    """The columns of the table of config.yml."""
    data = CONFIG["data"]
    return profile_table(ROOT / data["path"], data["target"], types=data["types"]).schema


@pytest.fixture(scope="session")
def rows(schema: Schema) -> pa.Table:
    """Its first rows."""
    return next(iter_tables(ROOT / CONFIG["data"]["path"], schema, ROWS))


@pytest.fixture(scope="session")
def trained(schema: Schema, rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which train.py ran over these rows, by the settings of config.yml."""
    folder = tmp_path_factory.mktemp("trained")
    pq.write_table(rows, folder / "table.parquet")
    command = ["-m", f"{PACKAGE}.train", "--data", "table.parquet", "--target", schema.target]
    # Without a search: its trials would take their time, and change nothing of what is tested.
    told = {k: v for k, v in CONFIG["training"].items() if k not in ("search", "trials")}
    command += ["--settings", json.dumps(told)]
    subprocess.run([sys.executable, *command], cwd=folder, env=environment(), check=True)
    return folder


class Repository:
    """A copy of this repository, and its drivers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT)
        shutil.copy(ROOT / ".amlignore", root)

    def files(self) -> list[Path]:
        """All there is but bytecode, which Python writes for what it imports."""
        return [path for path in sorted(self.root.rglob("*")) if "__pycache__" not in path.parts]

    def run(self, driver: str, *flags: str, code: int = 0) -> dict[str, Any]:
        """Run a driver with --json; it must end with this exit code. What it reports."""
        command = [sys.executable, str(self.root / "src" / f"{driver}.py"), "--json", *flags]
        done = subprocess.run(
            command, cwd=self.root, env=environment(), capture_output=True, encoding="utf-8"
        )
        assert done.returncode == code, done.stderr
        reported: dict[str, Any] = json.loads(done.stdout)
        return reported


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A copy in which nothing is registered yet."""
    return Repository(tmp_path / "a copy")
