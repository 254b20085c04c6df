"""From the template that rendered its machinery to the one with amlkit: CHANGELOG.md's steps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from standin.archives import unpack
from tests.conftest import FOLDER, ROOT, BakedProject, environment

#: The last commit whose rendering holds `src/aml`.
BEFORE = "0858a81"
pytestmark = pytest.mark.slow
ANSWERS = {"project_name": "Seals", "author_name": "Ada"}
PARTS = ("cookiecutter.json", "hooks", "local_extensions", "templates", FOLDER)


class History:
    """The template under git, before and after, and a repository rendered by the one before."""

    def __init__(self, template: Path, tmp_path: Path) -> None:
        who = {f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")}
        mail = {f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")}
        self.env = environment(
            **{**who, **mail},
            GIT_CONFIG_COUNT="2",
            GIT_CONFIG_KEY_0="protocol.file.allow",
            GIT_CONFIG_VALUE_0="always",
            GIT_CONFIG_KEY_1="init.defaultBranch",
            GIT_CONFIG_VALUE_1="main",
        )
        self.template = tmp_path / "template"
        self.template.mkdir()
        archive = tmp_path / "before.tar"
        self.run("git", "archive", "-o", str(archive), BEFORE, *PARTS, folder=ROOT)
        with tarfile.open(archive) as packed:
            unpack(packed, self.template)
        self.run("git", "init", "-q", folder=self.template)
        self.commit(self.template)
        self.before = self.run("git", "rev-parse", "HEAD", folder=self.template).strip()
        for part in self.template.iterdir():
            if part.name != ".git":
                shutil.rmtree(part) if part.is_dir() else part.unlink()
        shutil.copytree(template, self.template, dirs_exist_ok=True)
        self.commit(self.template)
        self.work = tmp_path / "work"
        self.work.mkdir()
        self.project = self.work / "seals"

    def run(self, *command: str, folder: Path) -> str:
        """Run a command; return what it prints."""
        done = subprocess.run(
            command, cwd=folder, env=self.env, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, folder: Path) -> None:
        """Commit everything in `folder`, what its own .gitignore would leave out as well."""
        self.run("git", "add", "-A", "-f", folder=folder)
        self.run("git", "commit", "-q", "-m", "as it is", folder=folder)

    def cruft(self, *arguments: str, folder: Path) -> str:
        """Run cruft."""
        return self.run(sys.executable, "-m", "cruft", *arguments, folder=folder)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file's text."""
        text = (self.project / name).read_text(encoding="utf-8")
        assert old in text
        path = self.project / name
        path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")

    def start(self) -> None:
        """Make a repository of what was rendered."""
        self.run("git", "init", "-q", folder=self.project)
        self.run("git", "add", "-A", folder=self.project)
        self.run("git", "commit", "-q", "-m", "start", folder=self.project)

    def create(self) -> None:
        """Render by the template before, as cruft does, and make a repository of it."""
        self.cruft(
            *("create", str(self.template), "--checkout", self.before, "--no-input"),
            *("--default-config", "--extra-context", json.dumps(ANSWERS)),
            folder=self.work,
        )
        self.start()

    def update(self) -> list[str]:
        """Bring what is committed to the template after; return the files in conflict."""
        self.run("git", "commit", "-q", "-a", "-m", "mine", folder=self.project)
        self.cruft("update", "--skip-apply-ask", "--checkout", "main", folder=self.project)
        unmerged = ("git", "diff", "--name-only", "--diff-filter=U")
        return self.run(*unmerged, folder=self.project).split()

    def other_files(self, fresh: BakedProject) -> set[str]:
        """Name the files that a fresh rendering lacks, holds besides, or holds otherwise."""
        ours = BakedProject(self.project)
        common = ours.files & fresh.files
        different = {
            name
            for name in common
            if (ours.path / name).read_bytes() != (fresh.path / name).read_bytes()
        }
        return (ours.files ^ fresh.files) | different


@pytest.fixture
def history(template: Path, tmp_path: Path) -> History:
    """Both templates; skipped where the clone is too shallow to hold the one before."""
    look = ["git", "cat-file", "-e", f"{BEFORE}^{{commit}}"]
    known = subprocess.run(look, cwd=ROOT, check=False, capture_output=True)
    if known.returncode:
        pytest.skip(f"{BEFORE} is not in this clone")
    return History(template, tmp_path)


@pytest.fixture
def fresh(template: Path, history: History, tmp_path: Path) -> BakedProject:
    """What the template after renders for the same answers."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    answers = [f"{name}={value}" for name, value in ANSWERS.items()]
    command = [sys.executable, "-P", "-m", "cookiecutter", "--no-input", "--default-config"]
    history.run(*command, str(template), *answers, folder=folder)
    return BakedProject(folder / "seals")


def test_cruft_update_brings_a_repository_over_and_keeps_the_edits(
    history: History, fresh: BakedProject
) -> None:
    history.create()
    history.edit("src/seals/train.py", '"seed": 0,', '"seed": 7,')
    history.edit("config.yml", "roc_auc: 0.6", "roc_auc: 0.7")
    (history.project / "src" / "seals" / "notes.py").write_text("MINE = 1\n", encoding="utf-8")
    history.run("git", "add", "-A", folder=history.project)
    assert history.update() == []
    mine = {"src/seals/train.py", "src/seals/notes.py", "config.yml"}
    assert history.other_files(fresh) == mine | {".cruft.json"}
    train = (history.project / "src/seals/train.py").read_text(encoding="utf-8")
    assert train.replace('"seed": 7,', '"seed": 0,') == fresh.text("src/seals/train.py")


def test_an_edit_of_what_is_written_anew_is_one_conflict_in_its_file(
    history: History, fresh: BakedProject
) -> None:
    history.create()
    fit = "        pipeline.fit(X, y)\n"
    history.edit("src/seals/train.py", fit, f'        print("fitting")\n{fit}')
    assert history.update() == ["src/seals/train.py"]
    conflict = (history.project / "src/seals/train.py").read_text(encoding="utf-8")
    assert 'print("fitting")' in conflict
    # Either side can be had whole, as CHANGELOG.md says.
    history.run("git", "checkout", "--theirs", "src/seals/train.py", folder=history.project)
    assert history.other_files(fresh) == {".cruft.json"}


def test_an_edit_of_the_machinery_is_restored_first(history: History, fresh: BakedProject) -> None:
    """Git merges no edit of a file that is deleted, and cruft then merges nothing at all."""
    history.create()
    history.edit("src/aml/gate.py", '"""', '"""Mine. ')
    history.edit("src/seals/train.py", '"seed": 0,', '"seed": 7,')
    history.run("git", "commit", "-q", "-a", "-m", "mine", folder=history.project)
    assert "+++ upstream-template-new/src/aml/gate.py" in history.cruft(
        "diff", folder=history.project
    )
    first = history.run("git", "rev-list", "--max-parents=0", "HEAD", folder=history.project)
    history.run("git", "checkout", first.strip(), "--", "src/aml", folder=history.project)
    assert history.update() == []
    assert history.other_files(fresh) == {".cruft.json", "src/seals/train.py"}


@pytest.mark.skipif(os.name == "nt", reason="the template before makes a commit, with git's ends")
def test_a_repository_made_by_cookiecutter_is_linked_first(
    history: History, fresh: BakedProject
) -> None:
    command = [sys.executable, "-P", "-m", "cookiecutter", "--no-input", "--default-config"]
    answers = [f"{name}={value}" for name, value in ANSWERS.items()]
    clone = history.work / "clone"
    history.run("git", "clone", "-q", str(history.template), str(clone), folder=history.work)
    history.run("git", "checkout", "-q", history.before, folder=clone)
    history.run(*command, str(clone), *answers, folder=history.work)  # makes its first commit
    history.cruft(
        *("link", str(history.template), "--checkout", history.before, "--no-input"),
        "--default-config",
        *("--extra-context", json.dumps(ANSWERS)),
        folder=history.project,
    )
    history.run("git", "add", "-A", folder=history.project)
    history.edit("src/seals/train.py", '"seed": 0,', '"seed": 7,')
    assert history.update() == []
    assert history.other_files(fresh) == {".cruft.json", "src/seals/train.py"}
