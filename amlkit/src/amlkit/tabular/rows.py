"""The rows of a data asset, as a job learns from them and is measured by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from amlkit.tabular.asset import Asset, drop_missing_target
from amlkit.tabular.evaluation import Array
from amlkit.tabular.rare_classes import settle_rare_classes
from amlkit.tabular.split import Split
from amlkit.tabular.table import Column, Schema, read_table


@dataclass(frozen=True)
class Rows:
    """A data asset, split: what is learned from, and what is measured.

    `X` and `X_test` hold the columns `columns` (numbers and booleans float64, categories and free
    text, whose type is "text" here, str, dates datetime64[s]; NaN or NaT where missing); `y` and
    `y_test` are labels, or float64 for a regression. `classes` are the labels in order, None for a
    regression. Where `split.folds` is set the rows are few, and the same rows are in both:
    `Job.evaluate` keeps them apart.
    """

    X: pd.DataFrame
    y: Array
    X_test: pd.DataFrame
    y_test: Array
    columns: tuple[Column, ...]
    task: str
    classes: list[Any] | None
    split: Split = field(repr=False)
    held_out: pa.Table = field(repr=False)
    """The measured rows with all columns of the table."""
    schema: Schema = field(repr=False)
    read_again: Callable[[], pa.Table] = field(repr=False)
    """All rows with all columns, which are not kept."""
    record: dict[str, Any] = field(repr=False)
    """For metrics.json and schema.json: why the task, notes, example, profile."""

    @property
    def groups(self) -> Array | None:
        """The group of each row of `X` as a number; None without a split by group."""
        return self.split.ordering(self.split.kept)[0]

    @property
    def times(self) -> Array | None:
        """The time of each row of `X` as a number, NaN where missing; None without such a split."""
        return self.split.ordering(self.split.kept)[1]


def known_rows(asset: Asset, least: int, rare_classes: str) -> tuple[pa.Table, list[str]]:
    """The rows whose target is known, no class of fewer than `least`, and what was left out."""
    target = asset.schema.target
    table, note = drop_missing_target(read_table(asset.path, asset.schema), target)
    table, notes = settle_rare_classes(table, target, least, rare_classes)
    return table, [note or f"target {target!r} is known in all rows", *notes]
