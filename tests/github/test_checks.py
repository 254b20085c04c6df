"""The workflows as text: schemas, zizmor, shellcheck, pins, conditions that are allow-lists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Bake, BakedProject

CONFIG = Path(__file__).parent / "zizmor.yml"
FLOW = ".github/workflows/train-and-deploy.yml"
SIX = [
    *("TENANT_ID", "SPN_ID", "SPN_PASSWORD"),
    *("AML_WORKSPACE_NAME", "RESOURCE_GROUP", "SUBSCRIPTION_ID"),
]
# What may be asked of the job that is awaited; a deny-list, or a bare function, may not.
GOOD = re.compile(
    r"needs\.\w+\.(result == '(success|skipped)'|outputs\.\w+ == '(true|false)')|!cancelled\(\)"
    r"|vars\.PRODUCTION == 'on'|contains\(fromJSON\('[^']*'\), inputs\.run\)"
)


@pytest.fixture(scope="module")
def project(bake: Bake) -> BakedProject:
    """A repository on GitHub. Only to look at: it is shared."""
    return bake(ci_provider="github-actions")


def run(*command: str) -> str:
    """Run a tool of this environment; fails the test if the tool does."""
    program = str(Path(sys.executable).parent / command[0])
    done = subprocess.run(
        [program, *command[1:]], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(project: BakedProject) -> list[str]:
    """Every YAML file of GitHub's."""
    return sorted(name for name in project.files if name.startswith(".github/"))


def steps(project: BakedProject) -> Iterator[dict[str, Any]]:
    """The steps of workflows and actions."""
    for name in files(project):
        text = project.yaml(name)
        yield from text.get("runs", {}).get("steps", [])
        for job in text.get("jobs", {}).values():
            yield from job.get("steps", [])


def refused_conditions(workflow: dict[str, Any]) -> list[str]:
    """Conditions of jobs that are not made of named good results alone."""
    refused = []
    for name, job in workflow["jobs"].items():
        condition = job.get("if", "")
        left = GOOD.sub("", condition.removeprefix("${{").removesuffix("}}"))
        if job.get("needs") and (not condition or left.strip(" ()&|")):
            refused.append(f"{name}: {left.strip()}")
    return refused


def test_schemas_hold(project: BakedProject) -> None:
    for name in files(project):
        kind = "workflows" if "/workflows/" in name else "actions"
        schema = f"vendor.github-{kind}"
        run("check-jsonschema", "--builtin-schema", schema, str(project.path / name))


def test_zizmor_finds_nothing(project: BakedProject, tmp_path: Path) -> None:
    command = ("zizmor", "--offline", "--persona=auditor", "--no-exit-codes", "--format=json")
    said = run(*command, "-c", str(CONFIG), str(project.path))
    assert json.loads(said) == []
    broken = tmp_path / ".github/workflows/broken.yml"
    broken.parent.mkdir(parents=True)
    text = project.text(FLOW).replace('"$TARGET"', '"${{ inputs.target }}"')
    broken.write_text(text, encoding="utf-8")
    said = run(*command, "-c", str(CONFIG), str(broken))
    assert "template-injection" in {finding["ident"] for finding in json.loads(said)}


def test_scripts_are_in_order_and_hold_no_expression(project: BakedProject) -> None:
    scripts = [step["run"] for step in steps(project) if "run" in step]
    assert len(scripts) >= 12
    for script in scripts:
        assert "${{" not in script
        done = subprocess.run(
            [str(Path(sys.executable).parent / "shellcheck"), "--shell=bash", "-"],
            input=script,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"


def test_actions_of_others_are_pinned_by_commit(project: BakedProject) -> None:
    lines = [line for name in files(project) for line in project.text(name).splitlines()]
    used = [line.partition("uses: ")[2] for line in lines if "uses: " in line]
    others = [use for use in used if not use.startswith("./")]
    assert len(others) >= 7
    for use in others:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", use), use


def test_a_job_runs_after_results_that_are_named_as_good(project: BakedProject) -> None:
    workflow = project.yaml(FLOW)
    assert refused_conditions(workflow) == []
    for bad in ("always()", "needs.train.result != 'failure'", "!failure()", ""):
        workflow["jobs"]["staging"]["if"] = bad and "${{ %s }}" % bad  # noqa: UP031
        assert [one.split(":")[0] for one in refused_conditions(workflow)] == ["staging"]


def test_rights_are_the_least(project: BakedProject) -> None:
    for name in files(project):
        if "/workflows/" in name:
            assert project.yaml(name)["permissions"] == {"contents": "read"}
    assert "secrets." not in project.text(".github/workflows/ci.yml")
    assert "id-token" not in project.text(".github/workflows/ci.yml")
    for name, job in project.yaml(FLOW)["jobs"].items():
        if name == "ci":
            assert "permissions" not in job
            continue
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["concurrency"]["cancel-in-progress"] is False
        assert job["timeout-minutes"] <= 360
        # Only in environments, whose rules keep other branches away; never for all of a job.
        assert job["environment"]["name"].startswith("penguins-model-")
        assert "secrets." not in json.dumps(job.get("env", {}))


def test_how_to_sign_in_is_asked_where_an_environment_has_its_say(project: BakedProject) -> None:
    """A variable of an environment is known to steps alone: actions/runner#2472."""
    workflow = project.yaml(FLOW)
    drivers = 0
    for place in (workflow, *workflow["jobs"].values()):
        assert "AZURE_AUTH" not in place.get("env", {})
    for step in (step for job in workflow["jobs"].values() for step in job.get("steps", [])):
        if "python src/" in step.get("run", ""):
            drivers += 1
            assert step["env"]["AZURE_AUTH"] == "${{ vars.AZURE_AUTH }}"
            assert '${AZURE_AUTH:+--set "azure.auth=$AZURE_AUTH"}' in step["run"]
    assert drivers == 7


def test_only_what_production_lacks_may_stay_unknown(project: BakedProject) -> None:
    """Staging goes on without: any other step that fails fails its job."""
    tolerated = [step.get("id") for step in steps(project) if step.get("continue-on-error")]
    assert tolerated == ["production"]


def test_the_training_step_has_the_six_in_sight(project: BakedProject) -> None:
    text = project.text(FLOW)
    step = text[text.index("Run AML Experiment and Register Model") :]
    step = step[: step.index("    - name:")]
    assert "run: >-\n        python src/model.py" in step
    assert re.findall(r"^        (\w+): \${{.*secrets\.\1", step, re.MULTILINE) == SIX


def test_a_job_that_is_run_again_keeps_its_own_report(project: BakedProject) -> None:
    """An artifact of the same name fails it: apache/datafusion-comet#3723."""
    kept = [step for step in steps(project) if "upload-artifact" in step.get("uses", "")]
    assert [step["with"]["name"] for step in kept] == ["training-${{ github.run_attempt }}"]


def test_every_way_to_main_reports_the_check(project: BakedProject) -> None:
    """A rule that requires it would wait for ever: pull requests of documents, a merge queue."""
    on = project.yaml(".github/workflows/ci.yml")[True]  # so YAML 1.1 reads the key `on`
    assert on["pull_request"] is None
    assert on["merge_group"] is None
    assert on["push"]["branches-ignore"] == ["main", "gh-readonly-queue/**"]
    # With secrets and the code of a fork there would be no border between them.
    assert not {"pull_request_target", "workflow_run"} & {
        event for name in files(project) for event in project.yaml(name).get(True, {})
    }


def test_the_branch_of_the_workflow_is_said_once_in_each(project: BakedProject) -> None:
    """Renamed, it is changed there; `bootstrap.py pipelines --to github` takes it from there."""
    push = project.yaml(FLOW)[True]["push"]
    ignored = project.yaml(".github/workflows/ci.yml")[True]["push"]["branches-ignore"]
    assert push["branches"] == ignored[:1] == ["main"]
    for name in files(project):
        code = [line.partition("#")[0] for line in project.text(name).splitlines()]
        assert sum(bool(re.search(r"\bmain\b", line)) for line in code) <= 1, name


def test_a_change_of_documents_starts_nothing(project: BakedProject) -> None:
    for name in (".github/workflows/ci.yml", FLOW):
        on = yaml.safe_load(project.text(name).replace("\non:", "\n'on':"))["on"]
        assert on["push"]["paths-ignore"] == ["docs/**", "**.md"]
    # 10 are allowed everywhere, 25 on github.com alone.
    assert len(on["workflow_dispatch"]["inputs"]) <= 10
