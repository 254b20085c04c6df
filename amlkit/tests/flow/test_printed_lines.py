"""Lines that a driver prints for a person to type: each, typed so, goes on with its work."""

from __future__ import annotations

import _thread
import re
import shlex
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from amlkit import cli
from conftest import PENGUINS, Answer, Project

# Jobs are processes that train; one repository serves all.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("printed")]

FLAGS = ("--local", "--env", "test")
RULE = ("--set", "training.parameters={accuracy: 0.9}")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository of the second model, with nothing registered."""
    project = Project(tmp_path_factory.mktemp("printed") / "a project")
    project.use_other_model()
    return project


def table(project: Project, name: str, every: int) -> Path:
    """A table of the project's: every so manieth row of the sample."""
    header, *rows = PENGUINS.read_text(encoding="utf-8").splitlines(keepends=True)
    path = project.root / name
    path.write_text("".join([header, *rows[::every]]), encoding="utf-8")
    return path


def line_of(text: str, driver: str, mark: str = "") -> list[str]:
    """The words of the one printed line that calls a driver and holds a mark."""
    found = re.findall(rf"(?:next: |`)(python src/{driver}\.py[^\n`]*)", text)
    [line] = [line for line in found if mark in line]
    return shlex.split(line)


def typed(project: Project, words: list[str], *more: str) -> Answer:
    """Types a printed line."""
    assert words[0] == "python"
    return project.call(Path(words[1]).stem, *words[2:], *more)


def said(answer: Answer) -> dict[str, Any]:
    """The JSON of a call that went well."""
    assert answer.code == 0, answer.err
    return answer.json


def served(project: Project, words: list[str]) -> dict[str, Any]:
    """The model that a printed line would serve."""
    model: dict[str, Any] = said(typed(project, words, "--dry-run", "--json"))["model"]
    return model


def test_from_a_table_to_its_model_and_its_endpoint(repository: Project) -> None:
    """Also where YAML would read the name as a number, and the target is another one."""
    path = table(repository, "other.csv", 2)
    registering = ("--path", str(path), "--name", "2024", "--target", "Species")
    done = repository.call("data", *FLAGS, *RULE, *registering)
    assert done.code == 0, done.err
    trained = typed(repository, line_of(done.out, "model"))
    assert trained.code == 0, trained.err
    assert "data 2024:" in trained.out and "172 rows, target 'Species'" in trained.out
    deploy = line_of(trained.out, "deploy")
    # What the deployment reads goes with the line, and no more.
    assert deploy[2:] == [*FLAGS, "--set", 'data.name="2024"']
    assert f"model: {served(repository, deploy)['name']}:1" in trained.out


def test_the_line_names_the_whole_table_where_the_call_did(repository: Project) -> None:
    """Whatever is registered under that name in between."""
    path = table(repository, "mine.csv", 3)
    asked = ("--set", "data.name=mixed", "--set", "data.types={Region: category}")
    done = repository.call(
        "data", *FLAGS, *RULE, *asked, "--path", str(path), "--target", "Species"
    )
    between = said(repository.call("data", *FLAGS, "--json", "--set", "data.name=mixed"))
    trained = typed(repository, line_of(done.out, "model"))
    assert trained.code == 0, trained.err
    assert between["data"]["rows"] == 344
    assert "115 rows, target 'Species'" in trained.out
    model = served(repository, line_of(trained.out, "deploy"))
    assert f"model: {model['name']}:{model['version']}" in trained.out


def test_a_run_is_resumed_and_judged_as_it_was_begun(repository: Project) -> None:
    table_of = ("--name", "waited", "--target", "Island")
    assert repository.call("data", *FLAGS, *table_of).code == 0
    rule = ("--set", "training.parameters={accuracy: 0.8, sleep: 1}")
    begun = repository.call(
        "model", *FLAGS, *rule, "--set", "data.name=waited", "--no-wait", "--replace-champion"
    )
    resume = line_of(begun.out, "model", "--resume")
    assert resume[-1] == "--replace-champion"
    resumed = typed(repository, resume)
    assert resumed.code == 0, resumed.err
    model = served(repository, line_of(resumed.out, "deploy"))
    assert f"model: {model['name']}:{model['version']}" in resumed.out
    # Resumed with other flags, the model is served all the same.
    run_id = resume[resume.index("--resume") + 1]
    bare = repository.call("model", *FLAGS, "--resume", run_id)
    assert served(repository, line_of(bare.out, "deploy")) == model


def test_an_interrupted_wait_names_how_to_go_on_and_how_to_end(repository: Project) -> None:
    flags = (*FLAGS, "--set", "training.parameters={sleep: 60}")
    runs = repository.root / ".local-workspace" / "runs"
    before = set(runs.glob("*"))

    def interrupt() -> None:
        """As soon as the run says that it is running."""
        while not [run for run in set(runs.glob("*/status.json")) if run.parent not in before]:
            time.sleep(0.1)
        time.sleep(0.5)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    answer = repository.call("model", *flags)
    assert answer.code == 130
    resume, cancel = (line_of(answer.err, "model", f"--{verb}") for verb in ("resume", "cancel"))
    assert resume[2:-2] == cancel[2:-2] == [*flags]
    assert said(typed(repository, resume, "--dry-run", "--json"))["status"] == "Running"
    assert said(typed(repository, cancel, "--json"))["status"] == "Canceled"


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(("--set", "data.name=customers"), id="name"),
        pytest.param(("--set", "data.path=customers.csv"), id="path"),
        pytest.param(("--set", "data.target=Species"), id="target"),
        pytest.param(("--set", "data.types={Region: category}"), id="types"),
        pytest.param(("--env", "customers"), id="overlay"),
    ],
)
def test_a_table_that_is_not_registered_is_by_the_printed_line(
    project: Project, asked: tuple[str, ...]
) -> None:
    """Never another one in its place, registered or trained on."""
    project.use_other_model()
    table(project, "customers.csv", 2)
    overlay = (project.root / "config.test.yml").read_text(encoding="utf-8")
    named = "data: {name: ours, path: customers.csv, target: Species}\n"
    (project.root / "config.customers.yml").write_text(overlay + named, encoding="utf-8")
    call = ("--local", *(() if "--env" in asked else ("--env", "test")), *asked, *RULE)
    if "name" not in asked[1]:  # what is there is not what is asked for
        assert project.call("data", *FLAGS).code == 0
    refused = project.call("model", *call, "--json")
    assert refused.code == 2
    home = project.root / ".local-workspace"
    assert not (home / "runs").exists()
    line = line_of(refused.json["error"], "data")
    words = {"FILE": str(project.root / "customers.csv"), "COLUMN": "Species"}
    registered = said(typed(project, [words.get(word, word) for word in line], "--json"))["data"]
    assert len(list((home / "data").glob("*/*/asset.json"))) == 1 + ("name" not in asked[1])
    looked = said(project.call("model", *call, "--dry-run", "--json"))["data"]
    assert looked == {key: registered[key] for key in ("name", "version")}


def test_what_config_yml_says_anew_is_said_beside_what_is_registered(repository: Project) -> None:
    """A target of this call alone needs no registering where it is the registered one."""
    done = said(repository.call("data", *FLAGS, "--json", "--name", "two"))["data"]
    flags = (*FLAGS, "--set", "data.name=two", "--set", "data.target=Sex", "--dry-run", "--json")
    assert said(repository.call("model", *flags))["data"]["version"] == done["version"]


def test_what_is_not_there_yet_is_told_how_to_make(repository: Project) -> None:
    table_of = ("--set", "data.name=unseen", "--set", "data.target=Clutch Completion")
    nothing = repository.call("deploy", *FLAGS, *table_of)
    assert nothing.code == 2
    training = line_of(nothing.err, "model")
    assert training[2:] == [*FLAGS, *table_of]
    status = repository.call("deploy", *FLAGS, *RULE, *table_of, "--status")
    assert line_of(status.out, "deploy")[2:] == [*FLAGS, *table_of]


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("plain", "data.target=plain"),
        ("two words", "data.target=two words"),
        ("007", 'data.target="007"'),
        ("yes", 'data.target="yes"'),
        ("a: b", 'data.target="a: b"'),
        ('"', r'data.target="\""'),
        ("zwei\nZeilen", r'data.target="zwei\nZeilen"'),
    ],
)
def test_a_setting_is_written_so_that_it_is_read_again(text: str, flag: str) -> None:
    assert cli.setting("data.target", text) == ("--set", flag)
    assert cli.assignment(flag)[:2] == ("data.target", text)


def test_windows_is_given_a_line_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In cmd and PowerShell alike, a quote inside a quoted word is doubled."""
    monkeypatch.setattr("sys.platform", "win32")
    line = cli.shell_line("python", r"src\model.py", "--set", 'a.b={"c": 1}')
    assert line == r'python src\model.py --set "a.b={""c"": 1}"'
