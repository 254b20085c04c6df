"""What is said after rendering, and what becomes of a folder that was there before."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BakedProject, Cli, environment

pytestmark = pytest.mark.slow  # each renders


def git(*arguments: str, folder: Path) -> str:
    """Run git in `folder`; return what it prints."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment(),
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip()


def test_the_last_message_says_what_to_type_and_nothing_is_made(cli: Cli, tmp_path: Path) -> None:
    done = cli("project_slug=seals", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    first, _, other = done.stdout.partition("\nOn ")
    git = (
        '  cd seals\n  git init -b main\n  git add -A\n  git commit -m "Start from aml-template"\n'
    )
    assert git in first
    posix = "  make setup\n  .venv/bin/python src/model.py --local\n"
    windows = "  uv pip sync requirements-dev.txt\n  .venv\\Scripts\\python src\\model.py --local\n"
    assert (windows if os.name == "nt" else posix) in first
    assert (posix if os.name == "nt" else windows) in other
    assert "bootstrap" not in done.stdout
    assert not (tmp_path / "seals" / ".git").exists()


def test_the_git_lines_make_one_commit_of_all_that_is_rendered(cli: Cli, tmp_path: Path) -> None:
    said = cli(cwd=tmp_path).stdout
    project = tmp_path / "penguins-model"
    who = {f"GIT_{name}_NAME": "Ada" for name in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{name}_EMAIL": "ada@example.com" for name in ("AUTHOR", "COMMITTER")}
    lines = [line for line in said.splitlines() if line.startswith("  git ")]
    assert len(lines) == 3
    for line in lines:
        subprocess.run(shlex.split(line), cwd=project, env=environment(**who), check=True)
    assert git("log", "--format=%an %s", folder=project) == "Ada Start from aml-template"
    assert git("status", "--porcelain", folder=project) == ""
    assert git("symbolic-ref", "--short", "HEAD", folder=project) == "main"
    tracked = set(git("ls-files", folder=project).split("\n"))
    assert tracked == BakedProject(project).files


def test_the_template_may_be_named_from_where_one_stands(
    cli: Cli, template: Path, tmp_path: Path
) -> None:
    done = cli(f"--output-dir={tmp_path}", cwd=template.parent, source=f"./{template.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "penguins-model" / "LICENSE").exists()


def test_no_repository_inside_a_repository(cli: Cli, tmp_path: Path) -> None:
    git("init", "-q", folder=tmp_path)
    inner = tmp_path / "services"
    inner.mkdir()
    said = cli(cwd=inner).stdout
    assert "  cd penguins-model\n  make setup\n" in said or os.name == "nt"
    assert "git" not in said


def test_without_git_all_else_works(cli: Cli, tmp_path: Path) -> None:
    done = cli(cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 0
    assert done.stderr == ""
    assert (tmp_path / "penguins-model" / "README.md").exists()


OWN = [
    *("README.md", "Makefile", "azure-pipelines.yml", ".gitignore", "data/penguins.csv"),
    *("src/model.py", "src/penguins_model/train.py", "src/notes.py", "docs/own.md"),
]


def with_files_of_ones_own(project: Path) -> None:
    """Make a folder that holds files of the user, some under the template's names."""
    for name in OWN:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(f"mine: {name}\n", encoding="utf-8")


def test_an_existing_folder_keeps_what_it_has(
    cli: Cli, default: BakedProject, tmp_path: Path
) -> None:
    project = tmp_path / "penguins-model"
    with_files_of_ones_own(project)
    assert cli(cwd=tmp_path).returncode == 1  # not without being asked to

    done = cli("-f", "-s", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for name in OWN:
        assert (project / name).read_text(encoding="utf-8") == f"mine: {name}\n"
    for name in default.files - set(OWN):
        assert (project / name).read_bytes() == (default.path / name).read_bytes()


def test_another_output_folder_is_looked_at_too(cli: Cli, tmp_path: Path) -> None:
    with_files_of_ones_own(tmp_path / "there" / "penguins-model")
    done = cli("-f", "-s", "--output-dir=there", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    kept = tmp_path / "there" / "penguins-model" / "src" / "model.py"
    assert kept.read_text(encoding="utf-8") == "mine: src/model.py\n"


def test_rendering_again_renews_the_files_and_keeps_what_was_added(
    cli: Cli, default: BakedProject, tmp_path: Path
) -> None:
    project = tmp_path / "penguins-model"
    with_files_of_ones_own(project)
    done = cli("-f", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for name in set(OWN) - default.files:
        assert (project / name).read_text(encoding="utf-8") == f"mine: {name}\n"
    for name in default.files:
        assert (project / name).read_bytes() == (default.path / name).read_bytes()


def test_the_pipelines_of_ones_own_stay_whatever_is_chosen(cli: Cli, tmp_path: Path) -> None:
    """Only what was rendered for the other system is removed, and nothing that was there."""
    project = tmp_path / "penguins-model"
    own = [
        ".github/workflows/ci.yml",
        ".github/CODEOWNERS",
        "docs/pipelines.md",
        "pipelines/ci.yml",
    ]
    for provider in ("azure-pipelines", "github-actions"):
        for name in own:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text("mine\n", encoding="utf-8")
        done = cli("-f", "-s", f"ci_provider={provider}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert [(project / name).read_text(encoding="utf-8") for name in own] == ["mine\n"] * 4
        assert not (project / "docs/pipelines.github.md").exists()
        github = (project / ".github/workflows/train-and-deploy.yml").exists()
        assert github == (provider == "github-actions")
        assert (project / "azure-pipelines.yml").exists() != github
        shutil.rmtree(project)


def test_a_provider_that_is_none_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("ci_provider=jenkins", cwd=tmp_path)
    assert done.returncode != 0
    assert "jenkins" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_answer_is_replayed(template: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text(json.dumps({"replay_dir": str(tmp_path / "replay")}), encoding="utf-8")
    for folder, arguments in (("one", ("ci_provider=github-actions",)), ("two", ())):
        (tmp_path / folder).mkdir()
        command = [sys.executable, "-P", "-m", "cookiecutter", f"--config-file={config}"]
        flags = ["--replay"] if folder == "two" else ["--no-input"]
        done = subprocess.run(
            [*command, *flags, str(template), *arguments],
            cwd=tmp_path / folder,
            env=environment(PWD=str(tmp_path / folder)),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
    one, two = (BakedProject(tmp_path / name / "penguins-model") for name in ("one", "two"))
    assert one.files == two.files
    assert ".github/workflows/ci.yml" in one.files


def test_an_edited_replay_file_is_checked_like_typed_answers(
    template: Path, tmp_path: Path
) -> None:
    """Before any folder is made: this one would have been made beside the one that is meant."""
    config = tmp_path / "config.yml"
    config.write_text(json.dumps({"replay_dir": str(tmp_path / "replay")}), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "cookiecutter", f"--config-file={config}"]
    where = ["--output-dir", str(tmp_path / "a" / "b")]

    def render(*flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *flags, *where, str(template)],
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    assert render("--no-input").returncode == 0
    shutil.rmtree(tmp_path / "a")
    [replay] = (tmp_path / "replay").iterdir()
    context = json.loads(replay.read_text(encoding="utf-8"))
    context["cookiecutter"]["project_slug"] = "../c"
    replay.write_text(json.dumps(context), encoding="utf-8")
    done = render("--replay")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "project_slug: '../c'" in done.stderr + done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yml", "replay"]


def test_paths_with_spaces(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "my own projects"
    folder.mkdir()
    done = cli(f"--output-dir={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    quote = '"' if os.name == "nt" else "'"
    assert f"cd {quote}{folder / 'penguins-model'}{quote}\n" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the next steps there need uv rather than make")
@pytest.mark.parametrize("uv", [True, False], ids=["uv on PATH", "no uv"])
def test_what_to_type_next_is_there(uv: bool, cli: Cli, tmp_path: Path) -> None:
    said = cli(cwd=tmp_path).stdout
    project = tmp_path / "penguins-model"
    for name in ("src/model.py", "requirements-dev.txt"):
        assert name in said
        assert (project / name).exists()

    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ["sh", "sed", "awk", "make"] + ["uv"] * uv:
        found = shutil.which(name) or sys.executable  # any program will do for uv
        (tools / name).symlink_to(found)
    planned = subprocess.run(
        ["make", "-n", "setup"],
        cwd=project,
        env=environment(PATH=str(tools)),
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert ("pip install --quiet --disable-pip-version-check uv==" in planned) is not uv
    program = "uv" if uv else ".tools/uv/bin/uv"
    assert f"\n{program} pip sync" in planned
