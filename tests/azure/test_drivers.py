"""The four drivers on Azure ML: what the first run does, and what the second leaves alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.azure.changes import changes
from tests.azure.conftest import AzureProject
from tests.conftest import environment
from tests.generated.test_readme import commands

began: list[int] = []  # where in the journal the first run begins


@pytest.fixture(scope="module")
def first(project: AzureProject) -> dict[str, dict[str, Any]]:
    """What the four drivers answered when nothing was there yet, run as the README has it."""
    project = project.by_itself()
    began.append(project.standin.journal.mark())
    commit(project.path)
    lines = [line for line in commands(project.path / "README.md") if "--local" not in line]
    drivers = [re.fullmatch(r"python src/(\w+)\.py", line) for line in lines]
    assert len(drivers) == 4
    return {driver[1]: project.done(driver[1]) for driver in drivers if driver}


def commit(folder: Path) -> None:
    """Has git know the repository as it was rendered."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "Start")):
        subprocess.run(["git", *words], cwd=folder, env=environment(), check=True)


def test_the_first_run_does_all_of_it(first: dict[str, dict[str, Any]]) -> None:
    assert first["data"]["data"]["created"]
    assert first["data"]["data"]["rows"] == 344
    assert first["environment"]["environment"]["created"]
    trained = first["model"]
    assert trained["status"] == "Completed"
    assert trained["registered"], trained["reason"]
    assert trained["metrics"]["roc_auc"] > 0.9
    assert trained["model"]["version"] == "1"
    assert first["deploy"]["switched"]
    assert first["deploy"]["endpoint"]["uri"].startswith("http://")


def test_metrics_tags_and_figures_are_with_the_run(
    project: AzureProject, first: dict[str, dict[str, Any]], sdk_python: str
) -> None:
    seen = project.sdk(
        """
        from azureml.core import Run, Model
        run = Run.get(workspace, sys.argv[1])
        model = Model(workspace, sys.argv[2])
        print(json.dumps({"metrics": run.get_metrics(), "tags": run.tags,
                          "files": run.get_file_names(), "model": model.tags}))
        """,
        first["model"]["run_id"],
        first["model"]["model"]["name"],
    )
    assert seen["metrics"]["roc_auc"] == pytest.approx(first["model"]["metrics"]["roc_auc"])
    assert seen["tags"]["data_version"] == first["data"]["data"]["version"]
    assert seen["tags"]["environment_version"] == first["environment"]["environment"]["version"]
    assert seen["tags"]["git_commit"]
    assert "report.html" in seen["files"]
    assert any(name.startswith("outputs/figures/") for name in seen["files"])
    assert json.loads(seen["model"]["metrics"])["roc_auc"] > 0.9
    assert json.loads(seen["model"]["schema"])


def test_a_job_is_sent_the_owners_package_alone(
    project: AzureProject, first: dict[str, dict[str, Any]]
) -> None:
    snapshot = project.sdk(
        """
        from azureml.core import Run
        run = Run.get(workspace, sys.argv[1])
        print(json.dumps(run.get_details()["properties"]["ContentSnapshotId"]))
        """,
        first["model"]["run_id"],
    )
    package = next(project.path.glob("src/*/train.py")).parent
    sent = set(project.standin.azure.snapshots.get(snapshot).files)
    code = {path.relative_to(package.parent).as_posix() for path in package.rglob("*.py")}
    assert sent == {"folders.txt", *code}


def test_amlkit_is_sent_once(project: AzureProject, first: dict[str, dict[str, Any]]) -> None:
    """At most: the repository of another module may have sent it to the same workspace."""
    journal = project.standin.journal
    sent = journal.find(method="PUT", host=r"\.blob\.", path_regex=r"/amlkit-", since=began[0])
    assert len([entry for entry in sent if entry.status == 201]) <= 1
    place = "Environment/azureml-private-packages/amlkit-"
    assert len(project.standin.blobs.list("azureml", place)) == 1


def test_the_second_run_changes_nothing(
    project: AzureProject, first: dict[str, dict[str, Any]]
) -> None:
    mark, builds = project.standin.journal.mark(), len(project.standin.builds)
    again = {driver: project.done(driver) for driver in first}
    assert again["data"]["data"]["version"] == first["data"]["data"]["version"]
    assert not again["data"]["data"]["created"]
    assert not again["environment"]["environment"]["created"]
    assert again["model"]["run_id"] == first["model"]["run_id"]
    assert again["model"]["model"] == first["model"]["model"]
    assert not again["deploy"]["switched"]
    assert again["deploy"]["endpoint"]["uri"] == first["deploy"]["endpoint"]["uri"]
    assert changes(project.standin, mark) == []
    assert len(project.standin.builds) == builds


def test_a_changed_line_trains_again_and_builds_no_image(
    project: AzureProject, first: dict[str, dict[str, Any]]
) -> None:
    package = first["model"]["run_id"] and next(project.path.glob("src/*/train.py"))
    package.write_text(package.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    mark, builds = project.standin.journal.mark(), len(project.standin.builds)
    trained = project.done("model")
    assert trained["run_id"] != first["model"]["run_id"]
    assert trained["status"] == "Completed"
    assert len(project.standin.builds) == builds
    journal = project.standin.journal
    sent = journal.find(method="PUT", host=r"\.blob\.", path_regex="snapshot", since=mark)
    assert len(sent) == 1, [entry.path for entry in sent]
    # Compared with the champion by the job itself, on the same held-out rows.
    assert trained["decision"]["champion"]["metrics"]["roc_auc"] > 0.9


def test_dry_runs_only_read(project: AzureProject, first: dict[str, dict[str, Any]]) -> None:
    mark = project.standin.journal.mark()
    for driver in first:
        assert project.done(driver, "--dry-run")["dry_run"]
    assert changes(project.standin, mark) == []
