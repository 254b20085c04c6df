"""PublishTestResults@2 and PublishCodeCoverageResults@2: they read the files they are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .errors import NotPlayed, StepFailed
from .results import StepResult

if TYPE_CHECKING:
    from .agent import Agent


def publish_tests(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """Count the tests of JUnit files."""
    if inputs["testResultsFormat"] != "JUnit":
        raise NotPlayed(f"test results as {inputs['testResultsFormat']}")
    folder = Path(inputs.get("searchFolder") or agent.sources)
    patterns = inputs["testResultsFiles"].split()
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if not files and inputs.get("failTaskOnMissingResultsFile", "").lower() == "true":
        raise StepFailed(f"no test result files matching {' '.join(patterns)}")
    cases = [case for file in files for case in _read(file).iter("testcase")]
    counts = {
        "total": len(cases),
        "failed": sum(case.find("failure") is not None for case in cases)
        + sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    for name, count in counts.items():
        agent.run.tests[name] = agent.run.tests.get(name, 0) + count
    result.log += f"{inputs.get('testRunTitle', 'tests')}: {counts}\n"
    if counts["failed"] and inputs.get("failTaskOnFailedTests", "").lower() == "true":
        raise StepFailed(f"{counts['failed']} tests failed")


def publish_coverage(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """Read the share of lines from a Cobertura file."""
    files = sorted(agent.sources.glob(inputs["summaryFileLocation"]))
    if not files:
        if inputs.get("failIfCoverageEmpty", "").lower() == "true":
            raise StepFailed("no coverage results were found")
        return
    root = _read(files[0])
    if root.tag != "coverage" or "line-rate" not in root.attrib:
        raise StepFailed(f"{files[0].name} is not Cobertura")
    agent.run.line_coverage = float(root.attrib["line-rate"])
    result.log += f"line coverage {agent.run.line_coverage:.0%}\n"


def _read(file: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(file).getroot()  # noqa: S314 - written by this run's own tests
    except ElementTree.ParseError as error:
        raise StepFailed(f"{file.name}: {error}") from None
