"""After `python -m amlkit eject`, Azure ML's images, jobs and services hold the owner's copy."""

from __future__ import annotations

import subprocess

import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject

# Lines for the copy: a job leaves a file with its outputs, a service's answer has a field more.
JOB = """

from pathlib import Path
Path("outputs").mkdir(exist_ok=True)
Path("outputs/of-the-copy.txt").write_text(__file__)
"""
SERVICE = """

def _answer_of_the_copy(start):
    def started():
        answer = start()
        def call(*request):
            status, body, headers = answer(*request)
            return status, body, {**headers, "x-of-the-copy": "yes"}
        return call
    return started

start = _answer_of_the_copy(start)
"""


@pytest.mark.sweep  # two images more are built; amlkit's own tests do the same on this machine
def test_a_changed_copy_is_what_runs_on_azure_ml(project: AzureProject, standin: StandIn) -> None:
    first = project.done("data"), project.done("model"), project.done("deploy")
    assert first[1]["registered"] and first[2]["switched"]
    python = str(project.path / ".venv-azure" / "bin" / "python")
    subprocess.run([python, "-m", "amlkit", "eject"], cwd=project.path, check=True)

    mark = standin.journal.mark()
    assert not project.by_itself().done("environment")["environment"]["created"]
    assert project.by_itself().done("model")["run_id"] == first[1]["run_id"]
    assert not standin.journal.find(method="PUT", host=r"\.blob\.", path_regex=r"\.whl", since=mark)

    copy = project.path / "src" / "amlkit"
    for module, lines in (("tabular/training.py", JOB), ("serving/service.py", SERVICE)):
        with (copy / module).open("a", encoding="utf-8") as file:
            file.write(lines)
    trained = project.by_itself().done("model")
    assert trained["run_id"] != first[1]["run_id"] and trained["registered"], trained["reason"]
    where = project.sdk(
        """
        from azureml.core import Run
        run = Run.get(workspace, sys.argv[1])
        run.download_file("outputs/of-the-copy.txt", sys.argv[2])
        with open(sys.argv[2]) as file:
            print(json.dumps(file.read()))
        """,
        trained["run_id"],
        str(project.path / "downloaded.txt"),
    )
    assert "site-packages" in where
    wheels = standin.journal.find(method="PUT", host=r"\.blob\.", path_regex=r"\.whl", since=mark)
    assert len({entry.path for entry in wheels}) == 1
    served = project.by_itself().done("deploy")
    assert served["switched"] and served["model"]["version"] == trained["model"]["version"]
    assert not project.by_itself().done("deploy")["switched"]
