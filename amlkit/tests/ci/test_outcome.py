"""What became of a driver, as the pipeline hears it: outputs, errors, a training's summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amlkit import ci
from amlkit.ci.outcome import OUTPUTS

TRAINED = {
    "run_id": "run_1",
    "status": "Completed",
    "url": "https://ml.azure.com/runs/run_1?wsid=/a/b",
    "registered": True,
    "created": True,
    "waited": True,
    "reason": "registered: it is as good as | the champion",
    "metrics": {"roc_auc": 0.98765},
    "intervals": {"roc_auc": [0.9, 0.99]},
    "model": {"name": "penguins-sex", "version": "4"},
    "decision": {
        "checks": [{"words": "roc_auc 0.99 is at least 0.6", "passed": True}],
        "notes": ["there was no <b>champion</b>"],
    },
}


class Step:
    """A driver's step in a pipeline; `run` returns its exit code and the lines it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def run(self, driver: str, record: dict[str, Any], code: int = 0) -> tuple[int, list[str]]:
        """Concludes a driver."""
        variables = {"TF_BUILD": "True", "SPN_PASSWORD": "secret~1"}
        variables["BUILD_ARTIFACTSTAGINGDIRECTORY"] = str(self.folder)
        with ci.step(driver, variables) as conclude:
            code = conclude(code, record)
        out, err = self.capsys.readouterr()
        assert out == ""  # --json has it for itself
        mask, *lines = err.splitlines()
        assert mask == "##vso[task.setsecret]secret~1"
        return code, lines

    def train(self, code: int = 0, **record: Any) -> tuple[int, list[str], str]:
        """Concludes a training: exit code, lines, summary."""
        code, lines = self.run("model", {**TRAINED, **record}, code)
        summary = self.folder / "model.md"
        assert f"##vso[task.uploadsummary]{summary}" in lines
        return code, lines, summary.read_text(encoding="utf-8")


@pytest.fixture()
def step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Step:
    """A step whose artifacts are made in a folder of its own."""
    return Step(tmp_path / "staged", capsys)


def output(name: str, value: str) -> str:
    """The line that sets an output."""
    return f"##vso[task.setvariable variable={name};isOutput=true]{value}"


@pytest.mark.parametrize(
    ("driver", "record", "outputs"),
    [
        ("data", {"data": {"name": "p", "version": "a1"}}, {"name": "p", "version": "a1"}),
        (
            "environment",
            {"environment": {"version": "b2", "created": True}},
            {"version": "b2", "created": "true"},
        ),
        (
            "deploy",
            {"model": {"version": "3"}, "switched": False, "rolled_back": False},
            {"version": "3", "switched": "false", "rolled_back": "false"},
        ),
        ("deploy", {"model": None}, {"version": "", "switched": "", "rolled_back": ""}),
        ("data", {"data": {"version": "100% sure\nok"}}, {"version": "100%AZP25 sure%0Aok"}),
    ],
)
def test_fields_of_the_record_become_outputs(
    step: Step, driver: str, record: dict[str, Any], outputs: dict[str, str]
) -> None:
    code, lines = step.run(driver, record)
    assert code == 0
    assert set(outputs) <= set(OUTPUTS[driver])
    for name, value in outputs.items():
        assert output(name, value) in lines


def test_a_failed_driver_fails_the_step_with_its_line(step: Step) -> None:
    code, lines = step.run("deploy", {"error": "no model ##vso[x] secret~1"}, 1)
    assert code == 1
    assert lines[0] == "##vso[task.logissue type=error]no model # #vso[x] ***"


def test_an_interrupted_driver_says_how_to_go_on(step: Step) -> None:
    code, lines = step.run("model", {"error": "run 1 goes on; `… --resume 1`"}, 130)
    assert code == 130
    assert lines[0] == "##vso[task.logissue type=warning]run 1 goes on; `… --resume 1`"


def test_a_registered_model_is_an_output(step: Step, tmp_path: Path) -> None:
    report = tmp_path / "elsewhere" / "report.html"
    report.parent.mkdir()
    report.write_text("<html>", encoding="utf-8")
    code, lines, summary = step.train(report=str(report))
    assert code == 0
    for name, value in (("registered", "true"), ("new_version", "4"), ("run_id", "run_1")):
        assert output(name, value) in lines
    assert "penguins-sex:4 is registered" in summary
    assert "| roc_auc | 0.9877 | 0.9 to 0.99 |" in summary
    assert "| roc_auc 0.99 is at least 0.6 | yes |" in summary
    assert "([studio](https://ml.azure.com/runs/run_1?wsid=/a/b))" in summary
    assert (step.folder / "report.html").read_text(encoding="utf-8") == "<html>"
    assert (step.folder / "model.json").is_file()


def test_words_of_others_are_no_markup(step: Step) -> None:
    name = "a|b<img src=x>[l](u)*"
    _, _, summary = step.train(metrics={name: 1.0}, url="https://x) [y](https://z")
    assert "| a\\|b&lt;img src=x&gt;\\[l\\](u)\\* | 1 |" in summary
    assert "- there was no &lt;b&gt;champion&lt;/b&gt;" in summary
    assert "as good as \\| the champion" in summary
    assert "studio" not in summary


def test_one_registered_earlier_is_nothing_new(step: Step) -> None:
    code, lines, summary = step.train(created=False)
    assert code == 0
    assert output("new_version", "") in lines
    assert output("version", "4") in lines
    assert "registered earlier" in summary


def test_a_refusal_is_no_failure_and_says_that_nothing_is_deployed(step: Step) -> None:
    refused = {"registered": False, "created": False, "reason": "roc_auc 0.5 is below 0.6"}
    code, lines, summary = step.train(**refused)
    assert code == 0
    assert output("registered", "false") in lines
    words = "nothing is deployed: roc_auc 0.5 is below 0.6"
    assert f"##vso[task.logissue type=warning]{words}" in lines
    assert "roc_auc 0.5 is below 0.6" in summary


def test_a_wait_that_ends_before_its_run_fails_and_says_how_to_resume(step: Step) -> None:
    code, lines, summary = step.train(status="Running", registered=False, metrics={})
    assert code == 1
    [words] = [line for line in lines if "type=error" in line]
    assert "runId run_1" in words
    assert "pipelines/training.yml" in words
    assert not [line for line in lines if "variable=registered" in line]
    assert output("run_id", "run_1") in lines
    assert "Running" in summary


def test_a_run_that_was_not_to_be_waited_for_is_no_failure(step: Step) -> None:
    code, lines, _ = step.train(status="Running", registered=False, metrics={}, waited=False)
    assert code == 0
    assert output("status", "Running") in lines


def test_a_failed_run_is_summed_up_and_an_error_once(step: Step) -> None:
    failed = {"status": "Failed", "registered": False, "reason": "the run failed: ValueError: no"}
    code, lines, summary = step.train(1, **failed)
    assert code == 1
    assert len([line for line in lines if "type=error" in line]) == 1
    assert "ValueError: no" in summary


@pytest.mark.parametrize("record", [{}, {"dry_run": True, "run_id": "run_1"}])
def test_without_a_run_there_is_no_summary(step: Step, record: dict[str, Any]) -> None:
    code, _ = step.run("model", record)
    assert code == 0
    assert not step.folder.exists()


@pytest.mark.parametrize("due", [True, False, None])
def test_a_deployment_says_what_is_due_and_fails_where_nobody_knows(
    step: Step, due: bool | None
) -> None:
    record = {
        "endpoint": {"name": "penguins", "status": "Ready"},
        "model": {"name": "m", "version": "3"},
        "due": {"is": due, "version": "4" if due else None, "reason": "the service is away"},
    }
    code, lines = step.run("deploy", record)
    assert code == (1 if due is None else 0)
    said = {True: "true", False: "false", None: ""}[due]
    assert output("due", said) in lines
    assert output("due_version", "4" if due else "") in lines
    failed = [line for line in lines if "type=error" in line]
    assert len(failed) == (due is None)
    page = (step.folder / "deploy-penguins.md").read_text(encoding="utf-8")
    assert "the service is away" in page


def test_what_cannot_be_kept_costs_the_page_and_not_the_step(step: Step) -> None:
    step.folder.parent.mkdir(exist_ok=True)
    step.folder.write_text("a file where the folder should be")
    code, lines = step.run("model", TRAINED)
    assert code == 0
    assert "the summary cannot be kept" in lines[-1]
