"""What happens after rendering: the first commit and the last message."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli, environment


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


def test_a_new_repository_has_one_commit_and_no_change(cli: Cli, tmp_path: Path) -> None:
    done = cli(cwd=tmp_path)
    project = tmp_path / "penguins-model"
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert git("log", "--format=%an %s", folder=project) == "cookiecutter Start from aml-template"
    assert git("status", "--porcelain", folder=project) == ""
    assert git("symbolic-ref", "--short", "HEAD", folder=project) == "main"
    assert "requirements-train.txt" in git("ls-files", folder=project)


def test_the_template_may_be_named_from_where_one_stands(
    cli: Cli, template: Path, tmp_path: Path
) -> None:
    done = cli(f"--output-dir={tmp_path}", cwd=template.parent, source=f"./{template.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert git("rev-list", "--count", "HEAD", folder=tmp_path / "penguins-model") == "1"


def test_the_user_is_the_author_if_git_knows_them(cli: Cli, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n", encoding="utf-8")
    cli(cwd=tmp_path, env={"GIT_CONFIG_GLOBAL": str(config)})
    assert git("log", "--format=%an <%ae>", folder=tmp_path / "penguins-model") == (
        "Ada <ada@example.com>"
    )


def test_signing_hooks_and_line_ends_of_the_user_do_not_matter(cli: Cli, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    refusing = hooks / "pre-commit"
    refusing.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    refusing.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = nothing-there\n"
        f"[core]\n\thooksPath = {hooks.as_posix()}\n\tautocrlf = true\n\tsafecrlf = true\n",
        encoding="utf-8",
    )
    done = cli(cwd=tmp_path, env={"GIT_CONFIG_GLOBAL": str(config)})
    project = tmp_path / "penguins-model"
    assert "git says" not in done.stdout
    assert git("rev-list", "--count", "HEAD", folder=project) == "1"
    assert "\r" not in (project / "README.md").read_bytes().decode("utf-8")


def test_no_repository_inside_a_repository(cli: Cli, tmp_path: Path) -> None:
    git("init", "-q", folder=tmp_path)
    inner = tmp_path / "services"
    inner.mkdir()
    done = cli(cwd=inner)
    assert done.returncode == 0
    assert not (inner / "penguins-model" / ".git").exists()
    assert git("status", "--porcelain", folder=tmp_path) == "?? services/"


def test_git_variables_of_a_calling_git_are_not_followed(cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git("init", "-q", folder=other)
    work = tmp_path / "work"
    work.mkdir()
    cli(cwd=work, env={"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)})
    assert git("rev-list", "--count", "--all", folder=work / "penguins-model") == "1"
    assert git("rev-list", "--count", "--all", folder=other) == "0"


def test_without_git_all_else_works(cli: Cli, tmp_path: Path) -> None:
    done = cli(cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 0
    assert done.stderr == ""
    assert (tmp_path / "penguins-model" / "README.md").exists()
    assert not (tmp_path / "penguins-model" / ".git").exists()
    assert "make setup" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the broken git is a shell script")
def test_a_git_that_fails_is_one_line(cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "git"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho disk full >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    done = cli(cwd=tmp_path, env={"PATH": str(broken.parent)})
    assert done.returncode == 0
    assert "No first commit, git says: disk full\n" in done.stdout


def test_an_existing_folder_keeps_what_it_has(cli: Cli, tmp_path: Path) -> None:
    project = tmp_path / "penguins-model"
    (project / "src" / "aml").mkdir(parents=True)
    own = ["README.md", "Makefile", "src/model.py", "src/aml/gate.py", "src/notes.py", ".gitignore"]
    for name in own:
        (project / name).write_text(f"mine: {name}\n", encoding="utf-8")
    assert cli(cwd=tmp_path).returncode == 1  # not without being asked to

    done = cli("-f", "-s", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for name in own:
        assert (project / name).read_text(encoding="utf-8") == f"mine: {name}\n"
    assert (project / "pyproject.toml").exists()
    assert (project / "src" / "data.py").exists()
    # What is the user's own, they commit.
    assert "the first commit is left to you" in done.stdout
    assert git("ls-files", folder=project) == ""


def test_rendering_again_over_a_repository_loses_nothing(cli: Cli, tmp_path: Path) -> None:
    cli(cwd=tmp_path)
    project = tmp_path / "penguins-model"
    added = ["src/aml/own.py", "src/penguins_model/own.py", "data/own.csv", "docs/own.md"]
    for name in added:
        (project / name).write_text("mine\n", encoding="utf-8")
    (project / "src" / "aml" / "gate.py").unlink()

    done = cli("-f", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert git("status", "--porcelain", folder=project).split("\n") == [
        f"?? {name}" for name in sorted(added)
    ]


def test_paths_with_spaces(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "my own projects"
    folder.mkdir()
    done = cli(f"--output-dir={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    quote = '"' if os.name == "nt" else "'"
    assert f"cd {quote}{folder / 'penguins-model'}{quote}\n" in done.stdout
    assert git("rev-list", "--count", "HEAD", folder=folder / "penguins-model") == "1"


def test_the_last_message_says_what_to_type(cli: Cli, tmp_path: Path) -> None:
    said = cli("project_slug=seals", cwd=tmp_path).stdout
    if os.name != "nt":
        assert "  cd seals\n  make setup\n  .venv/bin/python src/model.py --local\n" in said
    assert "uv pip sync requirements-dev.txt" in said
    assert "bootstrap" not in said


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
