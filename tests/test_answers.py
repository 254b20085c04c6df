"""Answers as the `cookiecutter` command takes them: refused cleanly, or kept as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_extensions import quoting, rules
from tests.conftest import ROOT, Bake, BakedProject, Cli

QUESTIONS = (
    "project_name project_slug package_name description author_name subscription_id location"
    " resource_group workspace_name service_principal_name bootstrap_azure license"
)
HOSTILE = {
    "quotes": """He said "it's" '''so''' \"\"\"too\"\"\" ``` """,
    "backslashes": "C:\\new\\table \\u1234 \\",
    "newlines": "first\nsecond\r\n\nfourth: x\n- item\n# head",
    "expressions": "${{ secrets.X }} $(rm -rf x) `id` $HOME %PATH% ${x} !x",
    "yaml": "a: b # c: [d, {e}] & *f | > ? - @ `",
    "markdown": "# [link](x) <script>alert(1)</script> ![](y) | *b* _c_",
    "toml": "]]\n[tool.x]\ny = '''",
    "emoji": "🐧 ünï 中文 \u2028 \u202e \ufeff \ufffe",
    "long": "word " * 60,
    "empty": "",
}


def test_the_questions_are_these() -> None:
    asked = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    names = [name for name in asked if not name.startswith("_")]
    assert names == QUESTIONS.split()
    assert set(asked["__prompts__"]) == set(names)
    assert {f"__check_{name}" for name in rules.CHECKED} <= set(asked)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("project_name", " "),
        ("project_slug", "con"),
        ("project_slug", "../up"),
        ("package_name", "class"),
        ("package_name", "numpy"),
        ("subscription_id", "mine"),
        ("location", "West Europe"),
        ("resource_group", "group."),
        ("workspace_name", "ab"),
        ("service_principal_name", "a'b"),
        ("description", "a {{ b"),
        ("description", "{% cookiecutter"),
        ("description", "{{ cookiecutter"),
        ("description", "{{ 7*7 }}"),
        ("description", "{# cookiecutter #}"),
        ("description", "{% endraw %} {{ cookiecutter.project_name }}"),
        ("author_name", "bell \x07"),
    ],
)
def test_a_wrong_answer_is_one_line_and_no_folder(
    answer: str, value: str, cli: Cli, tmp_path: Path
) -> None:
    done = cli(f"{answer}={value}", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"{answer}: ")
    assert list(tmp_path.iterdir()) == []


def texts_come_back(project: BakedProject, text: str) -> None:
    """Assert that name, description and author, all `text`, are in the rendered files as text."""
    about = project.toml("pyproject.toml")["project"]
    line = quoting.oneline(text)
    assert about["description"] == line
    assert about["authors"] == [{"name": line}]
    assert f"Copyright (c) {line}" in project.text("LICENSE")
    assert project.text("README.md").splitlines()[0].startswith("# ")
    assert project.yaml("config.yml")["project"]["package"] == "hostile_model"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_text_is_data(text: str, bake: Bake) -> None:
    project = bake(
        project_name=text or "x",
        description=text,
        author_name=text,
        project_slug="hostile-model",
        package_name="hostile_model",
    )
    texts_come_back(project, text)


@pytest.mark.slow
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=400).filter(lambda text: not rules.project_name(text)))
def test_any_text_at_all_is_data(text: str, bake: Bake) -> None:
    project = bake(
        project_name=text,
        description=text,
        author_name=text,
        project_slug="hostile-model",
        package_name="hostile_model",
    )
    texts_come_back(project, text)


# Words and numbers that YAML or TOML would take for something else than text.
@pytest.mark.parametrize("slug", ["123", "no", "null", "1e5", "2024-01-01", "0x1f", "a.b"])
def test_a_slug_stays_text(slug: str, bake: Bake) -> None:
    project = bake(project_slug=slug)
    config = project.yaml("config.yml")
    assert config["experiment"] == slug
    assert config["data"]["name"] == f"{slug}-data"
    assert project.toml("pyproject.toml")["project"]["name"] == slug


@pytest.mark.parametrize("package", ["no", "y", "on"])
def test_a_package_stays_text(package: str, bake: Bake) -> None:
    project = bake(package_name=package)
    assert project.yaml("config.yml")["project"]["package"] == package
    assert f"src/{package}/train.py" in project.files


@pytest.mark.parametrize(
    ("licence", "head", "spdx"),
    [
        ("MIT", "MIT License", "MIT"),
        ("Apache-2.0", "Copyright Your name", "Apache-2.0"),
        ("BSD-3-Clause", "BSD 3-Clause License", "BSD-3-Clause"),
        ("Proprietary", "Copyright (c) Your name. All rights", "LicenseRef-Proprietary"),
    ],
)
def test_each_licence(licence: str, head: str, spdx: str, bake: Bake) -> None:
    project = bake(license=licence)
    assert project.text("LICENSE").startswith(head)
    assert "Your name" in project.text("LICENSE")
    assert project.toml("pyproject.toml")["project"]["license"] == spdx
