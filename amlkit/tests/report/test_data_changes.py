"""What the report says of a data asset that is not the one the champion learned from."""

from __future__ import annotations

from typing import Any

from amlkit.report.data_changes import data_changes


def profile(rows: int, **columns: dict[str, Any]) -> dict[str, Any]:
    """A profile of these columns."""
    usual = {"type": "number", "missing": 0}
    return {"rows": rows, "columns": [{"name": n, **usual, **c} for n, c in columns.items()]}


def test_names_what_has_changed_and_nothing_else() -> None:
    before = profile(
        1000,
        price={"mean": 10.0, "std": 2.0},
        year={"mean": 2001.4, "std": 2.0, "min": 1996.0, "max": 2004.0},
        size={"mean": 5.0, "std": 1.0},
        town={"type": "category", "top": [["Oslo", 600], ["Rome", 300]]},
        note={"type": "category", "missing": 50},
        code={"type": "number"},
        old={},
    )
    now = profile(
        1200,
        price={"mean": 12.5, "std": 2.0},
        year={"mean": 2009.5, "std": 2.0, "min": 2004.0, "max": 2012.0},
        size={"mean": 5.2, "std": 1.0},
        town={"type": "category", "top": [["Rome", 800], ["Oslo", 300]]},
        note={"type": "category", "missing": 600},
        code={"type": "category"},
        new={},
    )
    assert data_changes(now, before) == [
        "1,200 rows; the champion's data had 1,000",
        "'new' is new",
        "'old' is gone",
        "'price' has the mean 12.50, before 10.00, since the champion's data",
        "'year' has the mean 2010, before 2001, since the champion's data",
        "'town' is 'Oslo' in 25% of the rows, before 60%, since the champion's data",
        "'note' is missing in 50% of the rows, before in 5%, since the champion's data",
        "'code' is a category, and was a number, since the champion's data",
    ]
    assert data_changes(now, now) == []


def test_a_profile_of_another_form_tells_nothing() -> None:
    assert data_changes({"rows": 3}, profile(3)) == []
    assert data_changes(profile(3), {"columns": ["a"], "rows": 3}) == []
