"""Answers as the `cookiecutter` command takes them: refused cleanly, or kept as text."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_extensions import quoting, rules
from tests.conftest import ROOT, Bake, BakedProject, Cli, environment

QUESTIONS = (
    "project_name project_slug package_name description author_name subscription_id location"
    " resource_group workspace_name service_principal_name bootstrap_azure ci_provider azureml_sdk"
    " training_pipeline license"
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
        ("location", "West Europe!"),
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
        ("training_pipeline", "yes"),  # with SDK v1, the default
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


@pytest.mark.skipif(os.name == "nt", reason="the line is for this system's shell")
def test_a_late_wrong_answer_loses_none_before_it(template: Path, tmp_path: Path) -> None:
    """The line that is said asks again; Enter takes each answer that was typed before."""
    name = 'Robbe\'s "seals" $1'

    def ask(*words: str, typed: list[str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "cookiecutter", *words]
        text = "\n".join([*typed, *[""] * (len(QUESTIONS.split()) - len(typed))]) + "\n"
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(),
            input=text,
            capture_output=True,
            encoding="utf-8",
        )

    first = ask(
        "--default-config", str(template), "author_name=Ada", "location=x/y",
        typed=[name, "", "my_seals", "", "Ada Lovelace", "", "x/y"],
    )  # fmt: skip
    assert first.returncode == 1
    assert list(tmp_path.iterdir()) == []
    why, line = first.stdout.splitlines()[-2:]
    assert "location: 'x/y' is no Azure region" in why
    words = shlex.split(line.partition(":  ")[2])
    given = [f"project_name={name}", "package_name=my_seals", "author_name=Ada Lovelace"]
    assert words == ["cookiecutter", "--default-config", str(template), *given]
    again = ask(*words[1:], typed=[""] * 6 + ["(Europe) West Europe"])
    assert again.returncode == 0, again.stdout
    [folder] = tmp_path.iterdir()
    project = BakedProject(folder)
    assert (project.path / "src" / "my_seals").is_dir()
    assert project.toml("pyproject.toml")["project"]["authors"] == [{"name": "Ada Lovelace"}]
    assert 'location: "westeurope"' in project.text("config.yml")


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
