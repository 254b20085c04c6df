"""Jobs of this machine: any command, its inputs, what it leaves behind, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import amlkit
from amlkit.local import open_local
from amlkit.local.jobs import local_command
from amlkit.local.processes import inherited_variables, start_detached
from amlkit.records import DataAsset, Environment, Job, Model, Resources, Run, WorkError
from amlkit.workspace import Workspace

pytestmark = pytest.mark.slow  # it runs jobs

MODULE = """
import json, os, pathlib, sys
seen = {"words": sys.argv[1:], "python": sys.executable, "amlkit": ""}
seen["variables"] = {name: os.environ.get(name) for name in ("OWN", "SPN_PASSWORD", "PYTHONPATH")}
if "amlkit" in sys.argv:
    import amlkit
    seen["amlkit"] = amlkit.__file__
pathlib.Path("outputs").mkdir()
pathlib.Path("outputs/seen.json").write_text(json.dumps(seen))
print("seen", flush=True)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository's folder, with a space in its name."""
    return tmp_path_factory.mktemp("jobs") / "a project"


@pytest.fixture(scope="module")
def workspace(root: Path) -> Workspace:
    """The workspace that the tests share."""
    return open_local(root / ".local-workspace")


@pytest.fixture(scope="module")
def code(root: Path) -> Path:
    """A snapshot with a package of one module."""
    package = root / "snapshot" / "own_model"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "look.py").write_text(MODULE, encoding="utf-8")
    return package.parent


@pytest.fixture
def job(code: Path, root: Path) -> Job:
    """A job that writes down what it sees."""
    data = DataAsset("t", "1", "y", 2, str(root / "the data"))
    champion = Model("m", "7", str(root / "the champion"))
    return Job(
        experiment="tests",
        code=code,
        code_version="c",
        command=("python", "-m", "own_model.look", "--data", "${{inputs.data}}"),
        inputs={"data": data, "champion": champion},
        environment=Environment("e", "1", created=False),
        tags={"data_name": "t"},
        identity="identity",
        model_name="m",
    )


def done(workspace: Workspace, job: Job) -> tuple[Run, list[str]]:
    """A job, run to its end, and its log."""
    log: list[str] = []
    return workspace.jobs.stream(workspace.jobs.create(job).id, log.append), log


def seen(workspace: Workspace, run: Run) -> Mapping[str, Any]:
    """What the job wrote down."""
    raw = workspace.jobs.read(run.id, "seen.json")
    assert raw is not None
    value: dict[str, Any] = json.loads(raw)
    return value


def script(job: Job, text: str) -> Job:
    """The job, with some lines of Python as its command."""
    return replace(job, command=("python", "-c", textwrap.dedent(text)))


def test_command_gets_its_inputs_its_variables_and_the_snapshot(
    workspace: Workspace, job: Job, root: Path
) -> None:
    words = ("--champion=${{inputs.champion}}", "${{ inputs.data }}", "a b")
    given = replace(job, command=(*job.command, *words), variables={"OWN": "x"})
    run, log = done(workspace, given)
    assert (run.status, log) == ("Completed", ["seen"])
    assert workspace.jobs.log(run.id) == ["seen"]
    found = seen(workspace, run)
    data = str(root / "the data")
    assert found["words"] == [
        *("--data", data, f"--champion={root / 'the champion'}", data, "a b"),
    ]
    assert found["python"] == sys.executable
    assert found["variables"]["OWN"] == "x"
    assert found["variables"]["PYTHONPATH"] == str(job.code)
    assert (run.identity, run.model_name, run.champion) == ("identity", "m", "7")
    assert (run.tags, run.experiment) == ({"data_name": "t"}, "tests")
    assert run.seconds is not None
    assert workspace.jobs.read(run.id, "nothing.json") is None
    assert workspace.jobs.get(run.id) == run


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX program")
def test_command_may_be_any_program(workspace: Workspace, job: Job) -> None:
    run, log = done(workspace, replace(job, command=("sh", "-c", "echo $OWN; command -v pytest")))
    assert run.status == "Completed"
    assert Path(log[-1]).parent == Path(sys.executable).parent  # this environment's programs first
    run, log = done(workspace, replace(job, command=("no-such-program", "x")))
    assert run.status == "Failed"
    assert "no-such-program cannot be started" in log[-1]


@pytest.mark.parametrize("word", ["${{inputs.table}}", "x=${{outputs.model}}", "${{ name }}"])
def test_word_that_names_no_input_is_refused(workspace: Workspace, job: Job, word: str) -> None:
    with pytest.raises(WorkError, match="inputs are: champion, data") as refused:
        workspace.jobs.create(replace(job, command=(*job.command, word)))
    assert "\n" not in str(refused.value)
    with pytest.raises(WorkError, match="inputs are: none"):
        local_command(replace(job, inputs={}))


def test_resources_that_are_not_here_are_said(workspace: Workspace, job: Job) -> None:
    resources = Resources(instance_count=4, instance_type="Standard_NC6", shm_size="8g")
    run, log = done(workspace, replace(job, resources=resources))
    assert run.status == "Completed"
    assert "instance_count 4, instance_type Standard_NC6, shm_size 8g" in log[0]
    assert "not on this machine" in log[0]


def test_secrets_do_not_reach_the_job(
    workspace: Workspace, job: Job, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setenv("SPN_PASSWORD", "s3cret")
    run, _ = done(workspace, job)
    assert seen(workspace, run)["variables"]["SPN_PASSWORD"] is None
    files = [path for path in Path(run.url).rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"s3cret" in path.read_bytes()]


def test_process_that_does_not_begin_says_why_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with pytest.raises(WorkError, match=rf"it did not start \(exit code 1\); see .*{log.name}"):
        start_detached("amlkit.nothing", [], inherited_variables(), lambda: False, "it", log)
    assert "No module named amlkit.nothing" in log.read_text(encoding="utf-8")


def test_shape_and_target_are_plain_here(workspace: Workspace, job: Job) -> None:
    assert workspace.jobs.shape(job) == ""
    assert workspace.jobs.target() == "on this machine"


def test_equal_job_is_found_completed_before_under_way(workspace: Workspace, job: Job) -> None:
    equal = replace(job, identity="equal", experiment="equal")
    failed, _ = done(workspace, script(equal, "raise SystemExit(3)"))
    assert failed.status == "Failed"
    assert workspace.jobs.find("equal", "equal") is None
    waits = workspace.jobs.create(script(equal, "import time; time.sleep(60)"))
    found = workspace.jobs.find("equal", "equal")
    assert found is not None and found.id == waits.id
    first, _ = done(workspace, equal)
    second, _ = done(workspace, equal)
    found = workspace.jobs.find("equal", "equal")
    assert found is not None and found.id == second.id != first.id
    assert workspace.jobs.find("equal", "tests") is None
    assert workspace.jobs.cancel(waits.id).status == "Canceled"


def test_run_of_an_older_amlkit_is_no_obstacle(workspace: Workspace, root: Path) -> None:
    old = root / ".local-workspace" / "runs" / "old_20200101T000000_000000"
    old.mkdir(parents=True)
    record = {"id": old.name, "experiment": "old", "created": "2020-01-01T00:00:00+00:00"}
    record |= {"identity": "x", "model_name": "m"}
    (old / "job.json").write_text(json.dumps({**record, "tags": {}, "a word": "1"}))
    assert workspace.jobs.get(old.name).status == "Failed"
    assert workspace.jobs.find("another", "tests") is None


def test_wait_may_have_an_end(workspace: Workspace, job: Job) -> None:
    waits = workspace.jobs.create(script(job, "import time; time.sleep(60)"))
    began = time.monotonic()
    assert workspace.jobs.stream(waits.id, lambda line: None, seconds=0.2).status == "Running"
    assert time.monotonic() - began < 30
    workspace.jobs.cancel(waits.id)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_job_is_told_from_a_running_one(workspace: Workspace, job: Job) -> None:
    run = workspace.jobs.create(script(job, "import time; time.sleep(60)"))
    for process in psutil.process_iter():
        try:
            ours = run.id in " ".join(process.cmdline())
        except psutil.Error:
            continue
        if ours:
            children = process.children(recursive=True)
            for each in (process, *children):
                os.kill(each.pid, signal.SIGKILL)
            process.wait(10)
    assert workspace.jobs.get(run.id).status == "Failed"


@pytest.mark.parametrize("run_id", ["nothing", "../data", "", "."])
def test_unknown_run_is_named(workspace: Workspace, job: Job, run_id: str) -> None:
    newest, _ = done(workspace, job)
    with pytest.raises(WorkError, match="there is no run") as unknown:
        workspace.jobs.get(run_id)
    assert f"the newest is {newest.id}" in str(unknown.value)


def test_ejected_copy_runs_the_job(
    workspace: Workspace, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`eject` says where the copy lies; what a job imports comes from there."""
    copy = tmp_path / "unpacked"
    source = Path(amlkit.__file__).parent
    shutil.copytree(source, copy / "amlkit", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("amlkit.local.processes.ejected_path", lambda root: copy)
    run, _ = done(workspace, replace(job, command=(*job.command, "amlkit")))
    assert seen(workspace, run)["amlkit"] == str(copy / "amlkit" / "__init__.py")


def test_report_lies_in_the_runs_folder(workspace: Workspace, job: Job) -> None:
    run, _ = done(workspace, job)
    address = workspace.jobs.save_report(run.id, lambda path: path.write_text("<p>") and None)
    assert Path(address).parent == Path(run.url)
