"""`cruft create / check / diff / update` from a local git copy of the template, offline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import FOLDER, environment

# The tests share a repository, in this order; each renders.
pytestmark = [pytest.mark.xdist_group("cruft"), pytest.mark.slow]


class Cruft:
    """A template under git, a repository made from it, and the `cruft` command."""

    def __init__(self, template: Path, tmp_path: Path) -> None:
        self.temporary = tmp_path / "tmp"
        self.temporary.mkdir()
        self.env = environment(
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")},
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="protocol.file.allow",
            GIT_CONFIG_VALUE_0="always",
            TMPDIR=str(self.temporary),
            TEMP=str(self.temporary),
            TMP=str(self.temporary),
        )
        self.template = Path(shutil.copytree(template, tmp_path / "template"))
        self.run("git", "-c", "init.defaultBranch=main", "init", "-q", folder=self.template)
        self.commit(self.template, "first")
        self.work = tmp_path / "work"
        self.work.mkdir()
        self.said = self.cruft(
            *("create", str(self.template), "--no-input", "--default-config"),
            *("--extra-context", json.dumps({"project_name": "Seals", "author_name": "Ada 🦭"})),
            folder=self.work,
        )
        self.project = self.work / "seals"
        self.run("git", "-c", "init.defaultBranch=main", "init", "-q", folder=self.project)
        self.commit(self.project, "start")

    def run(self, *command: str, folder: Path, good: tuple[int, ...] = (0,)) -> str:
        """Run a command; return all it said."""
        done = subprocess.run(
            command, cwd=folder, env=self.env, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode in good, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cruft(self, *arguments: str, folder: Path, good: tuple[int, ...] = (0,)) -> str:
        """Run cruft."""
        return self.run(sys.executable, "-m", "cruft", *arguments, folder=folder, good=good)

    def commit(self, folder: Path, message: str) -> None:
        """Commit everything in `folder`."""
        self.run("git", "add", "-A", folder=folder)
        self.run("git", "commit", "-q", "-m", message, folder=folder)

    def replace(self, path: Path, old: str, new: str) -> None:
        """Change a file's text."""
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


@pytest.fixture(scope="module")
def cruft(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Cruft:
    """A repository fresh from `cruft create`, which the tests take on in their order."""
    return Cruft(template, tmp_path_factory.mktemp("cruft"))


def test_create_says_what_comes_next_and_leaves_git_alone(cruft: Cruft) -> None:
    assert "make setup" in cruft.said
    count = cruft.run("git", "rev-list", "--count", "HEAD", folder=cruft.project)
    assert count.strip() == "1"


def test_a_fresh_repository_is_up_to_date_and_has_no_difference(cruft: Cruft) -> None:
    assert "up to date" in cruft.cruft("check", folder=cruft.project)
    assert cruft.cruft("diff", folder=cruft.project).strip() == ""


def test_diff_shows_the_users_change_and_nothing_else(cruft: Cruft) -> None:
    cruft.replace(cruft.project / "config.yml", "seed: 0", "seed: 7")
    said = cruft.cruft("diff", folder=cruft.project)
    changed = [line for line in said.splitlines() if line.startswith(("+ ", "- "))]
    assert len(changed) == 2
    assert "make setup" not in said
    cruft.run("git", "checkout", "-q", ".", folder=cruft.project)


def test_an_update_carries_a_change_and_keeps_the_users_own(cruft: Cruft) -> None:
    cruft.replace(cruft.project / "config.yml", "seed: 0", "seed: 7")
    (cruft.project / "notes.md").write_text("mine\n", encoding="utf-8")
    cruft.commit(cruft.project, "mine")
    rendered = cruft.template / FOLDER
    (rendered / "NEW.md").write_text("For {{ cookiecutter.project_name }}\n", encoding="utf-8")
    cruft.replace(rendered / "config.yml", "workers: 1 ", "workers: 8 ")
    cruft.commit(cruft.template, "better")

    cruft.cruft("check", folder=cruft.project, good=(1,))
    said = cruft.cruft("update", "--skip-apply-ask", folder=cruft.project)
    assert "make setup" not in said
    assert (cruft.project / "NEW.md").read_text(encoding="utf-8") == "For Seals\n"
    config = (cruft.project / "config.yml").read_text(encoding="utf-8")
    assert "workers: 8 " in config and "seed: 7" in config
    assert (cruft.project / "notes.md").exists()
    assert "Ada 🦭" in (cruft.project / "LICENSE").read_text(encoding="utf-8")
    cruft.cruft("check", folder=cruft.project)
    cruft.commit(cruft.project, "updated")


def test_an_update_may_bring_filters_of_its_own(cruft: Cruft) -> None:
    """Old and new template are rendered in one process: each with its own extension."""
    quoting = cruft.template / "local_extensions" / "quoting.py"
    cruft.replace(quoting, '"spdx"]', '"spdx", "shout"]')
    with quoting.open("a", encoding="utf-8") as more:
        more.write("\n\ndef shout(value: Any) -> str:\n    return str(value).upper()\n")
    loud = cruft.template / FOLDER / "LOUD.md"
    loud.write_text("{{ cookiecutter.project_name | shout }}\n", encoding="utf-8")
    cruft.commit(cruft.template, "a filter")
    cruft.cruft("update", "--skip-apply-ask", folder=cruft.project)
    assert (cruft.project / "LOUD.md").read_text(encoding="utf-8") == "SEALS\n"


def test_an_update_takes_another_provider_and_back(cruft: Cruft) -> None:
    """Each way: the other's files go, what the user added beside them stays."""
    cruft.run("git", "add", "-A", folder=cruft.project)
    cruft.commit(cruft.project, "filters")
    own = cruft.project / ".github" / "CODEOWNERS"
    own.parent.mkdir()
    own.write_text("* @ada\n", encoding="utf-8")
    cruft.commit(cruft.project, "owners")
    for number, provider in enumerate(("github-actions", "azure-pipelines")):
        (cruft.template / FOLDER / f"MORE{number}.md").write_text("more\n", encoding="utf-8")
        cruft.commit(cruft.template, f"more {number}")
        answer = json.dumps({"ci_provider": provider})
        cruft.cruft(
            *("update", "--skip-apply-ask", "--variables-to-update", answer), folder=cruft.project
        )
        github = provider == "github-actions"
        workflow = cruft.project / ".github/workflows/train-and-deploy.yml"
        assert workflow.exists() == github
        assert (cruft.project / "azure-pipelines.yml").exists() != github
        assert (cruft.project / "pipelines/training.yml").exists() != github
        page = (cruft.project / "docs/pipelines.md").read_text(encoding="utf-8")
        assert ("train-and-deploy.yml" in page) == github
        assert not (cruft.project / "docs/pipelines.github.md").exists()
        assert own.exists()
        assert not list(cruft.project.rglob("*.rej"))
        cruft.commit(cruft.project, provider)


def change_sdk(cruft: Cruft, sdk: str) -> str:
    """The one command that docs/azure.md names; the files in conflict."""
    words = ("update", "--skip-apply-ask", "--variables-to-update")
    cruft.cruft(*words, json.dumps({"azureml_sdk": sdk}), folder=cruft.project)
    assert not list(cruft.project.rglob("*.rej"))
    return cruft.run("git", "diff", "--name-only", "--diff-filter=U", folder=cruft.project)


def test_an_update_takes_the_other_sdk_and_back(cruft: Cruft) -> None:
    """Each way the repository is what it would be if it had been rendered so, and edits stay."""
    package = cruft.project / "src" / "seals" / "features.py"
    cruft.replace(package, '"""', '"""Mine. ')
    cruft.replace(cruft.project / "config.yml", "roc_auc: 0.6", "roc_auc: 0.7")
    cruft.replace(cruft.project / "config.yml", "max_nodes: 2", "max_nodes: 9")
    cruft.commit(cruft.project, "edits")
    mine = cruft.cruft("diff", folder=cruft.project)
    start = cruft.run("git", "rev-parse", "HEAD", folder=cruft.project).strip()
    for sdk, other in (("v2", "v1"), ("v1", "v2")):
        assert change_sdk(cruft, sdk) == ""
        config = yaml.safe_load((cruft.project / "config.yml").read_text(encoding="utf-8"))
        assert (config["azure"]["sdk"], config["training"]["seed"]) == (sdk, 7)
        assert config["azure"]["compute"]["max_nodes"] == 9
        assert ("service" in config["azure"], "online" in config["azure"]) == (
            sdk == "v1",
            sdk == "v2",
        )
        driver = (cruft.project / "src" / "model.py").read_text(encoding="utf-8")
        words = {"v1": "azureml.core", "v2": "azure.ai.ml"}
        assert words[sdk] in driver and words[other] not in driver
        assert (cruft.project / "requirements-serve-azure.txt").exists() == (sdk == "v1")
        assert '"""Mine. ' in package.read_text(encoding="utf-8")
        assert not list(cruft.project.rglob("*unchosen*"))
        assert sorted(changed(cruft.cruft("diff", folder=cruft.project))) == sorted(changed(mine))
        cruft.commit(cruft.project, sdk)
    names = cruft.run("git", "diff", "--name-only", start, folder=cruft.project).split()
    assert names in ([], [".cruft.json"]), "there and back is where it started"


def changed(difference: str) -> list[str]:
    """The lines of a difference, without where they stand."""
    return [line for line in difference.splitlines() if line[:1] in "+-" and line[:3] != "+++"]


def test_an_edit_of_what_the_other_sdk_has_not_is_a_conflict_in_its_file(cruft: Cruft) -> None:
    """Nothing of the owner's is lost, and everything else is brought over."""
    cruft.replace(cruft.project / "src" / "model.py", "job.module, ", 'job.module, "-v", ')
    cruft.replace(cruft.project / "config.yml", "cpu_cores: 1", "cpu_cores: 4")
    cruft.commit(cruft.project, "edits of v1")
    assert change_sdk(cruft, "v2").split() == ["config.yml", "src/model.py"]
    for name, own in (("src/model.py", 'job.module, "-v", '), ("config.yml", "cpu_cores: 4")):
        text = (cruft.project / name).read_text(encoding="utf-8")
        assert own in text and text.count("<<<<<<<") == 1, text
    assert "azure.ai.ml" in (cruft.project / "src" / "deploy.py").read_text(encoding="utf-8")
