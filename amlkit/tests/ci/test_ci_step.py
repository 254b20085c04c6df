"""A driver as a step of a pipeline: answer, outputs, secrets; and what is said of a training."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from amlkit.ci import agent, step, verdict

DRIVER = """
import json, os, sys
print("secret is", os.environ.get("SPN_PASSWORD"), file=sys.stderr)
print("##vso[task.setvariable variable=evil]1", file=sys.stderr)
assert sys.argv[-1] == "--json"
print(json.dumps(ANSWER))
sys.exit(CODE)
"""


def drive(tmp_path: Path, answer: dict[str, Any], *flags: str, code: int = 0) -> int:
    """Runs a stand-in for a driver as a step."""
    script = tmp_path / "deploy.py"
    text = DRIVER.replace("ANSWER", repr(answer)).replace("CODE", str(code))
    script.write_text(text, encoding="utf-8")
    return step.main(
        ["--results", str(tmp_path / "out"), *flags, "--", sys.executable, str(script)]
    )


def test_fields_of_the_answer_become_variables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"model": {"version": "3"}, "switched": True, "reason": "100% sure\nsays it"}
    flags = ("--output", "version=model.version", "--output", "none=model.no.such")
    more = ("--variable", "switched=switched", "--variable", "reason=reason")
    assert drive(tmp_path, answer, *flags, *more) == 0
    said = capsys.readouterr().out.splitlines()
    assert "##vso[task.setvariable variable=version;isOutput=true]3" in said
    assert "##vso[task.setvariable variable=none;isOutput=true]" in said
    assert "##vso[task.setvariable variable=switched]true" in said
    assert "##vso[task.setvariable variable=reason]100%AZP25 sure%0Asays it" in said
    kept = json.loads((tmp_path / "out" / "deploy.json").read_text(encoding="utf-8"))
    assert kept == answer


def test_secrets_and_commands_of_others_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPN_PASSWORD", 'pass"word~1')
    assert drive(tmp_path, {"error": 'it was pass"word~1'}, code=1) == 1
    said = capsys.readouterr().out
    assert "secret is ***" in said
    assert "word~1" not in said
    assert "word~1" not in (tmp_path / "out" / "deploy.json").read_text(encoding="utf-8")
    assert not [line for line in said.splitlines() if line.startswith("##vso[task.setvariable")]


def test_a_failed_driver_fails_the_step_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drive(tmp_path, {"error": "there is no model"}, code=1) == 1
    assert "##vso[task.logissue type=error]there is no model" in capsys.readouterr().out


def test_a_driver_that_answers_with_no_json_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "data.py"
    script.write_text("print('oh')\n", encoding="utf-8")
    assert step.main(["--results", str(tmp_path), "--", sys.executable, str(script)]) == 1
    assert "type=error" in capsys.readouterr().out


def test_a_long_answer_is_read(tmp_path: Path) -> None:
    assert drive(tmp_path, {"rows": ["x" * 1000] * 1000}) == 0


def test_a_variable_that_the_group_lacks_is_named_and_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPN_PASSWORD", "$(SpnPassword)")
    monkeypatch.setenv("TENANT_ID", "$(TenantID)")
    assert drive(tmp_path, {"error": "TENANT_ID is not set."}, code=2) == 2
    said = capsys.readouterr().out
    assert "secret is None" in said
    words = "TENANT_ID is not set. The variable group has no variable TenantID, SpnPassword."
    assert f"##vso[task.logissue type=error]{words}" in said


def test_a_log_cannot_command_the_agent() -> None:
    assert "##" not in agent.harmless("##vso[task.complete]##[error]")


def test_a_command_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert step.main(["--results", str(tmp_path), "--", "no-such-python", "src/data.py"]) == 1
    assert "error]no-such-python cannot be run: No such file" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        step.main(["--"])
    assert stopped.value.code == 2


@pytest.mark.parametrize("text", ["version", "=model", "version="])
def test_a_wrong_assignment_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        step.main(["--output", text, "--", "python"])
    assert stopped.value.code == 2
    assert "--output" in capsys.readouterr().err


TRAINED = {
    "run_id": "run_1",
    "status": "Completed",
    "url": "https://ml.azure.com/runs/run_1",
    "registered": True,
    "created": True,
    "reason": "it is as good as | the champion",
    "metrics": {"roc_auc": 0.98765},
    "model": {"name": "penguins-sex", "version": "4"},
    "decision": {"checks": [{"words": "roc_auc 0.99 is at least 0.6", "passed": True}]},
}


def conclude(tmp_path: Path, **answer: Any) -> tuple[int, str]:
    """The exit code of what concludes a training, and the summary that it wrote."""
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**TRAINED, **answer}), encoding="utf-8")
    code = verdict.main([str(path)])
    return code, (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_a_registered_model_is_an_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "elsewhere" / "report.html"
    report.parent.mkdir()
    report.write_text("<html>", encoding="utf-8")
    code, summary = conclude(tmp_path, report=str(report))
    assert code == 0
    said = capsys.readouterr().out
    assert "variable=registered;isOutput=true]true" in said
    assert "variable=new_version;isOutput=true]4" in said
    assert f"##vso[task.uploadsummary]{tmp_path / 'summary.md'}" in said
    assert "penguins-sex:4 is registered" in summary
    assert "| roc_auc | 0.9877 |" in summary
    assert "| roc_auc 0.99 is at least 0.6 | yes |" in summary
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "<html>"


def test_one_registered_earlier_is_nothing_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, summary = conclude(tmp_path, created=False)
    assert code == 0
    assert "variable=new_version;isOutput=true]\n" in capsys.readouterr().out
    assert "registered earlier" in summary


def test_a_refusal_is_no_failure_and_says_that_nothing_is_deployed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"registered": False, "created": False, "reason": "roc_auc 0.5 is below 0.6"}
    code, summary = conclude(tmp_path, **refused)
    assert code == 0
    said = capsys.readouterr().out
    assert "variable=registered;isOutput=true]false" in said
    assert "type=warning]nothing is deployed: roc_auc 0.5 is below 0.6" in said
    assert "roc_auc 0.5 is below 0.6" in summary


def test_a_run_that_is_still_going_fails_and_says_how_to_take_it_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, summary = conclude(tmp_path, status="Running", registered=False, metrics={})
    assert code == 1
    said = capsys.readouterr().out
    assert "runId run_1" in said
    assert "pipelines/training.yml" in said
    assert "registered" not in said
    assert "Running" in summary


def test_a_failed_run_is_summed_up(tmp_path: Path) -> None:
    code, summary = conclude(
        tmp_path, status="Failed", registered=False, reason="the run failed: ValueError: no"
    )
    assert code == 0  # the step that waited has failed
    assert "ValueError: no" in summary


def test_where_no_driver_answered_there_is_nothing_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict.main([str(tmp_path / "model.json")]) == 0
    assert "said why" in capsys.readouterr().out
