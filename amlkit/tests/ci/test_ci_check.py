"""`make check-pipelines`: what the service's preview is asked, by a stand-in for `az`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amlkit.ci import check
from conftest import TEMPLATE, Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")

AZ = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
asked = {{"words": words}}
if "--body" in words:
    path = words[words.index("--body") + 1].removeprefix("@")
    asked["body"] = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
with (here / "asked.jsonl").open("a", encoding="utf-8") as log:
    log.write(json.dumps(asked) + "\\n")
url = words[words.index("--url") + 1]
if url.endswith("/preview"):
    if "BROKEN" in asked["body"]["yamlOverride"]:
        words = "/azure-pipelines.yml (Line: 3, Col: 1): Unexpected value 'BROKEN'"
        print("ERROR: Bad Request(" + json.dumps({{"message": words}}) + ")", file=sys.stderr)
        sys.exit(1)
    print(json.dumps({{"finalYaml": "stages: []"}}))
else:
    print((here / "definitions.json").read_text(encoding="utf-8"))
"""


class Service:
    """A stand-in for `az`, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "az").write_text(AZ.format(python=sys.executable), encoding="utf-8")
        (folder / "az").chmod(0o755)
        self.registers("another", "org/our-repo")

    def registers(self, *repositories: str) -> None:
        """Says which repositories have pipelines; their ids count from 1."""
        listed = [{"id": n + 1, "repository": {"name": r}} for n, r in enumerate(repositories)]
        (self.folder / "definitions.json").write_text(json.dumps({"value": listed}))

    def asked(self) -> list[dict[str, Any]]:
        """Each call of `az`."""
        text = (self.folder / "asked.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture()
def service(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A copy of this repository with a remote, and the stand-in on the path."""
    service = Service(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(service.folder) + os.pathsep + os.environ["PATH"])
    shutil.copytree(TEMPLATE / "pipelines", project.root / "pipelines")
    shutil.copy2(TEMPLATE / "azure-pipelines.yml", project.root)
    monkeypatch.chdir(project.root)
    git(project.root, "init", "-q", "-b", "work")
    git(project.root, "remote", "add", "origin", "https://dev.azure.com/org/p/_git/our-repo")
    return service


def git(root: Path, *arguments: str) -> None:
    """Runs git, as nobody in particular."""
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


def run(*more: str) -> int:
    """The check's exit code."""
    return check.main(["--organization", "my org", "--project", "My project", *more])


def test_each_pipeline_is_sent_as_it_is_here(
    service: Service, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    definitions, *previews = service.asked()
    assert "--resource 499b84ac-1321-427f-aa17-267ca6975798" in " ".join(definitions["words"])
    base = "https://dev.azure.com/my%20org/My%20project/_apis"
    assert f"{base}/build/definitions" in definitions["words"]
    assert len(previews) == 6
    for name, call in zip(check.PIPELINES, previews, strict=True):
        assert f"{base}/pipelines/2/preview" in call["words"]
        assert "post" in call["words"]
        assert "api-version=7.1" in call["words"]
        assert not any("&" in word for word in call["words"])
        assert call["body"] == {
            "previewRun": True,
            "yamlOverride": (project.root / name).read_text(encoding="utf-8"),
            "resources": {"repositories": {"self": {"refName": "refs/heads/work"}}},
        }
    assert "pipelines/training.yml: good" in capsys.readouterr().out


def test_a_refused_pipeline_is_named_with_the_services_words(
    service: Service, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project.root / "azure-pipelines.yml"
    path.write_text("trigger: none\n\nBROKEN\n", encoding="utf-8")
    assert run("--pipeline", "9", "--branch", "main") == 1
    said = capsys.readouterr().out
    assert "azure-pipelines.yml: /azure-pipelines.yml (Line: 3, Col: 1): Unexpected value" in said
    assert "pipelines/ci.yml: good" in said
    assert {call["words"][4].split("/")[-2] for call in service.asked()} == {"9"}


def test_templates_that_are_not_pushed_are_named(
    service: Service, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", "all of it")
    git(project.root, "update-ref", "refs/remotes/origin/work", "HEAD")
    assert run() == 0
    assert "warning" not in capsys.readouterr().out
    for name in ("pipelines/ci.yml", "pipelines/variables.yml"):
        path = project.root / name
        path.write_text(path.read_text(encoding="utf-8") + "# x\n", encoding="utf-8")
    assert run() == 0
    said = capsys.readouterr().out
    assert "origin/work, from which pipelines/variables.yml differ" in said


def test_without_a_registered_pipeline_it_says_what_to_do(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.registers("another")
    assert run() == 1
    assert "register azure-pipelines.yml first" in capsys.readouterr().err


def test_a_page_in_place_of_an_answer_is_explained(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    (service.folder / "definitions.json").write_text("<!DOCTYPE html>", encoding="utf-8")
    assert run() == 1
    assert "sign-in page" in capsys.readouterr().err


def test_without_az_it_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("amlkit.ci.check.shutil.which", lambda name: None)
    assert run() == 1
    assert capsys.readouterr().err.strip() == (
        "error: the Azure CLI is not installed: https://aka.ms/azure-cli"
    )
