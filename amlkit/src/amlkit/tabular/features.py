"""Which columns are learned from, and how dates become numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import BaseEstimator, TransformerMixin

from amlkit.tabular.dates import expanded_names, has_time, part_values
from amlkit.tabular.table import Column, Schema, TableError
from amlkit.tabular.words import FREE_TEXT_WORDS, words_of

# A text column with more distinct values than this, in over half of its rows, names the row.
IDENTIFIER_VALUES = 50
IDENTIFIER_SHARE = 0.5
FEWEST_NAMES = 10  # texts that all differ name the rows, if there are so many
# Long texts are learned from by their words where more than this share of the rows differ.
FREE_TEXT_SHARE = 0.1


def select_features(
    train: pa.Table,
    schema: Schema,
    drop_columns: Sequence[str] = (),
    keep_columns: Sequence[str] = (),
    useless: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[str], list[str]]:
    """The columns worth learning from, in the table's order, and a note on what is special.

    Noted is each column that is left out, and each free text. `train` holds the training rows
    alone: the test must not decide what is learned from. `useless` are columns that all rows tell
    against, each with why. `keep_columns` are learned from all the same. Raises TableError if a
    column that is named is not there, or if no column is left.
    """
    known = [column.name for column in schema.features]
    for setting, asked in (("drop_columns", drop_columns), ("keep_columns", keep_columns)):
        for name in asked:
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
                raise TableError(
                    f"training.{setting}: no column {name!r} to {setting[:4]}; "
                    f"did you mean {' or '.join(map(repr, near))}?"
                )
    names, notes = [], []
    for column in schema.features:
        reason = "in training.drop_columns" if column.name in drop_columns else ""
        if column.name not in keep_columns:
            reason = reason or useless.get(column.name, "") or _useless(train.column(column.name))
        if reason:
            notes.append(f"without {column.name!r}: {reason}")
            continue
        names.append(column.name)
        if words := _words(train.column(column.name)):
            notes.append(
                f"{column.name!r} is free text, {words:.0f} words on average: learned from by its "
                f"words, without an ONNX copy; not with training.drop_columns: [{column.name!r}]"
            )
    if not names:
        raise TableError(
            f"no column is left to learn from: {'; '.join(notes)}; training.keep_columns: [NAME] "
            "learns from one all the same"
        )
    return names, notes


def learned_columns(train: pa.Table, schema: Schema, names: Sequence[str]) -> tuple[Column, ...]:
    """The columns `names` as `build_pipeline` takes them: the type of free text is "text" there."""
    columns = [column for column in schema.features if column.name in set(names)]
    return tuple(
        replace(column, type="text") if _words(train.column(column.name)) else column
        for column in columns
    )


def _useless(values: pa.ChunkedArray) -> str:
    """Why nothing can be learned from a column; empty if something can."""
    present = len(values) - values.null_count
    if present == 0:
        return "all values are missing"
    if not pa.types.is_dictionary(values.type):
        # The extremes tell a constant from the rest at once; counting a million numbers would not.
        ends = pc.min_max(values).as_py()
        constant = values.null_count == 0 and ends["min"] == ends["max"]
        return f"always {ends['min']}" if constant else ""
    distinct = len(_distinct(values))
    if distinct == 1 and values.null_count == 0:
        return "always the same value"
    identifies = distinct > IDENTIFIER_VALUES and distinct > IDENTIFIER_SHARE * present
    identifies = identifies or FEWEST_NAMES <= distinct == present
    if identifies and not _words(values):
        return f"{distinct} different texts in {present} rows: an identifier"
    return ""


def _words(values: pa.ChunkedArray) -> float:
    """How many words free text has on average; 0 of a column that is none."""
    if not pa.types.is_dictionary(values.type):
        return 0.0
    texts, present = _distinct(values), len(values) - values.null_count
    if len(texts) <= max(IDENTIFIER_VALUES, FREE_TEXT_SHARE * present):
        return 0.0
    words = words_of(texts)
    return words if words >= FREE_TEXT_WORDS else 0.0


def _distinct(values: pa.ChunkedArray) -> pa.Array:
    """The different texts of a column of categories, in the order in which they first occur."""
    unified = values.unify_dictionaries()
    if not unified.num_chunks:
        return pa.array([], pa.string())
    codes = pc.unique(pa.chunked_array([chunk.indices for chunk in unified.chunks])).drop_null()
    return unified.chunk(0).dictionary.take(codes)


class ExpandDates(TransformerMixin, BaseEstimator):
    """Each date column becomes numbers; all other columns pass by untouched.

    DataFrame in, DataFrame out. The numbers are those of `date_parts`, as float64, NaN where the
    date is missing; the hour only for the columns `timed`. Learns nothing when fitted. A saved
    model refers to this class by its name and module: renaming either makes saved models
    unreadable.
    """

    def __init__(self, columns: Sequence[str] = (), timed: Sequence[str] = ()) -> None:
        self.columns = columns
        self.timed = timed

    @classmethod
    def of(cls, columns: Sequence[Column]) -> ExpandDates:
        """Expand the dates among `columns`.

        Where a file's format holds no time of day, the hour would be a column of zeros.
        """
        dates = [column for column in columns if column.type == "date"]
        return cls([c.name for c in dates], [c.name for c in dates if has_time(c.format)])

    def parts(self) -> list[str]:
        """The names of the numbers that the dates become, in order."""
        return expanded_names(self.columns, self.timed)

    def fit(self, X: pd.DataFrame, y: object = None) -> ExpandDates:
        """Note the names of the columns."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Replace the date columns; with none there is nothing to do and nothing to copy."""
        if not len(self.columns):
            return X
        numbers: dict[str, Any] = {}
        for name in self.columns:
            values = part_values(pd.to_datetime(X[name]).to_numpy(), name in self.timed)
            numbers.update(zip(expanded_names([name], self.timed), values, strict=True))
        rest: pd.DataFrame = X.drop(columns=list(self.columns))
        return pd.concat([rest, pd.DataFrame(numbers, index=X.index)], axis=1)

    def get_feature_names_out(self, input_features: object = None) -> Any:
        """The names of the columns that `transform` returns, in order."""
        rest = [name for name in self.feature_names_in_ if name not in self.columns]
        return np.asarray(rest + expanded_names(self.columns, self.timed), dtype=object)
