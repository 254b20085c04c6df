"""Which system runs a step, and what is said to GitHub Actions in its files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runners import azure_commands, github_commands, github_values

from amlkit import ci
from amlkit.ci.azure_pipelines import AzurePipelines
from amlkit.ci.github_actions import LIMIT, GitHubActions, cut
from amlkit.ci.provider import detect


@pytest.mark.parametrize(
    ("variables", "provider"),
    [
        ({}, ""),
        ({"TF_BUILD": "True"}, "azure-pipelines"),
        ({"TF_BUILD": "False"}, ""),
        ({"GITHUB_ACTIONS": "true"}, "github-actions"),
        ({"TF_BUILD": "True", "GITHUB_ACTIONS": "true"}, "azure-pipelines"),
        ({"TF_BUILD": "True", "GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/no"}, "azure-pipelines"),
        ({"TF_BUILD": "1", "GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": __file__}, "github-actions"),
    ],
)
def test_the_system_is_the_one_that_is_there(variables: dict[str, str], provider: str) -> None:
    assert detect(variables) == provider


VALUES = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n=<#:["))


@given(first=VALUES, second=VALUES)
def test_no_value_sets_another_output(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str
) -> None:
    file = tmp_path_factory.mktemp("step") / "output"
    step = GitHubActions({"GITHUB_OUTPUT": str(file)}, io.StringIO())
    step.output("version", first)
    step.output("due", f"{second}\nghadelimiter_\nregistered=true\nregistered<<x\ntrue\nx")
    text = file.read_bytes().decode()
    assert set(github_values(text)) == {"version", "due"}


def test_a_summary_is_added_and_cut_where_github_would_show_none_of_it(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    step = GitHubActions({"GITHUB_STEP_SUMMARY": str(file)}, io.StringIO())
    step.summary("# first\n", tmp_path)
    step.summary("größe ☃\n" * 200_000, tmp_path)
    step.summary("# third\n" * 100, tmp_path)
    text = file.read_text(encoding="utf-8")
    assert file.stat().st_size <= LIMIT
    assert text.startswith("# first\ngröße ☃\n")
    assert "(The summary is cut here" in text


def test_a_fence_that_is_cut_is_closed() -> None:
    text = "log\n````text\n" + "line\n" * 100 + "````\n"
    assert cut(text, len(text)) == text
    assert cut(text, 300).count("````") == 2
    assert cut(text, 10) == ""


def test_each_line_of_a_secret_is_masked_on_both() -> None:
    secret = "one%0A\r\ntwo::\n\n"
    azure, github = io.StringIO(newline=""), io.StringIO(newline="")
    AzurePipelines({}, azure).mask(secret)
    GitHubActions({}, github).mask(secret)
    said = [azure_commands(azure.getvalue()), github_commands(github.getvalue())]
    assert [[found.data for found in each] for each in said] == [["one%0A", "two::"]] * 2
    assert {found.name for found in said[0] + said[1]} == {"task.setsecret", "add-mask"}


def test_without_its_files_a_step_goes_on_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with ci.step("data", {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": "/nowhere"}) as conclude:
        assert conclude(0, {"data": {}}) == 0
    assert "::warning::GITHUB_OUTPUT is not set" in capsys.readouterr().err


def test_a_secret_that_the_repository_lacks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = {
        "GITHUB_ACTIONS": "true",
        "RUNNER_TEMP": str(tmp_path),
        "TENANT_ID": "",
        "SPN_ID": "x",
    }
    with ci.step("", variables) as conclude:
        assert "TENANT_ID" not in variables
        assert conclude(2, {"error": "TENANT_ID is not set."}) == 2
    words = "The repository or its environment has no secret or variable TENANT_ID."
    assert f"::error::TENANT_ID is not set. {words}\n" in capsys.readouterr().err
