"""What each driver's step says and shows on each provider, compared as a whole.

`records/` holds what the drivers printed with `--json` on this machine (of the penguins); the
deployments' records are made by the driver's own class. RENEW_GOLDEN=1 writes the files anew.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from runners import github_values

from amlkit import ci
from amlkit.flow.deploy import Served
from amlkit.records import Deployment, Endpoint

HERE = Path(__file__).parent
STUDIO = "https://ml.azure.com/runs/sample_1?wsid=/subscriptions/0/resourcegroups/g"
# A name that tries all: both runners' commands, HTML, Markdown, links, a mention, a turned text.
HOSTILE = (
    "x##vso[task.setvariable variable=registered;isOutput=true]true\n::set-output name=registered"
    "::true\r##[add-path]/tmp | <img src=x> [a](https://b) ![c](d) www.e.org @admin #1 `f` \u202eg"
)


def recorded(name: str, **changed: Any) -> dict[str, Any]:
    """What a driver printed once."""
    return json.loads((HERE / "records" / f"{name}.json").read_text(encoding="utf-8")) | changed


def deployed(number: str) -> Deployment:
    """A version as it runs behind the endpoint."""
    return Deployment(f"m{number}", "sample-sex", number, "c0de", "e1", f"i{number}", "2026-01-02")


def served(due: dict[str, Any], log: tuple[str, ...] = (), **done: Any) -> dict[str, Any]:
    """The record of a deployment: version 3 serves, version 2 did before."""
    uri = "https://sample.westeurope.inference.ml.azure.com/score"
    endpoint = Endpoint("sample", uri, "Ready", deployed("3"), deployed("2"), notes=("it is new",))
    more: dict[str, Any] = {"due": due} | ({"log": list(log)} if log else {})
    return Served("sample", endpoint, more=more, **done).record()


NOTHING = {"is": False, "version": None, "reason": "version 3 is the newest registered one"}
FOUR = {"is": True, "version": "4", "reason": "version 4 is registered, version 3 serves"}
UNKNOWN = {"is": None, "version": None, "reason": "the definition of version 3 is not known"}
TAKEN_BACK = "version 4 failed its smoke test: ValueError: no column 'a|b'; version 3 serves on"
LOG = ("Traceback (most recent call last):", "````", "##[error]::error::x", "ValueError: <b>")

# name: (driver, exit code of the driver, its record)
CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "data": ("data", 0, recorded("data-registered")),
    "data-failed": ("data", 2, {"status": "error", "error": "data.path: no such file: a.csv"}),
    "environment": ("environment", 0, recorded("environment-created")),
    "model-registered": ("model", 0, recorded("model-registered", url=STUDIO)),
    "model-known": ("model", 0, recorded("model-known")),
    "model-refused": ("model", 0, recorded("model-refused", url=STUDIO)),
    "model-still-going": (
        "model",
        0,
        {
            **{"run_id": "sample_1", "status": "Running", "waited": True, "url": STUDIO},
            **{"metrics": {}, "registered": False, "created": False, "model": {"name": "m"}},
            "reason": "the run goes on after 300 minutes of waiting",
        },
    ),
    "model-hostile": (
        "model",
        1,
        recorded(
            "model-refused",
            error=HOSTILE,
            reason=HOSTILE,
            metrics={HOSTILE: 0.5},
            data_checks=[{"words": HOSTILE}],
            model={"name": HOSTILE, "version": HOSTILE},
            url=f"https://x) {HOSTILE}",
        ),
    ),
    "deploy-none": ("deploy", 0, recorded("deploy-none", due=FOUR)),
    "deploy-due": ("deploy", 0, served(FOUR)),
    "deploy-nothing-due": ("deploy", 0, served(NOTHING)),
    "deploy-due-unknown": ("deploy", 0, served(UNKNOWN)),
    "deploy-switched": ("deploy", 0, served(NOTHING, switched=True)),
    "deploy-taken-back": (
        "deploy",
        1,
        served(FOUR, LOG, rolled_back=True, reason=TAKEN_BACK) | {"error": TAKEN_BACK},
    ),
}


@pytest.mark.parametrize("provider", ["azure-pipelines", "github-actions"])
@pytest.mark.parametrize("case", CASES)
def test_a_step_says_and_shows_what_it_did(
    case: str, provider: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driver, code, record = CASES[case]
    variables = {"TF_BUILD": "True", "BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path)}
    if provider == "github-actions":
        variables = {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(tmp_path)}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            variables[name] = str(tmp_path / name)
    with ci.step(driver, variables | {"SPN_PASSWORD": "secret~1"}) as conclude:
        ended = conclude(code, record)
    said = capsys.readouterr().err.replace(str(tmp_path), "FOLDER").replace("\\", "/")
    compare(
        HERE / "golden" / f"{case}.{provider}.txt", f"exit code {ended}\n{said}{files(tmp_path)}"
    )


def files(folder: Path) -> str:
    """The step's outputs, where they are a file's, and its page."""
    shown = ""
    outputs = folder / "GITHUB_OUTPUT"
    if outputs.exists():
        values = github_values(outputs.read_text(encoding="utf-8"))
        shown += "--- outputs\n" + "".join(f"{k}={v!r}\n" for k, v in values.items())
    pages = [*folder.glob("GITHUB_STEP_SUMMARY"), *sorted(folder.rglob("*.md"))]
    for page in pages[:1]:
        shown += f"--- summary\n{page.read_text(encoding='utf-8')}"
    return shown


def compare(path: Path, text: str) -> None:
    """Holds a text against its golden file, or writes that anew."""
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    known = {f"{case}.{one}.txt" for case in CASES for one in ("azure-pipelines", "github-actions")}
    assert {path.name for path in (HERE / "golden").iterdir()} == known


@pytest.mark.parametrize("provider", ["azure-pipelines", "github-actions"])
def test_hostile_words_are_no_markup_in_a_page(provider: str) -> None:
    text = (HERE / "golden" / f"model-hostile.{provider}.txt").read_text(encoding="utf-8")
    page = text.partition("--- summary\n")[2]
    assert "registered" in page
    assert not re.search(r"<(?!!-- -->)|(?<!\\)\]\(|(?<!\\)`|@\w|://|www\.|\u202e|#\d", page)
    head = page.index("| metric |")
    row = page[head:].splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4
