"""Which value of which row leaves a model without an answer, found by asking it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from amlkit.tabular.saved_model import Columns, row_count, take


def find_cause(
    has_answer: Callable[[Columns], bool], columns: Columns, usual: Columns
) -> tuple[int, str | None]:
    """The place of the first row without an answer, and a column whose value there is why.

    `has_answer` tells it of some rows, of `columns` as a whole that there is none; `usual` is a row
    that has one. The row's values are replaced by those of `usual` one after the other: the one
    with which the answer comes is to blame. None if all of them change nothing.
    """
    row = _least(row_count(columns), lambda n: not has_answer(take(columns, np.arange(n)))) - 1
    own, names = take(columns, np.array([row])), list(columns)

    def replaced(count: int) -> Columns:
        return own | {name: usual[name] for name in names[:count]}

    if has_answer(own) or not has_answer(replaced(len(names))):
        return row, None
    return row, names[_least(len(names), lambda n: has_answer(replaced(n))) - 1]


def _least(most: int, holds: Callable[[int], bool]) -> int:
    """A number that it holds for, and not for the one before, found by halving.

    It must hold for `most`, and not for 0.
    """
    return 1 + bisect_left(range(1, most), True, key=holds)
