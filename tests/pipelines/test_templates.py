"""Expansion: parameters, conditional insertion, loops, variables and templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import Repository
from tests.pipelines.runner.coverage import Coverage
from tests.pipelines.runner.errors import NotPlayed, PipelineError
from tests.pipelines.runner.templates import Expander

MAIN = "azure-pipelines.yml"


def expand(root: Path, *, parameters: Any = None, **variables: str) -> Any:
    """The pipeline of a repository, expanded."""
    named = {name.replace("_", "."): value for name, value in variables.items()}
    return Expander(root).pipeline(MAIN, parameters, named)


def scripts(pipeline: Any) -> list[str]:
    """The scripts of a pipeline that has steps at its root."""
    return [step["script"] for step in pipeline["steps"]]


def test_if_elseif_else_of_microsofts_page(repository: Repository) -> None:
    root = repository("""
        variables:
        - name: foo
          value: contoso
        steps:
        - script: echo "start"
        - ${{ if eq(variables.foo, 'adaptum') }}:
          - script: echo "this is adaptum"
        - ${{ elseif eq(variables.foo, 'contoso') }}:
          - script: echo "this is contoso"
        - ${{ else }}:
          - script: echo "the value is not adaptum or contoso"
    """)
    assert scripts(expand(root)) == ['echo "start"', 'echo "this is contoso"']


def test_each_in_each_of_microsofts_page(repository: Repository) -> None:
    root = repository("""
        parameters:
        - name: listOfFruits
          type: object
          default:
          - fruitName: 'apple'
            colors: ['red','green']
          - fruitName: 'lemon'
            colors: ['yellow']
        steps:
        - ${{ each fruit in parameters.listOfFruits }} :
          - ${{ each fruitColor in fruit.colors}} :
            - script: echo ${{ fruit.fruitName}} ${{ fruitColor }}
    """)
    assert scripts(expand(root)) == ["echo apple red", "echo apple green", "echo lemon yellow"]


def test_conditional_inputs_of_microsofts_page(repository: Repository) -> None:
    root = repository("""
        steps:
        - task: PublishPipelineArtifact@1
          inputs:
            targetPath: '$(Pipeline.Workspace)'
            ${{ if eq(variables['Build.SourceBranchName'], 'main') }}:
              artifact: 'prod'
            ${{ else }}:
              artifact: 'dev'
            publishLocation: 'pipeline'
    """)
    for branch, artifact in (("main", "prod"), ("other", "dev")):
        inputs = expand(root, Build_SourceBranchName=branch)["steps"][0]["inputs"]
        assert inputs["artifact"] == artifact
        assert list(inputs) == ["targetPath", "artifact", "publishLocation"]


def test_replace_of_split_of_microsofts_page(repository: Repository) -> None:
    root = repository("""
        parameters:
        - name: resourceIds
          type: object
          default:
          - /subscriptions/mysubscription/resourceGroups/myResourceGroup/providers/\
Microsoft.Network/loadBalancers/kubernetes-internal
        steps:
        - ${{ each resourceId in parameters.resourceIds }}:
            - script: echo ${{ replace(split(resourceId, '/')[8], '-', '_') }}_prod1
    """)
    assert scripts(expand(root)) == ["echo kubernetes_internal_prod1"]


def test_templates_of_all_kinds_with_paths_from_the_file_that_names_them(
    repository: Repository,
) -> None:
    root = repository(
        """
        variables:
        - template: pipelines/variables.yml
          parameters: {suffix: x}
        - name: after
          value: ${{ variables.first }}-after
        stages:
        - template: pipelines/stage.yml
          parameters: {names: [one, two]}
        """,
        **{
            "pipelines/variables.yml": """
                parameters:
                - name: suffix
                variables:
                - name: first
                  value: first-${{ parameters.suffix }}
            """,
            "pipelines/stage.yml": """
                parameters:
                - name: names
                  type: object
                stages:
                - ${{ each name in parameters.names }}:
                  - stage: ${{ name }}
                    variables:
                      own: ${{ variables.after }}-${{ name }}
                    jobs:
                    - job: a
                      steps:
                      - template: steps/say.yml
                        parameters: {word: "${{ variables.own }}"}
            """,
            "pipelines/steps/say.yml": """
                parameters:
                - name: word
                - {name: loud, type: boolean, default: true}
                steps:
                - script: echo ${{ parameters.word }} ${{ parameters.loud }}
                  condition: ${{ parameters.loud }}
                - template: /end.yml
            """,
            "end.yml": "steps: [{script: end}]",
        },
    )
    stages = expand(root)["stages"]
    assert [stage["stage"] for stage in stages] == ["one", "two"]
    steps = stages[1]["jobs"][0]["steps"]
    assert steps[0] == {"script": "echo first-x-after-two True", "condition": True}
    assert steps[1] == {"script": "end"}


def test_lists_and_mappings_are_inserted_whole(repository: Repository) -> None:
    root = repository(
        """
        jobs:
        - template: job.yml
          parameters:
            pool: {vmImage: ubuntu-24.04}
            env: {A: "1"}
            before: [{script: first}, {template: more.yml}]
        """,
        **{
            "job.yml": """
                parameters:
                - {name: pool, type: object}
                - {name: env, type: object}
                - {name: before, type: stepList, default: []}
                jobs:
                - job: a
                  pool: ${{ parameters.pool }}
                  steps:
                  - ${{ parameters.before }}
                  - script: last
                    env:
                      B: "2"
                      ${{ insert }}: ${{ parameters.env }}
                      ${{ each one in parameters.env }}:
                        ${{ one.key }}_again: ${{ one.value }}
            """,
            "more.yml": "steps: [{script: second}]",
        },
    )
    job = expand(root)["jobs"][0]
    assert job["pool"] == {"vmImage": "ubuntu-24.04"}
    assert [step["script"] for step in job["steps"]] == ["first", "second", "last"]
    assert job["steps"][2]["env"] == {"B": "2", "A": "1", "A_again": "1"}


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("string", "a", "a"),
        ("string", True, "True"),
        ("boolean", "TRUE", True),
        ("boolean", False, False),
        ("number", "12", 12),
        ("object", ["a"], ["a"]),
        ("stepList", [{"script": "a"}], [{"script": "a"}]),
    ],
)
def test_parameters_have_their_type(
    repository: Repository, kind: str, given: Any, value: Any
) -> None:
    root = repository(f"""
        parameters:
        - name: one
          type: {kind}
        pool: ${{{{ parameters.one }}}}
    """)
    assert expand(root, parameters={"one": given})["pool"] == value


HEAD = (
    "parameters: [{name: one, type: number, default: 1, values: [1, 2]}, {name: two, default: x}]\n"
)


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        (HEAD, {"three": "x"}, "unexpected parameter 'three'"),
        (HEAD, {"one": "3"}, "parameter 'one' may not be"),
        (HEAD, {"one": "x"}, "is no number"),
        (HEAD, {"two": ["x"]}, "is no string"),
        ("parameters: [{name: one}]", {}, "parameter 'one' is required"),
        ("parameters: [{name: one, type: boolean, default: maybe}]", {}, "is no boolean"),
        ("parameters: [{name: one, default: 1}, {name: one}]", {}, "stands there twice"),
        (HEAD + "pool: ${{ parameters.three }}", {}, "has no 'three'"),
        ("pool: ${{ variables.three }}", {}, "variables has no 'three'"),
        ("pool: ${{ dependencies.a }}", {}, "unrecognised 'dependencies'"),
        ("pool: ${{ eq(1, 1)", {}, "without its end"),
        ("pool: a\npool: b", {}, "'pool' stands there twice"),
        ("pool: {a: b, \"${{ 'a' }}\": c}", {}, "'a' stands there twice"),
        ("pool: &x a\nname: *x", {}, "anchors"),
        ("pool: [", {}, "azure-pipelines.yml: while parsing"),
        ("steps: [{template: none.yml}]", {}, "none.yml: no such file"),
        ("steps: [{template: /azure-pipelines.yml}]", {}, "more than 100 deep"),
        ("steps:\n- ${{ else }}:\n  - script: a", {}, "else without if"),
        ("steps:\n- ${{ if true }}: a", {}, "a list belongs here"),
        ("steps:\n- ${{ each a in 'text' }}: []", {}, "each needs a list"),
        ("pool:\n  ${{ if true }}: [a]", {}, "a mapping belongs here"),
        ("schedules: [{cron: \"${{ 'x' }}\"}]", {}, "no expression may stand here"),
        ("pool: ${{ if true }}", {}, "stands only where a key stands"),
    ],
)
def test_what_the_service_refuses(
    repository: Repository, text: str, given: Any, words: str
) -> None:
    root = repository()
    (root / MAIN).write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError, match=words):
        expand(root, parameters=given)


@pytest.mark.parametrize(
    "text",
    [
        "extends: {template: a.yml}",
        "steps: [{template: a.yml@other}]",
        "steps: [{template: a.yml, more: x}]",
        "parameters: [{name: one, type: secureFile}]\npool: a",
        "pool: ${{ counter('a', 1) }}",
    ],
)
def test_what_is_not_played_is_refused(repository: Repository, text: str) -> None:
    root = repository()
    (root / MAIN).write_text(text, encoding="utf-8")
    with pytest.raises(NotPlayed):
        expand(root, parameters={"one": "x"} if "one" in text else None)


def test_expressions_are_counted(repository: Repository) -> None:
    root = repository("""
        steps:
        - ${{ if eq(1, 1) }}:
          - script: echo ${{ upper('a') }}
        - ${{ elseif eq(2, 2) }}:
          - script: echo ${{ upper('b') }}
    """)
    coverage = Coverage()
    Expander(root, coverage).pipeline(MAIN)
    assert coverage.counts()["template expressions"] == (2, 4)
    assert coverage.missed("template expressions") == [
        "azure-pipelines.yml:5 elseif eq(2, 2)",
        "azure-pipelines.yml:6 upper('b')",
    ]
