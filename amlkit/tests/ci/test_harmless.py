"""No text commands a runner: forms that were found outside, and whatever else there may be."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runners import azure_commands, github_commands

from amlkit.ci import Guard
from amlkit.ci.azure_pipelines import AzurePipelines
from amlkit.ci.github_actions import GitHubActions
from amlkit.ci.harmless import harmless

# (text, where it was described)
OUTSIDE = [
    ("::set-env name=NODE_OPTIONS::--require=/tmp/x.js", "CVE-2020-15228, Project Zero 2070"),
    ("::add-path::/tmp/evil", "CVE-2020-15228"),
    ("  \t::set-env name=PATH::/tmp", "actions/runner TryParseV2: TrimStart"),
    ("##[set-env name=LD_PRELOAD;]/tmp/x.so", "actions/runner TryParse: the old form"),
    ("title ##[add-path]/tmp/evil", "actions/runner TryParse: anywhere in a line"),
    ("##[SET-ENV name=A]1", "actions/runner: names whatever their case"),
    ("::set-output name=registered::true", "GitHub changelog 2022-10-11"),
    ("::save-state name=isPost::true", "GitHub changelog 2022-10-11"),
    ("::stop-commands::token", "GHSA-mfwh-5m23-j46w: all that follows is not obeyed"),
    ("::token::", "GitHub docs: the token of stop-commands resumes"),
    ("::add-mask::a", "a mask of one letter makes the log unreadable"),
    ("::add-matcher::/tmp/matcher.json", "actions/toolkit problem-matchers.md"),
    ("::error file=app.js,line=1::fake", "GitHub docs: an annotation in another's name"),
    ("::group::hidden", "GitHub docs: folds the lines that follow"),
    ("::debug::x", "GitHub docs"),
    ("::echo::on", "GitHub docs"),
    ("##vso[task.setvariable variable=PATH]/tmp", "azure-pipelines-tasks docs: authoring/commands"),
    ("##vso[task.setvariable variable=a;isOutput=true]1", "azure-pipelines-tasks docs"),
    ("##vso[task.prependpath]/tmp/evil", "azure-pipelines-tasks docs"),
    ("##vso[task.complete result=Succeeded;]done", "azure-pipelines-tasks docs"),
    ("branch ##vso[build.updatebuildnumber]evil", "azure-pipelines-agent: anywhere in a line"),
    ("##VSO[task.uploadfile]/etc/passwd", "azure-pipelines-agent: whatever its case"),
    ("##vso[task.setendpoint id=x;field=url]https://evil", "azure-pipelines-tasks docs"),
    ("##vso[artifact.upload artifactname=a]/etc", "azure-pipelines-tasks docs"),
    ("safe\r##vso[task.complete result=Failed]", "a carriage return ends a line"),
    ("safe\r::set-output name=a::b", "a carriage return ends a line"),
    ("\ufeff::set-output name=a::b", "a byte order mark has no weight"),
    (":\u200b:set-output name=a::b", "a zero-width space has no weight"),
    ("#\u034f#vso[task.complete]", "a grapheme joiner has no weight"),
    ("\u2003::warning::x", "an em space is trimmed"),
]


def obeyed(log: str) -> list[object]:
    """What either runner obeys."""
    return [*azure_commands(log), *github_commands(log)]


@pytest.mark.parametrize("text", [text for text, _ in OUTSIDE])
def test_forms_from_outside_command_as_written_and_not_when_said(text: str) -> None:
    assert obeyed(text)
    assert not obeyed(harmless(text))
    assert not obeyed(f"before\n{harmless(text)}\n")


SIGNS = st.sampled_from([*"#:[]v \t\r\n\x1c\u200b\u034f", "##vso[", "##[", "::", "error", "a.b"])
TEXTS = st.lists(SIGNS | st.characters(), max_size=30).map("".join)


@given(TEXTS)
def test_no_text_commands(text: str) -> None:
    said = harmless(text)
    assert not obeyed(said)
    assert harmless(said) == said


@given(st.lists(TEXTS, max_size=5))
def test_no_writes_add_up_to_a_command(pieces: list[str]) -> None:
    stream = io.StringIO(newline="")
    with Guard(stream, lambda text: text) as guard:
        for piece in pieces:
            guard.write(piece)
    assert not obeyed(stream.getvalue())


@given(TEXTS, st.sampled_from(["error", "warning"]))
def test_a_message_is_one_command_and_arrives(text: str, kind: str) -> None:
    azure, github = io.StringIO(newline=""), io.StringIO(newline="")
    getattr(AzurePipelines({}, azure), kind)(text)
    getattr(GitHubActions({}, github), kind)(text)
    [found] = azure_commands(azure.getvalue())
    assert (found.name, found.properties) == ("task.logissue", {"type": kind})
    [found] = github_commands(github.getvalue())
    assert (found.name, found.properties) == (kind, {})


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from("\r\n%")))
def test_what_is_escaped_is_read_back(text: str) -> None:
    stream = io.StringIO(newline="")
    AzurePipelines({}, stream).error(text)
    assert azure_commands(stream.getvalue())[0].data == harmless(text)
    stream = io.StringIO(newline="")
    GitHubActions({}, stream).error(text)
    assert github_commands(stream.getvalue())[0].data == harmless(text)
