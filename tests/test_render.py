"""What is rendered: which files, nothing of the template left, every format in order."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from pytest_cookies.plugin import Cookies

from local_extensions.rules import WINDOWS_DEVICES
from tests.conftest import FOLDER, ROOT, Bake, BakedProject, tracked
from tools.locks import rendered

ALWAYS = [
    *(".amlignore", ".devcontainer/devcontainer.json", ".gitattributes"),
    *(".gitignore", ".pre-commit-config.yaml", "AGENTS.md", "LICENSE", "Makefile", "README.md"),
    *("config.yml", "constraints.txt", "data/penguins.csv", "infra/bootstrap.py", "pyproject.toml"),
    *(f"src/{driver}.py" for driver in ("data", "environment", "model", "deploy")),
    *(f"requirements-{lock}.{end}" for lock in ("dev", "train", "serve") for end in ("in", "txt")),
]


def copied(name: str) -> bool:
    """Tell whether cookiecutter copies a file or folder of the template as it is."""
    patterns = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]
    return any(fnmatch(name, pattern) for pattern in patterns)


@pytest.fixture
def source(template: Path) -> BakedProject:
    """The files as they stand in the template."""
    return BakedProject(template / FOLDER)


@pytest.mark.parametrize(("sdk", "steps"), [("v1", False), ("v2", False), ("v2", True)])
@pytest.mark.parametrize("provider", ["azure-pipelines", "github-actions"])
@pytest.mark.parametrize("package", ["penguins_model", "Other"])
def test_the_files_are_exactly_those_of_the_template(
    package: str, provider: str, sdk: str, steps: bool, source: BakedProject, bake: Bake
) -> None:
    github = provider == "github-actions"
    answers = {"azureml_sdk": sdk, **({"training_pipeline": True} if steps else {})}
    project = bake(package_name=package, ci_provider=provider, **answers)
    left_out = {
        name
        for name in source.files
        if name.startswith(("azure-pipelines", "pipelines/") if github else ".github/")
    } | {"docs/pipelines.github.md"}
    named = {name.replace("{{cookiecutter.package_name}}", package) for name in source.files}
    ours = {rendered(name, sdk, pipeline=steps) for name in named - left_out}
    assert project.files == ours - {None}
    assert set(ALWAYS) | {f"src/{package}/train.py", "docs/pipelines.md"} <= project.files
    both = {"src/pipeline.py", f"src/{package}/steps.py"}
    assert both & project.files == (both if steps else set())
    assert ("src/pipeline.py" in project.text("README.md")) == steps
    assert (project.path / ".github").exists() == github
    assert (project.path / "pipelines").exists() != github
    page = source.text(f"docs/pipelines{'.github' if github else ''}.md")
    assert project.text("docs/pipelines.md") == page


def test_the_drivers_are_written_in_the_sdk_that_was_chosen(bake: Bake) -> None:
    """And nothing that is installed, built or said there is of the other."""
    for sdk, words, other in (
        ("v1", "azureml.core", "azure.ai.ml"),
        ("v2", "azure.ai.ml", "azureml.core"),
    ):
        project = bake(azureml_sdk=sdk)
        for name in ("environment", "model", "deploy"):
            assert words in project.text(f"src/{name}.py")
            assert other not in project.text(f"src/{name}.py")
        assert project.yaml("config.yml")["azure"]["sdk"] == sdk
        for lock in project.yaml("config.yml")["azure"]["environment"].values():
            assert not str(lock).startswith("requirements-") or lock in project.files
        assert ("requirements-serve-azure.txt" in project.files) == (sdk == "v1")
        locked = project.text("requirements-azure.txt")
        assert ("\nazure-ai-ml==" in locked, "\nazureml-core==" in locked) == (
            sdk == "v2",
            sdk == "v1",
        )


def test_what_holds_no_answer_is_copied_and_nothing_else(source: BakedProject) -> None:
    answers = {n for n in source.files if b"cookiecutter" in (source.path / n).read_bytes()}
    assert {name for name in source.files if not copied(name)} == answers
    # Each costs Jinja about two milliseconds, of the 250 that cookiecutter takes for an empty one.
    assert len(answers) <= 12


def test_no_folder_is_copied_whole(source: BakedProject) -> None:
    """Cookiecutter would delete the user's first, with all that they had put there."""
    folders = {parent.as_posix() for name in source.files for parent in Path(name).parents}
    assert [folder for folder in sorted(folders) if copied(folder)] == []


def texts(project: BakedProject) -> list[str]:
    """Name the files that are text."""
    return sorted(name for name in project.files if not name.endswith((".whl", ".png", ".parquet")))


def test_nothing_of_the_template_is_left(default: BakedProject) -> None:
    left = re.compile(r"cookiecutter|(?<!\$)\{\{ |\{%")
    assert [name for name in texts(default) if left.search(default.text(name))] == []


def test_files_end_with_a_line_and_have_unix_ends(default: BakedProject) -> None:
    for name in texts(default):
        text = default.text(name)
        assert "\r" not in text, name
        assert not text or text.endswith("\n"), name


def test_every_toml_json_and_yaml_file_parses(default: BakedProject) -> None:
    seen = set()
    for name in sorted(default.files):
        reader = {"toml": default.toml, "json": default.json, "yml": default.yaml}
        ending = name.rpartition(".")[2].replace("yaml", "yml")
        if ending in reader:
            assert reader[ending](name), name
            seen.add(ending)
    assert seen == {"toml", "json", "yml"}


def run(*command: str) -> str:
    """Run a tool of this environment; return all it said. Fails the test if the tool does."""
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_yaml_is_linted(default: BakedProject) -> None:
    names = [name for name in default.files if name.endswith((".yml", ".yaml"))]
    own = [name for name in tracked(ROOT) if name.endswith((".yml", ".yaml"))]
    run(
        *("yamllint", "--strict", "-c", str(ROOT / ".yamllint.yml")),
        *(str(default.path / name) for name in names),
        *(str(ROOT / name) for name in own if not name.startswith(FOLDER)),
    )


def test_our_workflow_fits_its_schema_and_pins_what_it_uses() -> None:
    path = ROOT / ".github/workflows/ci.yml"
    run("check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_updates_of_pins_are_asked_for_as_renovate_reads_it(default: BakedProject) -> None:
    run(
        "check_jsonschema",
        "--builtin-schema",
        "vendor.renovate",
        str(default.path / "renovate.json"),
    )
    rules = default.json("renovate.json")
    for manager, named in {
        "azure-pipelines": {"azure-pipelines.yml", "pipelines/setup.yml"},
        "pip_requirements": {"constraints.txt", "requirements-dev.in"},
    }.items():
        patterns = [mark.strip("/") for mark in rules[manager]["managerFilePatterns"]]
        found = {name for name in default.files if any(re.search(p, name) for p in patterns)}
        assert named <= found
        assert not any(name.startswith("requirements-") and name[-4:] == ".txt" for name in found)


@pytest.mark.parametrize("where", ["template", "rendered"])
def test_every_path_is_valid_on_windows(where: str, default: BakedProject) -> None:
    names = tracked(ROOT) if where == "template" else sorted(default.files)
    assert names
    lower = [name.lower() for name in names]
    assert len(set(lower)) == len(lower), "two paths differ by case alone"
    for name in names:
        for part in name.split("/"):
            assert not re.search(r'[<>:"|?*\\\x00-\x1f]', part), name
            assert not part.endswith((".", " ")), name
            assert part.split(".")[0].lower() not in WINDOWS_DEVICES, name
        # 260 in all, of which the user's own folders take some
        assert len(name) < 120, name


def test_line_ends_are_kept_by_git(default: BakedProject) -> None:
    assert default.text(".gitattributes").startswith("* text=auto eol=lf\n*.whl binary\n")
    own = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert own.startswith("* text=auto eol=lf\n")


def test_pipelines_are_copied_as_they_are(template: Path, cookies: Cookies, tmp_path: Path) -> None:
    """A pipeline needs no `{% raw %}`."""
    changed = shutil.copytree(template, tmp_path / "changed")
    source = "parameters: ${{ parameters.x }}\nwhen: ${{ if eq(1, 1) }}\n"
    (changed / FOLDER / "azure-pipelines.yml").write_text(source, encoding="utf-8")
    rendered = cookies.bake(template=str(changed)).project_path
    assert (rendered / "azure-pipelines.yml").read_text(encoding="utf-8") == source


def test_locks_name_no_machine_and_no_index(default: BakedProject) -> None:
    for name in ("requirements-train.txt", "requirements-dev.txt"):
        text = default.text(name)
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|index-url|(^|\s)/\w", text), name
    own = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r'registry = "([^"]*)"', own)) == {"https://pypi.org/simple"}


def test_locks_agree_with_the_constraints(default: BakedProject) -> None:
    exact = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)
    held = dict(exact.findall(default.text("constraints.txt")))
    assert len(held) >= 8
    for name in ("requirements-train.txt", "requirements-dev.txt"):
        locked = exact.findall(default.text(name))
        wrong = [(package, version) for package, version in locked
                 if held.get(package, version) != version]  # fmt: skip
        assert wrong == [], name
    train = set(exact.findall(default.text("requirements-train.txt")))
    assert train <= set(exact.findall(default.text("requirements-dev.txt")))


@pytest.mark.parametrize("package", ["penguins_model", "a", "z", "x" * 40])
def test_lint_does_not_hang_on_the_packages_name(package: str, bake: Bake) -> None:
    project = bake(package_name=package, azureml_sdk="v2" if package == "z" else "v1")
    run("ruff", "check", "--no-cache", str(project.path))
    run("ruff", "format", "--no-cache", "--check", str(project.path))
