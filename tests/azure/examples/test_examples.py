"""Notebooks of Azure/azureml-examples against the stand-in; a sweep, and its table.

The clone is named by AZUREML_EXAMPLES. The calls that cannot pass are declared in `scripts.py`,
each with the reason: another one that fails is a fault, and so is one of these that passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.azure.examples.runner import NoClone, clone, keep, kernel, run
from tests.azure.examples.scripts import SCRIPTS, Script
from tests.azure.examples.table import good, write

pytestmark = pytest.mark.sweep


@pytest.fixture(scope="module")
def source() -> Path:
    """The clone, or why there is nothing to run."""
    try:
        return clone()
    except NoClone as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def no_faults_left() -> None:
    """Each script has a stand-in of its own: none is started for the session."""


@pytest.fixture(scope="module", autouse=True)
def written(source: Path) -> Iterator[None]:
    """The table of what has run by now."""
    yield
    write()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_does_what_it_does_on_azure(
    script: Script,
    source: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Each call passes but those that are declared, and each answer is as published."""
    outcome = run(source, script, kernel(), tmp_path)
    keep(script, outcome)
    record_property("tried", len(outcome.calls))
    failed = {call.cell: f"{call.name}: {call.reason}" for call in outcome.calls if not good(call)}
    assert failed.keys() == script.cannot.keys(), failed
    assert not outcome.violations
    bad = [why for status, why in outcome.jobs if status != "Completed"]
    assert len(bad) == script.failing_jobs, bad
