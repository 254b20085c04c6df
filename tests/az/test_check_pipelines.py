"""`make check-pipelines` by the real `az`; the preview compiles as the runner of pipelines does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.az.cloud import Cloud
from tests.pipelines.runner.errors import NotPlayed, PipelineError
from tests.pipelines.runner.templates import Expander


def check(cloud: Cloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The check, to its end, as `make check-pipelines` calls it."""
    words = ["--organization", "contoso", "--project", "churn", *arguments]
    [wheel] = cloud.project.glob("wheels/amlkit-*.whl")
    return subprocess.run(
        [str(cloud.machine.python), "-m", "amlkit.ci.check", *words],
        cwd=cloud.project,
        env=cloud.environment(PYTHONPATH=str(wheel)),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture
def registered(cloud: Cloud) -> Cloud:
    """The repository is known to Azure DevOps by one pipeline."""

    def compiled(text: str, branch: str) -> str:
        file = Path("azure-pipelines.yml")
        (cloud.project / file).write_text(text, encoding="utf-8")
        try:
            known = {"Build.Reason": "Manual", "Build.SourceBranch": branch}
            return json.dumps(Expander(cloud.project).pipeline(str(file), {}, known), default=str)
        except (PipelineError, NotPlayed) as error:
            raise ValueError(str(error)) from None

    previews = cloud.standin.azure.previews
    previews.register("contoso", "churn", "somebody/else", lambda text, branch: "")
    previews.register("contoso", "churn", f"somebody/{cloud.project.name}", compiled)
    return cloud


def test_the_rendered_pipelines_are_good(registered: Cloud) -> None:
    done = check(registered)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": good") == 6
    asked = registered.standin.journal.find(method="POST", host=r"dev\.azure\.com")
    assert [entry.path for entry in asked] == ["/contoso/churn/_apis/pipelines/2/preview"] * 6


def test_a_pipeline_that_does_not_compile_is_refused_in_the_services_words(
    registered: Cloud,
) -> None:
    path = registered.project / "pipelines" / "training.yml"
    text = path.read_text(encoding="utf-8")
    broken = text.replace("parameters.runId }}", "parameters.runIdd }}")
    assert broken != text
    path.write_text(broken, encoding="utf-8")
    done = check(registered)
    assert done.returncode == 1
    [refused] = [line for line in done.stdout.splitlines() if not line.endswith(": good")]
    assert refused.startswith("pipelines/training.yml: ")
    assert "runIdd" in refused


def test_a_project_without_pipelines_says_what_to_do(cloud: Cloud) -> None:
    done = check(cloud)
    assert done.returncode == 1
    assert "register azure-pipelines.yml first" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_who_is_no_member_is_told_so(registered: Cloud) -> None:
    world = registered.standin.world
    world.strangers.add(registered.standin.account.administrator.object_id)
    done = check(registered)
    assert done.returncode == 1
    assert "TF400813" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
