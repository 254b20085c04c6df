"""Tables scored on this machine: by the package's own batch.py, or by amlkit."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amlkit.records import TableRefused, WorkError
from conftest import PENGUINS
from local.served import Served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the double's interpreter")
Score = Callable[..., int]


@pytest.fixture
def score(served: Served) -> Score:
    """Scores a table with the definition's model and code."""

    def scored(source: Path, target: Path, *keep: str, **changes: Any) -> int:
        definition = replace(served.definition, **changes)
        return served.endpoints.score(
            definition, source, target, keep, print, lambda done, total: None
        )

    return scored


def test_foreign_package_scores_tables_by_its_own_batch(score: Score, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert score(PENGUINS, out, "Individual ID") == 344
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["Individual ID", "prediction"]
    assert {row["prediction"] for row in rows} == {"Chinstrap", ""}
    other = tmp_path / "other.csv"
    other.write_text("x\n1\n", encoding="utf-8")
    with pytest.raises(TableRefused, match="there is no column 'Island'"):
        score(other, out)


def test_package_without_a_batch_is_scored_by_amlkit(
    served: Served, score: Score, tmp_path: Path
) -> None:
    (served.definition.code / "other_model" / "batch.py").unlink()
    with pytest.raises(TableRefused, match=r"no schema\.json.*batch\.py in its package"):
        score(PENGUINS, tmp_path / "out.csv")


def test_batch_that_breaks_is_an_error_in_a_line(
    served: Served, score: Score, tmp_path: Path
) -> None:
    own = served.definition.code / "other_model" / "batch.py"
    own.write_text("print('hello')\nprint(12)\n", encoding="utf-8")
    with pytest.raises(WorkError, match="did not say its rows"):
        score(PENGUINS, tmp_path / "out.csv")
    own.write_text("raise KeyError('oh')\n", encoding="utf-8")
    with pytest.raises(WorkError, match=r"code 1: KeyError: 'oh'"):
        score(PENGUINS, tmp_path / "out.csv")
