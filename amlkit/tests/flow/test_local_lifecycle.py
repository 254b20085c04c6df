"""The drivers on this machine with a second, different model: jobs, contract, registry.

Its model uses no scikit-learn, so that these tests are about the flow alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from amlkit.local import open_local
from amlkit.local.models import Registry, import_mlflow
from amlkit.workspace import Workspace
from conftest import Answer, Project

pytestmark = pytest.mark.slow  # jobs are processes that train

FLAGS = ("--local", "--env", "test")


def train(project: Project, *arguments: str) -> Answer:
    """One call of the training driver."""
    return project.call("model", *FLAGS, "--json", *arguments)


def parameters(**values: Any) -> str:
    """A `--set` of the second model's parameters."""
    return "--set=training.parameters=" + json.dumps(values)


def workspace(project: Project) -> Workspace:
    """The project's local workspace."""
    return open_local(project.root / ".local-workspace")


def test_contract_alone_gives_gate_registry_and_report(shared: Project) -> None:
    answer = train(shared, "--experiment", "contract")
    assert answer.code == 0, answer.err
    assert answer.json["status"] == "Completed"
    assert answer.json["registered"], answer.json["reason"]
    assert answer.json["model"]["name"] == "sample-sex"
    assert "accuracy" in Path(answer.json["report"]).read_text(encoding="utf-8")
    model = workspace(shared).models.champion(answer.json["model"]["name"])
    assert model is not None
    assert model.version == str(answer.json["model"]["version"])
    assert (Path(model.source) / "rule.json").is_file()
    for tag in (
        "data_version",
        "environment_version",
        "code_version",
        "git_commit",
        "metrics",
        "run_id",
    ):
        assert tag in model.tags


def test_equal_job_is_answered_by_its_run_and_force_trains_again(shared: Project) -> None:
    first = train(shared, parameters(accuracy=0.9)).json
    again = train(shared, parameters(accuracy=0.9)).json
    assert again["run_id"] == first["run_id"]
    assert again["model"] == first["model"]
    forced = train(shared, parameters(accuracy=0.9), "--force").json
    assert forced["run_id"] != first["run_id"]
    assert forced["registered"]


def test_changed_line_of_the_package_trains_again(shared: Project) -> None:
    first = train(shared, parameters(accuracy=0.91)).json
    code = shared.root / "src" / "other_model" / "__init__.py"
    code.write_text(code.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert train(shared, parameters(accuracy=0.91)).json["run_id"] != first["run_id"]


def test_refusal_is_an_answer(shared: Project) -> None:
    answer = train(shared, parameters(accuracy=0.1))
    assert answer.code == 0
    assert not answer.json["registered"]
    assert "misses the threshold" in answer.json["reason"]
    assert answer.json["model"]["version"] is None
    assert Path(answer.json["report"]).is_file()


def test_failed_training_exits_1_and_shows_its_log(shared: Project) -> None:
    answer = train(shared, parameters(fail=True))
    assert answer.code == 1
    assert answer.json["status"] == "Failed"
    log = Path(answer.json["url"], "logs", "std_log.txt")
    assert log.is_file()
    why = f"the run failed: this model was told to fail; log: {log}"
    assert answer.json["error"] == f"run {answer.json['run_id']}: {why}"


def test_an_error_is_named_by_its_line_in_the_repository(shared: Project) -> None:
    """Not in the copy that ran; one that Python finds when it compiles leaves no run."""
    script = shared.root / "src" / "other_model" / "train.py"
    text, runs = script.read_text(encoding="utf-8"), shared.root / ".local-workspace" / "runs"
    lines = text.splitlines().index('    told = args.settings.get("parameters", {})')
    try:
        script.write_text(text.replace("    told = ", "    told = tlod or "), encoding="utf-8")
        failed = train(shared)
        place = f"src/other_model/train.py:{lines + 1}: "
        assert failed.code == 1
        assert f"{place}NameError: name 'tlod' is not defined; log: " in failed.json["error"]
        script.write_text(text.replace("    told = ", "    told == = "), encoding="utf-8")
        before = sorted(runs.iterdir())
        for flags in ((), ("--dry-run",)):
            refused = train(shared, *flags)
            assert refused.code == 1
            assert refused.json["error"] == f"{place}SyntaxError: invalid syntax"
        assert sorted(runs.iterdir()) == before
    finally:
        script.write_text(text, encoding="utf-8")


def test_what_says_error_by_itself_is_said_once(shared: Project) -> None:
    script = shared.root / "src" / "other_model" / "train.py"
    text = script.read_text(encoding="utf-8")
    try:
        script.write_text(text.replace('"this model was', '"error: this model was'), "utf-8")
        answer = train(shared, parameters(fail=True))
    finally:
        script.write_text(text, encoding="utf-8")
    assert "the run failed: this model was told to fail; log: " in answer.json["error"]


def test_no_wait_then_resume(shared: Project) -> None:
    started = train(shared, "--no-wait", parameters(sleep=2, accuracy=0.92))
    assert started.code == 0
    assert started.json["status"] == "Running"
    looked = train(shared, "--resume", started.json["run_id"], "--dry-run")
    status = {"dry_run": True, "run_id": started.json["run_id"], "status": "Running"}
    assert (looked.code, looked.json) == (0, status)
    done = train(shared, "--resume", started.json["run_id"])
    assert done.json["status"] == "Completed"
    assert done.json["registered"], done.json["reason"]
    assert done.json["created"]
    twice = train(shared, "--resume", started.json["run_id"])
    assert twice.json["model"] == done.json["model"]
    assert twice.json["registered"]
    assert not twice.json["created"]
    again = train(shared, "--no-wait", parameters(sleep=2, accuracy=0.92))
    assert again.json["run_id"] == started.json["run_id"]
    assert again.json["registered"], "there is nothing to wait for"


def test_a_wait_has_an_end_and_the_run_goes_on(shared: Project) -> None:
    flags = ("--wait-minutes", "0.01", "--replace-champion")
    going = train(shared, *flags, parameters(sleep=5, accuracy=0.91))
    assert going.code == 0, going.err
    assert going.json["status"] == "Running"
    assert not going.json["registered"]
    assert f"--resume {going.json['run_id']} --replace-champion" in going.err
    done = train(shared, "--resume", going.json["run_id"], "--wait-minutes", "5")
    assert done.json["status"] == "Completed"


@pytest.mark.parametrize(
    "flags",
    [("--wait-minutes", "0"), ("--wait-minutes", "soon"), ("--wait-minutes", "5", "--no-wait")],
)
def test_a_wait_that_makes_no_sense_is_refused(shared: Project, flags: tuple[str, ...]) -> None:
    answer = train(shared, *flags)
    assert answer.code == 2
    assert "--wait-minutes" in answer.json["error"]


def test_cancel_ends_the_run(shared: Project) -> None:
    started = train(shared, "--no-wait", parameters(sleep=60)).json
    canceled = train(shared, "--cancel", started["run_id"])
    assert canceled.json["status"] == "Canceled"
    answer = train(shared, "--resume", started["run_id"])
    assert answer.code == 1
    assert answer.json["status"] == "Canceled"


def test_figures_that_cannot_be_read_cost_the_report_alone(shared: Project) -> None:
    done = train(shared, "--experiment", "figures").json
    (Path(done["url"]) / "outputs" / "figures.json").write_text('["roc.svg"]', encoding="utf-8")
    again = train(shared, "--resume", done["run_id"])
    assert again.code == 0 and again.json["registered"] == done["registered"]
    assert "without figures: outputs/figures.json is no list" in again.err
    page = Path(again.json["report"]).read_text(encoding="utf-8")
    table = re.search("--path</span> <span>(.*?)</span>", page)  # as its owner types it
    assert table and (shared.root / table[1]).is_file()


@pytest.mark.parametrize("run_id", ["nothing", "../data", "", "."])
def test_unknown_run_is_named(shared: Project, run_id: str) -> None:
    answer = train(shared, "--resume", run_id)
    assert answer.code == 1
    assert f"there is no run {run_id!r}" in answer.json["error"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupt_leaves_the_run_going_and_says_how_to_go_on(shared: Project) -> None:
    command = shared.command("model", *FLAGS, parameters(sleep=2, accuracy=0.93))
    driver = subprocess.Popen(
        command, cwd=shared.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    for line in driver.stdout:
        if "reading" in line:
            break
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert "--resume" in err
    assert "--cancel" in err
    run_id = err.split("run ")[1].split(" ")[0]
    assert train(shared, "--resume", run_id).json["status"] == "Completed"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_job_is_told_from_a_running_one(shared: Project) -> None:
    started = train(shared, "--no-wait", parameters(sleep=60)).json
    listed = subprocess.run(
        ["pgrep", "-f", started["run_id"]], capture_output=True, text=True
    ).stdout.split()
    assert listed
    for process in listed:
        os.kill(int(process), signal.SIGKILL)
    time.sleep(0.2)
    answer = train(shared, "--resume", started["run_id"])
    assert answer.code == 1
    assert answer.json["status"] == "Failed"


def test_two_trainings_at_once_each_get_a_version_of_their_own(shared: Project) -> None:
    with ThreadPoolExecutor(2) as pool:
        same = parameters(sleep=1, accuracy=0.95)
        flags = [*FLAGS, "--json", same]
        calls = [
            pool.submit(shared.run, "model", *flags, f"--set=training.seed={seed}")
            for seed in range(2)
        ]
        answers = [call.result().json for call in calls]
    assert all(answer["registered"] for answer in answers), answers
    versions = [answer["model"]["version"] for answer in answers]
    assert len(set(versions)) == 2
    store = Registry(shared.root / ".local-workspace")
    client = import_mlflow()(store.uri)
    found = client.search_model_versions(f"name = '{answers[0]['model']['name']}'")
    runs = [version.tags["run_id"] for version in found]
    assert len(runs) == len(set(runs))
    assert {answer["run_id"] for answer in answers} <= set(runs)


def test_secrets_do_not_reach_the_job(shared: Project) -> None:
    spy = shared.root / "src" / "other_model" / "train.py"
    text = spy.read_text(encoding="utf-8")
    try:
        look = "    import os\n    print('seen', os.environ.get('SPN_PASSWORD'))\n"
        spy.write_text(
            text.replace("    parser = argparse", look + "    parser = argparse"), encoding="utf-8"
        )
        answer = shared.run("model", *FLAGS, "--json", "--force", SPN_PASSWORD="s3cret")
    finally:
        spy.write_text(text, encoding="utf-8")
    assert "seen None" in answer.err
    folder = shared.root / ".local-workspace"
    assert not [p for p in folder.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]


def test_dry_run_only_reads(shared: Project) -> None:
    folder = shared.root / ".local-workspace"
    shutil.rmtree(folder / "environments", ignore_errors=True)
    code = shared.root / "src" / "other_model" / "new.py"
    code.write_text("# a change\n", encoding="utf-8")
    before = sorted(folder.rglob("*"))
    answer = train(shared, "--dry-run", "--force")
    assert answer.code == 0
    assert answer.json["dry_run"]
    looked = shared.call("environment", *FLAGS, "--dry-run", "--json")
    assert looked.json["environment"]["created"]
    table = shared.root / "new.csv"
    table.write_text("x,Sex\n" + "1,a\n2,b\n" * 20, encoding="utf-8")
    data = shared.call("data", *FLAGS, "--dry-run", "--json", "--path", str(table))
    assert data.json["data"]["created"]
    code.unlink()
    assert sorted(folder.rglob("*")) == before


def test_what_an_older_gate_registered_stays_with_its_report(shared: Project) -> None:
    """Under a threshold of now that it misses, and beside a newer version."""
    first = train(shared, parameters(accuracy=0.97)).json
    newer = train(shared, parameters(accuracy=0.98)).json
    report = Path(first["report"])
    report.write_text("as it was", encoding="utf-8")
    analysis = Path(first["url"], "outputs", "analysis.json")
    looks = [{"words": "'x' alone gives\nit", "severity": "warning"}, {"words": "a note"}, 7]
    analysis.write_text(json.dumps({"data_checks": looks}), encoding="utf-8")
    version, call = first["model"]["version"], ("model", *FLAGS, parameters(accuracy=0.97))
    known = shared.call(*call).out.splitlines()[-5:]
    assert known[0].startswith("registered earlier: accuracy 0.97 meets")
    name, latest = first["model"]["name"], newer["model"]["version"]
    assert known[1] == f"model: {name}:{version}; version {latest} is newer"
    assert known[2:4] == ["warning: 'x' alone gives it", f"report: {report}"]
    assert known[4].endswith(f"deploy.py {' '.join(FLAGS)} --model-version {version}")
    raised = ("--set", "gate.rules.rule.thresholds.accuracy=0.99")
    refused = shared.call(*call, *raised)
    assert f"version {version} was registered under other thresholds; today's gate" in refused.out
    assert "would refuse it: accuracy 0.97 misses the threshold >= 0.99" in refused.out
    assert "next:" not in refused.out
    record = train(shared, parameters(accuracy=0.97), *raised).json
    assert record["registered"] and not record["created"]
    assert report.read_text(encoding="utf-8") == "as it was"
