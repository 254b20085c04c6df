"""What starts by itself: azure-pipelines.yml, and none of the others."""

from __future__ import annotations

import pytest

from tests.conftest import BakedProject
from tests.pipelines.conftest import Repository
from tests.pipelines.runner.errors import NotPlayed
from tests.pipelines.runner.triggers import started

EVENTS = [
    ("IndividualCI", "refs/heads/main"),
    ("IndividualCI", "refs/heads/feature/x"),
    ("PullRequest", "refs/heads/main"),
    ("Schedule", "refs/heads/main"),
]


@pytest.mark.parametrize(("reason", "branch"), EVENTS)
def test_one_pipeline_starts(default: BakedProject, reason: str, branch: str) -> None:
    files = ["azure-pipelines.yml"]
    files += [f"pipelines/{path.name}" for path in default.path.glob("pipelines/*.yml")]
    files = [name for name in files if "trigger" in default.yaml(name)]  # the others are parts
    assert len(files) == 6
    assert started(default.path, files, reason, branch) == ["azure-pipelines.yml"]


def test_the_schedule_is_for_main_alone(default: BakedProject) -> None:
    assert started(default.path, ["azure-pipelines.yml"], "Schedule", "refs/heads/other") == []


@pytest.mark.parametrize(
    ("changed", "push"),
    [
        (["README.md"], False),
        (["docs/pipelines.md", "AGENTS.md"], False),
        (["docs/pipelines.md", "src/model.py"], True),
        (["src/penguins_model/notes.md"], True),  # in the package: what is shipped may name it
        (["docs.py"], True),
        (["config.yml"], True),
    ],
)
def test_a_push_of_documents_alone_starts_nothing(
    default: BakedProject, changed: list[str], push: bool
) -> None:
    """A pull request always does: GitHub would wait for a required check that never came."""
    name, main = ["azure-pipelines.yml"], "refs/heads/main"
    assert bool(started(default.path, name, "IndividualCI", main, changed)) == push
    assert started(default.path, name, "PullRequest", main, changed) == name


@pytest.mark.parametrize(
    ("paths", "changed", "starts"),
    [
        ("{include: [docs/*], exclude: [docs/README.md]}", "docs/README.md", False),
        ("{include: [docs/*], exclude: [docs/README.md]}", "docs/a.md", True),
        ("{include: [src]}", "src/a/b.py", True),
        ("{include: [src]}", "source/a.py", False),
        ("{exclude: [docs]}", "docs/a/b.md", False),
    ],
)
def test_path_filters(repository: Repository, paths: str, changed: str, starts: bool) -> None:
    root = repository(f"trigger: {{batch: true, branches: {{include: [main]}}, paths: {paths}}}")
    found = started(root, ["azure-pipelines.yml"], "IndividualCI", "refs/heads/main", [changed])
    assert bool(found) == starts


@pytest.mark.parametrize(
    ("text", "reason", "branch", "starts"),
    [
        ("steps: []", "IndividualCI", "refs/heads/any", True),
        ("steps: []", "PullRequest", "refs/heads/any", True),
        ("steps: []", "Schedule", "refs/heads/main", False),
        ("trigger: none", "IndividualCI", "refs/heads/main", False),
        ("trigger: [main, 'release/*']", "IndividualCI", "refs/heads/release/1", True),
        ("trigger: [main]", "IndividualCI", "refs/heads/mainly", False),
        ("trigger: {branches: {exclude: [old/*]}}", "IndividualCI", "refs/heads/old/1", False),
    ],
)
def test_triggers_of_microsofts_page(
    repository: Repository, text: str, reason: str, branch: str, starts: bool
) -> None:
    root = repository(text)
    assert bool(started(root, ["azure-pipelines.yml"], reason, branch)) == starts


def test_what_is_not_played_is_refused(repository: Repository) -> None:
    root = repository("trigger: {branches: {include: [main]}, tags: {include: [v*]}}")
    with pytest.raises(NotPlayed, match="'tags'"):
        started(root, ["azure-pipelines.yml"], "IndividualCI", "refs/heads/main")
