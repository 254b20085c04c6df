"""How a data asset's version differs from the one that the champion learned from: by profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from amlkit.report import words
from amlkit.tabular.numbers import are_years

SHIFT = 0.5  # of a mean, in standard deviations of before, that is nothing
MISSING = 0.1  # of the share of missing values
SHARE = 0.2  # of the share of a value that is among the most frequent


def data_changes(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """What a reader should know before two models of the two versions are compared, a line each.

    The arguments are `profile.json` of both. One that is not of its form tells nothing.
    """
    try:
        ours, theirs = _columns(now), _columns(before)
        rows, earlier = int(now["rows"]), int(before["rows"])
        changes = list(_all(ours, theirs, rows, earlier))
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
    return changes


def _columns(profile: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(column["name"]): column for column in profile["columns"]}


def _all(
    ours: Mapping[str, Mapping[str, Any]],
    theirs: Mapping[str, Mapping[str, Any]],
    rows: int,
    earlier: int,
) -> Iterator[str]:
    if rows != earlier:
        yield f"{words.whole(rows)} rows; the champion's data had {words.whole(earlier)}"
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"{name!r} is new"
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"{name!r} is gone"
    for name, column in ours.items():
        old = theirs.get(name)
        if old is not None and (how := _change(column, old, rows, earlier)):
            yield f"{name!r} {how} since the champion's data"


def _change(new: Mapping[str, Any], old: Mapping[str, Any], rows: int, earlier: int) -> str:
    """How a column differs, empty where it hardly does."""
    if new["type"] != old["type"]:
        return f"is a {new['type']}, and was a {old['type']},"
    gone, was = new["missing"] / max(1, rows), old["missing"] / max(1, earlier)
    if abs(gone - was) > MISSING:
        return f"is missing in {gone:.0%} of the rows, before in {was:.0%},"
    if new.get("mean") is not None and old.get("mean") is not None and old.get("std"):
        if abs(new["mean"] - old["mean"]) > SHIFT * old["std"]:
            years = are_years([old.get("min"), old.get("max"), new.get("min"), new.get("max")])
            mean, before = words.number(new["mean"]), words.number(old["mean"])
            if years:
                mean, before = mean.replace(",", ""), before.replace(",", "")
            return f"has the mean {mean}, before {before},"
        return ""
    shares = {value: count / max(1, rows) for value, count in new.get("top") or ()}
    for value, count in old.get("top") or ():
        share = count / max(1, earlier)
        if abs(shares.get(value, 0.0) - share) > SHARE:
            return f"is {value!r} in {shares.get(value, 0.0):.0%} of the rows, before {share:.0%},"
    return ""
