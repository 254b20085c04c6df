"""Which stages of the pipelines run, told from git, config.yml and the last run that succeeded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from amlkit.ci import changes
from conftest import Project

MAIN = "refs/heads/main"
# Files and settings beside the sample's, as a rendered repository has them.
FILES = {
    "README.md": "# Sample\n",
    "config.prod.yml": "endpoint: {port: 5002}\n",
    "requirements-serve-azure.txt": "numpy==2\n",
    "requirements-dev.txt": "numpy==2\n",
}
SETTINGS = """
training:
  # The seed.
  seed: 0
"""
ALL = set(changes.STAGES)


class DevOps(ThreadingHTTPServer):
    """The one answer of Azure DevOps that is asked for: the runs of a pipeline."""

    commits: tuple[str, ...] = ()
    status = 200
    asked: list[tuple[dict[str, list[str]], str]]


class Handler(BaseHTTPRequestHandler):
    """Answers as `GET …/_apis/build/builds` does."""

    server: DevOps

    def do_GET(self) -> None:
        """Writes the question down and answers."""
        where = urlsplit(self.path)
        assert where.path == "/My%20project/_apis/build/builds"
        self.server.asked.append((parse_qs(where.query), self.headers["Authorization"]))
        runs = [{"sourceVersion": commit} for commit in self.server.commits]
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps({"count": len(runs), "value": runs}).encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture()
def devops() -> Iterator[DevOps]:
    """Azure DevOps on loopback."""
    with DevOps(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Repository:
    """A repository with a commit whose run succeeded, and what a run of the pipeline says of it."""

    devops: DevOps

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q")
        self.first = self.commit()

    def start_anew(self, devops: DevOps) -> None:
        """Goes back to the first commit, whose run succeeded."""
        self.devops, devops.commits = devops, (self.first,)
        self.git("reset", "-q", "--hard", self.first)

    def git(self, *arguments: str) -> str:
        """Runs git here."""
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        command = ["git", "-C", str(self.root), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self) -> str:
        """Commits all there is; returns the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces a text of a file, and commits."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        self.commit()

    def run(self, asked: str = "nothing", **more: str) -> set[str]:
        """The stages that run."""
        environ = {
            "SYSTEM_COLLECTIONURI": f"http://127.0.0.1:{self.devops.server_port}/",
            "SYSTEM_TEAMPROJECT": "My project",
            "SYSTEM_DEFINITIONID": "7",
            "SYSTEM_ACCESSTOKEN": "the-token",
            "BUILD_SOURCEBRANCH": MAIN,
            "BUILD_REASON": "IndividualCI",
            **more,
        }
        return set(changes.why_each_runs(self.root, asked, MAIN, environ))


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy of this repository, committed once for all tests."""
    root = Project(tmp_path_factory.mktemp("changes") / "a project").root
    for name, text in FILES.items():
        (root / name).write_text(text, encoding="utf-8")
    config = root / "config.yml"
    text = config.read_text(encoding="utf-8") + SETTINGS
    text = text.replace("endpoint:\n", "endpoint:\n  workers: 1\n")
    text = text.replace("azure:\n", 'azure:\n  environment: {package_index: ""}\n')
    config.write_text(text, encoding="utf-8")
    return Repository(root)


@pytest.fixture()
def repository(
    committed: Repository, devops: DevOps, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """The copy as it was first committed; its last run succeeded."""
    committed.start_anew(devops)
    monkeypatch.chdir(committed.root)
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    return committed


def test_nothing_changed_nothing_runs(repository: Repository) -> None:
    assert repository.run() == set()
    query, token = repository.devops.asked[0]
    assert token == "Bearer the-token"
    assert query["definitions"] == ["7"]
    assert query["branchName"] == [MAIN]
    assert query["resultFilter"] == ["succeeded"]
    assert query["queryOrder"] == ["finishTimeDescending"]
    assert query["$top"] == ["1"]


@pytest.mark.parametrize(
    ("name", "old", "new", "stages"),
    [
        ("README.md", "#", "##", {"ci"}),
        ("config.yml", "seed: 0", "seed: 1", {"ci", "training", "deployment"}),
        ("config.yml", "# The seed", "# A seed", {"ci"}),
        ("config.yml", "target: Sex", "target: Island", ALL - {"environment"}),
        ("config.yml", "workers: 1", "workers: 2", {"ci", "deployment"}),
        ("config.yml", 'package_index: ""', "package_index: https://x", ALL - {"data"}),
        ("config.yml", "workspace_name: ", "workspace_name: x", ALL),
        ("config.prod.yml", "port: 5002", "port: 5003", {"ci", "deployment"}),
        ("data/penguins.csv", "\n", "\n\n", ALL - {"environment"}),
        ("requirements-train.txt", "\n", "\n#\n", ALL - {"data"}),
        ("requirements-serve-azure.txt", "\n", "\n#\n", ALL - {"data"}),
        ("requirements-dev.txt", "\n", "\n#\n", {"ci"}),
        ("src/data.py", "\n", "\n\n", ALL - {"environment"}),
        ("src/environment.py", "\n", "\n\n", ALL - {"data"}),
        ("src/model.py", "\n", "\n\n", {"ci", "training", "deployment"}),
        ("src/deploy.py", "\n", "\n\n", {"ci", "deployment"}),
    ],
)
def test_a_change_runs_what_works_from_it(
    repository: Repository, name: str, old: str, new: str, stages: set[str]
) -> None:
    repository.edit(name, old, new)
    assert repository.run() == stages


def test_a_change_of_the_package_trains(repository: Repository) -> None:
    package = next((repository.root / "src").glob("*/train.py"))
    repository.edit(package.relative_to(repository.root).as_posix(), "\n", "\n\n")
    assert repository.run() == {"ci", "training", "deployment"}


def test_a_private_wheel_is_an_environment(repository: Repository) -> None:
    (repository.root / "wheels").mkdir(exist_ok=True)
    (repository.root / "wheels" / "ours-1.0-py3-none-any.whl").write_bytes(b"wheel")
    repository.commit()
    assert repository.run() == ALL - {"data"}


def test_an_ejected_library_is_an_environment(repository: Repository) -> None:
    (repository.root / "src" / "amlkit").mkdir()
    (repository.root / "src" / "amlkit" / "__init__.py").write_text("", encoding="utf-8")
    repository.commit()
    assert repository.run() == ALL - {"data"}


def test_what_failed_runs_again_with_the_next_push(repository: Repository) -> None:
    repository.edit("config.yml", "seed: 0", "seed: 1")  # its run failed: the success is older
    repository.edit("README.md", "#", "##")
    assert repository.run() == {"ci", "training", "deployment"}


def test_a_pull_request_is_checked_and_nobody_is_asked(repository: Repository) -> None:
    repository.devops.commits = ()
    reason = {"BUILD_REASON": "PullRequest", "BUILD_SOURCEBRANCH": "refs/pull/3/merge"}
    assert repository.run(**reason) == {"ci"}
    assert repository.devops.asked == []


def test_a_branch_reaches_azure_only_when_asked(repository: Repository) -> None:
    repository.edit("config.yml", "seed: 0", "seed: 1")
    branch = {"BUILD_SOURCEBRANCH": "refs/heads/try"}
    assert repository.run(**branch) == {"ci"}
    assert repository.run("training", **branch) == {"ci", "training"}


def test_the_schedule_trains(repository: Repository) -> None:
    assert repository.run(BUILD_REASON="Schedule") == {"training"}


@pytest.mark.parametrize(
    ("asked", "stages"), [("data", {"data"}), ("deployment", {"deployment"}), ("everything", ALL)]
)
def test_what_is_asked_for_runs(repository: Repository, asked: str, stages: set[str]) -> None:
    assert repository.run(asked) == stages


def test_where_nobody_knows_everything_runs(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.devops.commits = ("0" * 40,)  # rewritten history
    assert repository.run() == ALL
    repository.devops.commits = ()
    assert repository.run() == ALL
    assert repository.run(SYSTEM_ACCESSTOKEN="") == ALL
    assert repository.run(SYSTEM_DEFINITIONID="") == ALL
    repository.devops.status = 500
    assert repository.run() == ALL


def test_outputs_are_set_for_every_stage(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUILD_REASON", "PullRequest")
    assert changes.main([]) == 0
    said = capsys.readouterr().out
    assert "##vso[task.setvariable variable=ci;isOutput=true]true" in said
    for stage in ALL - {"ci"}:
        assert f"##vso[task.setvariable variable={stage};isOutput=true]false" in said


def test_it_runs_out_of_the_wheel_with_pyyaml_alone(repository: Repository, tmp_path: Path) -> None:
    [wheel] = (repository.root / "wheels").glob("amlkit-*.whl")
    shutil.copytree(Path(yaml.__file__).parent, tmp_path / "yaml")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "amlkit.ci.changes", "--asked", "training"],
        cwd=repository.root,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{wheel}{os.pathsep}{tmp_path}",
            "BUILD_SOURCEBRANCH": "refs/heads/try",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "training     runs: asked for" in done.stdout
    assert "variable=training;isOutput=true]true" in done.stdout
    assert "variable=data;isOutput=true]false" in done.stdout


def test_a_wrong_config_is_one_line(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUILD_REASON", "Manual")
    repository.edit("config.yml", "seed: 0", "seed: nought")
    assert changes.main([]) == 2
    assert "training.seed" in capsys.readouterr().out
