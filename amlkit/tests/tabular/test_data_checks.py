"""What a table warns of, and which columns of numbers are no features."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from amlkit.tabular.asset import target_values
from amlkit.tabular.data_checks import DataCheck, data_checks, key_columns, lines_of
from amlkit.tabular.split import split_rows
from amlkit.tabular.table import read_table
from amlkit.tabular.table.profile import profile_table
from amlkit.tabular.training import Job

ROWS = 400


@pytest.fixture()
def random() -> np.random.Generator:
    """Equal numbers in each test."""
    return np.random.default_rng(3)


def look(
    folder: Path, columns: dict[str, Any], task: str = "classification", **split: Any
) -> tuple[dict[str, str], list[DataCheck]]:
    """The keys and the checks of a table whose target is `y`."""
    path = folder / "table.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    schema = profile_table(path, "y").schema
    table = read_table(path, schema)
    how = split_rows(table, "y", task=task, **split)
    y = target_values(table, "y", task)
    names = [column.name for column in schema.features]
    return key_columns(table, schema, how), data_checks(table, y, names, [], schema, how, task)


def kinds(checks: list[DataCheck]) -> list[tuple[str, str | None]]:
    """What was found, and of which column."""
    return [(check.kind, check.column) for check in checks]


def test_numbers_that_count_or_name_the_rows_are_keys(
    tmp_path: Path, random: np.random.Generator
) -> None:
    rising = np.cumsum(random.integers(1, 9, ROWS)) + 70_000
    columns = {
        "row": np.arange(1, ROWS + 1),
        "customer": rising,
        "shuffled": random.permutation(ROWS) * 10 + 5,
        "falling": np.arange(ROWS, 0, -1),
        # and these are none
        "year": np.arange(1600, 1600 + ROWS),
        "measured": np.sort(random.uniform(0, 9, ROWS)),
        "sorted": np.sort(random.integers(0, 200, ROWS)),
        "people": random.choice(10**6, ROWS, replace=False),
        "with_a_gap": [None, *range(2, ROWS + 1)],
        "y": random.choice(["a", "b"], ROWS),
    }
    keys, checks = look(tmp_path, columns)
    assert list(keys) == ["row", "customer", "shuffled", "falling"]
    assert keys["row"].startswith("whole numbers from 1 to 400, rising from row to row")
    # These differ as often as drawn numbers do; the others differ where drawn ones would not.
    assert ("identifier", "people") not in kinds(checks)
    columns = {name: columns[name] for name in ("shuffled", "people", "year", "y")}
    columns["ticket"] = random.choice(ROWS * 9, ROWS, replace=False) + 70_000
    _, checks = look(tmp_path, columns)
    assert kinds(checks) == [("identifier", "ticket")]
    assert checks[0].paste == 'training.drop_columns: ["ticket"]' and checks[0].severity == "note"


def test_the_time_that_rows_are_split_by_is_no_key(tmp_path: Path) -> None:
    columns = {"day": np.arange(ROWS), "y": np.arange(ROWS) % 7 / 2}
    asked = {"by": "time", "column": "day"}
    assert look(tmp_path, columns, "regression", asked=asked)[0] == {}


@pytest.mark.parametrize("kind", ["number", "missing", "text", "date"])
def test_a_column_that_alone_gives_a_class_away_is_named(
    tmp_path: Path, random: np.random.Generator, kind: str
) -> None:
    gone = random.random(ROWS) < 0.1  # a rare class
    date = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, ROWS), "D")
    columns = {
        "number": {"days left": np.where(gone, 0, random.integers(1, 99, ROWS))},
        "missing": {"refund": np.where(gone, random.uniform(1, 9, ROWS), np.nan)},
        "text": {"state": np.where(gone, "closed", random.choice(["open", "new"], ROWS))},
        "date": {"left on": pd.Series(date).where(gone)},
    }[kind]
    fair = {"x": random.normal(gone, 0.5), "y": np.where(gone, "yes", "no")}
    _, checks = look(tmp_path, {**columns, **fair})
    name = next(iter(columns))
    assert kinds(checks) == [("leak", name)]
    assert checks[0].severity == "warning"
    assert checks[0].paste == f'training.drop_columns: ["{name}"]'
    assert lines_of(checks)[0].startswith(f"warning: {name!r} alone gives 'y' away")


def test_a_column_that_alone_gives_a_number_away_is_named(
    tmp_path: Path, random: np.random.Generator
) -> None:
    y = random.uniform(1, 1e4, ROWS)
    columns = {
        "cents": (y * 100).round(),
        "log": np.log(y),
        "near": y + random.normal(0, 400, ROWS),
        "some": np.where(random.random(ROWS) < 0.5, y, np.nan),
        "y": y,
    }
    _, checks = look(tmp_path, columns, "regression")
    assert kinds(checks) == [("leak", "cents"), ("leak", "log"), ("leak", "near")]
    assert [check.severity for check in checks] == ["warning", "warning", "note"]
    assert {check.paste for check in checks[:2]} == {'training.drop_columns: ["cents", "log"]'}
    assert checks[2].paste == 'training.drop_columns: ["cents", "log", "near"]'
    assert "'near' alone nearly gives 'y' away (r2 0.9" in checks[2].words


def test_a_column_that_only_nearly_gives_a_class_away_is_noted(
    tmp_path: Path, random: np.random.Generator
) -> None:
    """As what a card's owner spent: most have a card who spent, and nobody else."""
    card = random.random(ROWS) < 0.7
    spent = np.where(card & (random.random(ROWS) < 0.97), random.uniform(1, 900, ROWS), 0)
    _, checks = look(
        tmp_path,
        {
            "spent": spent,
            "y": np.where(card, "yes", "no"),
            "x": random.normal(size=ROWS),
        },
    )
    assert kinds(checks) == [("leak", "spent")] and checks[0].severity == "note"


def test_a_good_column_gives_nothing_away(tmp_path: Path, random: np.random.Generator) -> None:
    """Nor does what fits by chance: a name for each row, or a column of a small table."""
    y = random.integers(0, 2, ROWS)
    good = np.where(random.random(ROWS) < 0.95, y, 1 - y)
    names = [f"n{number}" for number in range(ROWS)]
    _, checks = look(tmp_path, {"good": good * 9.5, "name": names, "y": np.where(y, "p", "q")})
    assert checks == []
    few = {"x": [1.5, 2.5, 3.5, 4.5] * 5, "y": ["p", "p", "q", "q"] * 5}
    assert [kind for kind, _ in kinds(look(tmp_path, few)[1])] == ["duplicates"]


def test_rows_that_repeat_are_counted(tmp_path: Path, random: np.random.Generator) -> None:
    x = random.normal(size=ROWS).round(6)
    x[-30:] = x[:30]
    _, checks = look(tmp_path, {"x": x, "y": random.normal(size=ROWS)}, "regression")
    assert kinds(checks) == [("duplicates", None)]
    assert checks[0].words.startswith("30 of 400 rows repeat")


def test_an_order_in_time_and_an_entity_are_pointed_out_with_the_line_to_paste(
    tmp_path: Path, random: np.random.Generator
) -> None:
    columns = {
        "day of visit": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) // 2, "D"),
        "patient": [f"p{number}" for number in random.integers(0, 150, ROWS)],
        "insuranceId": random.integers(0, 150, ROWS) + 5_000,
        "age": random.integers(0, 90, ROWS),
        "y": random.normal(size=ROWS),
    }
    _, checks = look(tmp_path, columns, "regression")
    assert kinds(checks) == [
        ("time", "day of visit"), ("group", "patient"), ("group", "insuranceId"),
    ]  # fmt: skip
    assert checks[0].paste == 'training.split: {by: time, column: "day of visit"}'
    assert checks[1].paste == "training.split: {by: group, column: patient}"
    # Who split by one of them has thought of it.
    asked = {"by": "group", "column": "patient"}
    assert look(tmp_path, columns, "regression", asked=asked)[1] == []


def test_a_job_leaves_keys_out_and_says_how_to_keep_one(
    tmp_path: Path, random: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = random.random(ROWS) < 0.3
    columns = {
        "row": np.arange(ROWS),
        "x": random.normal(size=ROWS),
        "left": np.where(gone, 1.5, 0.5),
        "y": np.where(gone, "yes", "no"),
    }
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    given = argparse.Namespace(data=tmp_path / "t.csv", target="y", champion=None, outputs=tmp_path)
    rows = Job(given, {}).read()
    log = capsys.readouterr().out
    assert [column.name for column in rows.columns] == ["x", "left"]
    assert "without 'row': whole numbers from 0 to 399" in log
    assert "warning: 'left' alone gives 'y' away" in log
    assert [check["column"] for check in rows.record["data_checks"]] == ["left"]
    kept = Job(given, {}).read(keep_columns=["row"], drop_columns=["left"])
    assert [column.name for column in kept.columns] == ["row", "x"]
