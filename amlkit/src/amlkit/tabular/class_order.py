"""The order of the classes: a model may have another one than schema.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def in_class_order(
    probability: NDArray[Any], own: Sequence[Any], classes: Sequence[Any]
) -> NDArray[Any] | None:
    """(rows, classes): the columns of `probability`, which are of the classes `own`, reordered.

    None if they are not the same classes, or not one column for each.
    """
    if probability.ndim != 2 or not probability.shape[1] == len(classes) == len(own):
        return None
    if list(own) == list(classes):
        return probability
    place = {label: at for at, label in enumerate(own)}
    if set(place) != set(classes):
        return None
    return np.ascontiguousarray(probability[:, [place[label] for label in classes]])
