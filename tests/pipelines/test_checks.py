"""The checks: the rendered pipelines pass all of them, and each catches what is broken for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlkit.provision.pipelines.names import PIPELINE_NAMES, named_group

from tests.conftest import BakedProject
from tests.pipelines.checks import conditions, graph, names, schema, shell
from tests.pipelines.checks.expanded import Expanded, expand
from tests.pipelines.conftest import Repository, choose, copied
from tests.pipelines.runner.errors import PipelineError
from tests.pipelines.runner.variables import MACRO, Secret

CHECKS: dict[str, Callable[[Expanded], list[str]]] = {
    "schema": schema.schema,
    "order": graph.order,
    "outputs": graph.outputs,
    "allow-lists": conditions.allow_lists,
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
    ("pipelines/training.yml", {"wait": False}),
    ("pipelines/deployment.yml", {}),
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


@pytest.fixture(scope="module")
def with_production(
    default: BakedProject, tmp_path_factory: pytest.TempPathFactory
) -> BakedProject:
    """The default rendering, its production switched on."""
    made = copied(default, tmp_path_factory.mktemp("on"))
    choose(made.path, production="on")
    return made


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("file", "parameters"), PIPELINES, ids=lambda value: str(value))
def test_the_rendered_pipelines_pass(
    with_production: BakedProject, check: str, file: str, parameters: dict[str, Any]
) -> None:
    root = with_production.path
    groups = {root.name: GROUP, f"{root.name}-prod": GROUP}
    assert CHECKS[check](expand(root, file, groups, **parameters)) == []


def test_every_file_of_the_pipelines_declares_the_parameters_it_uses(
    default: BakedProject,
) -> None:
    files = [name for name in default.files if name.startswith("pipelines/")]
    assert len(files) == 9
    for file in ["azure-pipelines.yml", *files]:
        assert names.parameters(default.path, file) == []


def test_every_pipeline_is_looked_at(default: BakedProject) -> None:
    files = {str(path.relative_to(default.path)) for path in default.path.glob("pipelines/*.yml")}
    files = {file for file in files if "trigger" in default.yaml(file)}
    assert files == {file for file, _ in PIPELINES[1:]}


def test_they_are_read_in_one_sitting(default: BakedProject) -> None:
    files = ["azure-pipelines.yml", *(f for f in default.files if f.startswith("pipelines/"))]
    assert sum(len(default.text(file).splitlines()) for file in files) <= 350


def test_the_training_step_is_in_view(default: BakedProject) -> None:
    """Whoever knows the sample that this project grew from recognises it, its names and all."""
    _, on_main = default.yaml("azure-pipelines.yml")["stages"]
    [[train, *_]] = on_main.values()
    conditional = [step for step in train["jobs"][0]["steps"] if "template" not in step]
    [step] = conditional[0]["${{ if eq(variables.serviceConnection, '') }}"]
    assert step["displayName"] == "Run AML Experiment and Register Model"
    assert step["script"] == "python src/model.py"
    assert step["env"] == NAMES


def test_only_what_production_lacks_may_stay_unknown(with_production: BakedProject) -> None:
    """Staging goes on without: any other step that fails fails its job."""
    root = with_production.path
    groups = {root.name: GROUP, f"{root.name}-prod": GROUP}
    for file, parameters in PIPELINES:
        steps = [step for _, _, step in expand(root, file, groups, **parameters).steps()]
        tolerated = [step.name for step in steps if step.continue_on_error.lower() == "true"]
        assert tolerated == (["production"] if file == "azure-pipelines.yml" else [])


def test_the_groups_are_those_that_bootstrap_fills(default: BakedProject) -> None:
    listed = default.yaml("pipelines/variables.yml")["variables"]
    named = {one["name"]: one["value"] for one in listed}
    assert named["variableGroup"] == default.path.name
    assert named_group(default.path, "", "") == named["variableGroup"]
    assert named_group(default.path, "prod", "") == named["productionVariableGroup"]
    assert {name: f"$({value})" for name, value in PIPELINE_NAMES.items()} == NAMES


@pytest.mark.parametrize("connection", ["", "federated"])
def test_no_secret_is_mapped_where_federation_is_chosen(
    default: BakedProject, tmp_path: Path, connection: str
) -> None:
    """By the one setting, in every pipeline."""
    root = copied(default, tmp_path).path
    choose(root, production="on", serviceConnection=connection)
    groups = {root.name: GROUP, f"{root.name}-prod": GROUP}
    for file, parameters in PIPELINES:
        expanded = expand(root, file, groups, **parameters)
        drivers = [step for _, _, step in expanded.steps() if "SUBSCRIPTION_ID" in step.env]
        assert bool(drivers) == (file != "pipelines/ci.yml")
        for step in drivers:
            assert ("SPN_PASSWORD" in step.env) == (not connection)
            assert ("$(SpnPassword)" in str(step)) == (not connection)
            assert (step.value == "AzureCLI@2") == bool(connection)
        for name in set(CHECKS) - {"shell", "schema"} if connection else ():
            assert CHECKS[name](expanded) == []


def test_what_a_step_runs_is_in_two_files_at_most(default: BakedProject) -> None:
    """A pipeline, and the template that it names: templates of steps name no others."""
    for name in sorted(default.files):
        if name.startswith("pipelines/") and "trigger" not in default.yaml(name):
            assert "template:" not in default.text(name), name


def test_no_script_holds_what_others_wrote(with_production: BakedProject) -> None:
    """A macro is text of the script before any shell sees it: infracost-azure-devops#101."""
    root = with_production.path
    groups = {root.name: GROUP, f"{root.name}-prod": GROUP}
    for file, parameters in PIPELINES:
        for _, _, step in expand(root, file, groups, **parameters).steps():
            assert set(MACRO.findall(step.script)) <= {"pythonVersion"}, step.where


def test_a_stage_that_is_run_again_keeps_its_own_report(with_production: BakedProject) -> None:
    """An artifact of the same name fails it: data61/clkhash#312."""
    root = with_production.path
    groups = {root.name: GROUP, f"{root.name}-prod": GROUP}
    for file in ("azure-pipelines.yml", "pipelines/training.yml"):
        steps = [step for _, _, step in expand(root, file, groups).steps()]
        [name] = [step.inputs["artifact"] for step in steps if step.kind == "publish"]
        assert name.endswith("$(System.JobAttempt)")


HEAD = "pool: {vmImage: ubuntu-24.04}\n"
A, B = "{stage: A, jobs: [{job: a, steps: [{bash: a}]}]}", "jobs: [{job: b, steps: [{bash: b}]}]"
DUE = "dependencies.A.outputs['a.s.due']"
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
        "from ours import agent\nNAMES = ('x', 'y')\nfor n in NAMES:\n"
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
        *(
            ("allow-lists", f'stages:\n- {A}\n- {{stage: B, condition: "{text}", {B}}}', words)
            for text, words in [
                ("not(canceled())", "not() in a condition"),
                ("always()", "always() in a condition"),
                ("failed()", "failed() in a condition"),
                ("and(succeededOrFailed(), true)", "succeededorfailed() in"),
                ("ne(dependencies.A.result, 'Failed')", "ne() in a condition"),
                ("notIn(dependencies.A.result, 'Failed', 'Canceled')", "notin() in"),
                (f"eq({DUE}, 'true')", "it runs after A Canceled"),
                (f"eq({DUE}, 'true')", "nobody knows why A was skipped"),
                ("in(dependencies.A.result, 'Succeeded', 'Failed')", "it runs after A Failed"),
                ("in(dependencies.A.result, 'Succeeded', 'Skipped')", "why A was skipped"),
                (f"or(in(dependencies.A.result, 'Succeeded'), eq({DUE}, 'true'))", "A Canceled"),
            ]
        ),
        ("allow-lists", "jobs: [{job: a, condition: always(), steps: [{bash: a}]}]", "always()"),
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


def test_a_stage_that_had_nothing_to_do_may_be_passed_over(repository: Repository) -> None:
    """Where an output of what looked says so, which is known by nothing else."""
    skipped = f"and(eq(dependencies.A.result, 'Skipped'), eq({DUE}, 'false'))"
    text = f"or(in(dependencies.A.result, 'Succeeded'), {skipped})"
    pipeline = (
        f'variables: [{{group: vars}}]\nstages:\n- {A}\n- {{stage: B, condition: "{text}", {B}}}'
    )
    assert conditions.allow_lists(broken(repository(), pipeline)) == []


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
  condition: >-
    and(in(dependencies.A.result, 'Succeeded'), eq(dependencies.A.outputs['a.s.y'], 'true'))
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
