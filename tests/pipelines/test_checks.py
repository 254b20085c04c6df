"""The checks: the rendered pipelines pass all of them, and each catches what is broken for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlkit.provision.credentials import PIPELINE_NAMES

from tests.conftest import BakedProject
from tests.pipelines.checks import graph, names, schema, shell
from tests.pipelines.checks.expanded import Expanded, expand
from tests.pipelines.conftest import Repository
from tests.pipelines.runner.errors import PipelineError
from tests.pipelines.runner.variables import Secret

CHECKS: dict[str, Callable[[Expanded], list[str]]] = {
    "schema": schema.schema,
    "order": graph.order,
    "outputs": graph.outputs,
    "variables": names.variables,
    "environment": names.environment,
    "secrets": names.secrets,
    "pins": names.pins,
    "shell": shell.scripts,
}
# Every pipeline, with those parameters that choose what is in it.
PIPELINES: list[tuple[str, dict[str, Any]]] = [
    ("azure-pipelines.yml", {}),
    ("pipelines/ci.yml", {}),
    ("pipelines/data.yml", {}),
    ("pipelines/environment.yml", {}),
    ("pipelines/training.yml", {}),
    ("pipelines/training.yml", {"force": True, "replaceChampion": True, "runId": "run_1"}),
    ("pipelines/deployment.yml", {}),
    ("pipelines/deployment.yml", {"target": "staging"}),
    ("pipelines/deployment.yml", {"target": "production", "modelVersion": "3"}),
    ("pipelines/deployment.yml", {"rollback": True}),
]
GROUP = {
    "TenantID": "tenant",
    "SpnID": "id",
    "SpnPassword": Secret("password"),
    "AmlWorkspaceName": "workspace",
    "ResourceGroup": "group",
    "SubscriptionID": "subscription",
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("file", "parameters"), PIPELINES, ids=lambda value: str(value))
def test_the_rendered_pipelines_pass(
    default: BakedProject, check: str, file: str, parameters: dict[str, Any]
) -> None:
    slug = default.path.name
    groups = {slug: GROUP, f"{slug}-prod": GROUP}
    assert CHECKS[check](expand(default.path, file, groups, **parameters)) == []


def test_every_file_of_the_pipelines_declares_the_parameters_it_uses(
    default: BakedProject,
) -> None:
    files = [name for name in default.files if name.startswith("pipelines/")]
    assert len(files) == 7
    for file in ["azure-pipelines.yml", *files]:
        assert names.parameters(default.path, file) == []


def test_every_pipeline_is_looked_at(default: BakedProject) -> None:
    files = {str(path.relative_to(default.path)) for path in default.path.glob("pipelines/*.yml")}
    parts = {"pipelines/variables.yml", "pipelines/steps.yml"}
    assert files - parts == {file for file, _ in PIPELINES[1:]}


def test_they_are_read_in_one_sitting(default: BakedProject) -> None:
    files = ["azure-pipelines.yml", *(f for f in default.files if f.startswith("pipelines/"))]
    assert len(files) <= 8
    assert sum(len(default.text(file).splitlines()) for file in files) <= 420


def test_the_training_step_is_in_view(default: BakedProject) -> None:
    """Whoever knows the sample that this project grew from recognises it, its names and all."""
    [training] = [
        stage
        for stage in default.yaml("azure-pipelines.yml")["stages"]
        if stage["stage"] == "training"
    ]
    [step] = [step for step in training["jobs"][0]["steps"] if "script" in step]
    assert step["displayName"] == "Run AML Experiment and Register Model"
    assert step["script"] == "python src/model.py"
    assert step["env"] == NAMES


def test_the_groups_are_those_that_bootstrap_fills(default: BakedProject) -> None:
    listed = default.yaml("pipelines/variables.yml")["variables"]
    named = {one["name"]: one["value"] for one in listed}
    group = default.yaml("config.yml")["azure"]["bootstrap"]["variable_group"]
    assert named["variableGroup"] == group
    assert named["productionVariableGroup"] == f"{group}-prod"
    assert {name: f"$({value})" for name, value in PIPELINE_NAMES.items()} == NAMES


def test_stages_run_after_results_that_are_named_as_good(default: BakedProject) -> None:
    """Every stage but the first names each one before it, or asks for succeeded()."""
    stages = default.yaml("azure-pipelines.yml")["stages"]
    for stage in stages[1:]:
        condition = stage["condition"]
        assert "failed" not in condition.lower()
        if "succeeded()" in condition:
            assert stage["dependsOn"] == ["changes"]
            continue
        good = "'Succeeded', 'SucceededWithIssues'"
        for before in set(stage["dependsOn"]) - {"changes"}:
            skipped = "" if before == "staging" else ", 'Skipped'"
            assert f"in(dependencies.{before}.result, {good}{skipped})" in condition


HEAD = "pool: {vmImage: ubuntu-24.04}\n"
DRIVER = "steps:\n- bash: python src/model.py\n  env:\n"
NAMES = {
    "TENANT_ID": "$(TenantID)",
    "SPN_ID": "$(SpnID)",
    "SPN_PASSWORD": "$(SpnPassword)",
    "AML_WORKSPACE_NAME": "$(AmlWorkspaceName)",
    "RESOURCE_GROUP": "$(ResourceGroup)",
    "SUBSCRIPTION_ID": "$(SubscriptionID)",
}
MAPPED = "".join(f"    {name}: {value}\n" for name, value in NAMES.items())
TWO = """
stages:
- stage: A
  jobs:
  - job: a
    steps: [{bash: 'echo "##vso[task.setvariable variable=x;isOutput=true]1"', name: s}]
- stage: B
  CONDITION
  jobs: [{job: b, steps: [{bash: echo}]}]
"""


def broken(root: Path, text: str) -> Expanded:
    """A pipeline with a variable group, in a repository with modules that ask and set."""
    (root / "azure-pipelines.yml").write_text(HEAD + text, encoding="utf-8")
    (root / "src/ours").mkdir(parents=True, exist_ok=True)
    (root / "src/ours/asks.py").write_text("import os\nos.environ['SYSTEM_ACCESSTOKEN']\n")
    (root / "src/ours/sets.py").write_text(
        "from amlkit.ci import agent\nNAMES = ('x', 'y')\nfor n in NAMES:\n"
        "    agent.set_output(n, '1')\n"
    )
    return expand(root, groups={"vars": GROUP})


@pytest.mark.parametrize(
    ("check", "text", "words"),
    [
        ("schema", "steps: [{bash: a, continueOnError: maybe}]", "continueOnError"),
        ("order", TWO.replace("CONDITION", "dependsOn: C"), "depends on 'C'"),
        ("order", TWO.replace("CONDITION", "dependsOn: B"), "depend on one another: B"),
        (
            "outputs",
            TWO.replace("CONDITION", "condition: dependencies.C.result"),
            "not in dependsOn",
        ),
        (
            "outputs",
            TWO.replace("CONDITION", "condition: eq(dependencies.A.outputs['a.s.y'], 1)"),
            "no step sets it; set are: a.s.x",
        ),
        (
            "outputs",
            TWO.replace("CONDITION", "condition: stageDependencies.A.a.result"),
            "dependencies alone",
        ),
        (
            "outputs",
            TWO.replace("CONDITION", 'variables: {v: "$[ dependencies.A.outcome ]"}'),
            "neither result nor an output",
        ),
        ("variables", "steps: [{bash: echo $(nothing)}]", "nothing defines $(nothing)"),
        ("variables", "steps: [{bash: echo, env: {X: $(Sub.Id)}}]", "nothing defines $(Sub.Id)"),
        (
            "environment",
            DRIVER + MAPPED.replace("SPN_ID", "SPN_IDENTITY"),
            "env SPN_IDENTITY is not",
        ),
        ("environment", DRIVER + MAPPED.replace("SPN_ID", "SPN_IDENTITY"), "SPN_ID is read, and"),
        ("environment", DRIVER.replace("\n  env:", ""), "SPN_PASSWORD is read, and not mapped"),
        (
            "environment",
            (DRIVER + MAPPED).replace("model.py", "model.py --local"),
            "env SPN_PASSWORD is not read",
        ),
        ("environment", "steps: [{bash: 'echo $UNSET'}]", "UNSET is read, and not mapped"),
        ("environment", "steps: [{bash: python -m ours.asks}]", "SYSTEM_ACCESSTOKEN is read"),
        ("environment", "steps: [{task: Cache@2, env: {A: b}}]", "env A of a task"),
        ("secrets", "steps: [{bash: tool --password $(SpnPassword)}]", "secret $(SpnPassword)"),
        ("secrets", "steps: [{bash: 'curl -u :$(system.accesstoken)'}]", "secret $(system"),
        (
            "secrets",
            "jobs: [{job: a, variables: {p: $(SpnPassword)}, steps: [{bash: a}]}]",
            "secret $(SpnPassword)",
        ),
        ("pins", "steps: [{task: Cache}]", "task Cache has no version"),
        ("pins", "jobs: [{job: a, pool: {vmImage: ubuntu-latest}, steps: [{bash: a}]}]", "pinned"),
        ("shell", "steps: [{bash: 'if true; then'}]", "Couldn't parse"),
        ("shell", "steps: [{bash: 'echo `date`'}]", "legacy"),
        ("shell", "steps:\n- bash: |\n    a\n    b\n", "the first is not set -e"),
    ],
)
def test_a_broken_pipeline_is_caught(
    repository: Repository, check: str, text: str, words: str
) -> None:
    head = "variables: [{group: vars}]\n"
    found = CHECKS[check](broken(repository(), head + text))
    assert [problem for problem in found if words in problem], found


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_pipeline_passes(repository: Repository, check: str) -> None:
    text = f"""
variables:
- group: vars
- {{name: folder, value: "$(Build.SourcesDirectory)/x"}}
stages:
- stage: A
  jobs:
  - job: a
    steps:
    - bash: python -m ours.sets
      name: s
    - bash: python -m ours.asks
      env: {{SYSTEM_ACCESSTOKEN: $(System.AccessToken)}}
    - bash: |
        set -euo pipefail
        MINE=1
        echo "$MINE $FOLDER" $(s.x) > "$(folder)"
    - bash: python src/model.py
      env:
{MAPPED.replace("    ", "        ")}
- stage: B
  condition: eq(dependencies.A.outputs['a.s.y'], 'true')
  jobs:
  - job: b
    variables:
      x: $[ stageDependencies.A.a.outputs['s.x'] ]
    steps: [{{bash: echo $(x)}}]
"""
    assert CHECKS[check](broken(repository(), text)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [{bash: a, name: x}, {bash: b, name: x}]", "step 'x' stands there twice"),
        ("steps: [{bash: a}]\nsteps: [{bash: b}]", "'steps' stands there twice"),
        (TWO.replace("CONDITION", "").replace("stage: B", "stage: A"), "stage 'A' stands there"),
        ("steps: [{template: steps/none.yml}]", "steps/none.yml: no such file"),
        ('steps: [{bash: "${{ parameters.none }}"}]', "parameters has no 'none'"),
    ],
)
def test_what_cannot_be_expanded(repository: Repository, text: str, words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        broken(repository(), text)


def test_parameters_that_are_not_declared_or_not_used(repository: Repository) -> None:
    root = repository("""
        parameters: [{name: used}, {name: unused}]
        steps:
        - ${{ if eq(parameters.used, 'a') }}:
          - bash: ${{ parameters.undeclared }}
    """)
    assert names.parameters(root, "azure-pipelines.yml") == [
        "azure-pipelines.yml:5: no parameter 'undeclared'",
        "azure-pipelines.yml: parameter 'unused' is not used",
    ]
