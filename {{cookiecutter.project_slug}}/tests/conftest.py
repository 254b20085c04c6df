"""A trained model and copies of this repository, so that a test never touches your workspace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from amlkit.settings import ENVIRONMENT_VARIABLES
from amlkit.tabular.table import Column

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "{{ cookiecutter.package_name }}"
# A package of another kind (docs/contract.md) has nothing of what these test.
if not (ROOT / "src" / PACKAGE / "features.py").is_file():
    collect_ignore = ["test_features.py", "test_train.py", "test_score.py"]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "docs", "tests", "pipelines")

# A small table of each kind of column; `bought` is to be predicted.
COLUMNS = [Column("age", "number"), Column("city", "category"), Column("since", "date", "%Y-%m-%d")]
CSV = "age,city,since,bought\n" + "".join(
    f"{20 + n % 40},{('Rome', 'Bern')[n % 2]},2024-0{1 + n % 9}-15,{('no', 'yes')[n % 40 > 19]}\n"
    for n in range(200)
)


def environment() -> dict[str, str]:
    """This process's variables but Azure's, and with `src` on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT_VARIABLES}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which train.py ran over the small table."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(CSV, encoding="utf-8")
    command = ["-m", f"{PACKAGE}.train", "--data", "table.csv", "--target", "bought"]
    subprocess.run([sys.executable, *command], cwd=folder, env=environment(), check=True)
    return folder


class Repository:
    """A copy of this repository, and its drivers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT)
        shutil.copy(ROOT / ".amlignore", root)
        self.config = yaml.safe_load((root / "config.yml").read_text(encoding="utf-8"))

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
