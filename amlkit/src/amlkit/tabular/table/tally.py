"""Counts, moments and a sample of a column's values, merged block by block in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

DISTINCT_CAP = 10_000  # distinct values counted, per column
_BYTES_CAP = 4 << 20  # of their text
SAMPLE = 20_000  # values kept of a numeric target


@dataclass
class Moments:
    """Count, mean, spread and bounds of numbers, merged block by block (Chan, Golub, LeVeque)."""

    n: float = 0
    mean: float = 0.0
    m2: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, values: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Take in finite values, each counted `weights` times (once)."""
        if not len(values):
            return
        n = float(len(values) if weights is None else weights.sum())
        mean = float(np.average(values, weights=weights))
        m2 = float(((values - mean) ** 2 * (1 if weights is None else weights)).sum())
        step, total = mean - self.mean, self.n + n
        self.mean += step * n / total
        self.m2 += m2 + step * step * self.n * n / total
        self.n = total
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    @property
    def std(self) -> float | None:
        """The sample's standard deviation, None for fewer than two values."""
        return float(np.sqrt(self.m2 / (self.n - 1))) if self.n > 1 else None


class Counter:
    """Values with their counts, exact until there are too many: then it is `full` and gives up."""

    def __init__(self) -> None:
        self.counts: dict[object, int] = {}
        self.full = False
        self._bytes = 0

    def give_up(self) -> None:
        """Count no more, and forget."""
        self.full, self.counts = True, {}

    def add(self, values: list[object], counts: Iterable[int]) -> list[object]:
        """Count distinct values and return those not seen before."""
        new = []
        for value, count in zip(values, counts, strict=True):
            before = self.counts.get(value, 0)
            self.counts[value] = before + count
            if not before:
                new.append(value)
                self._bytes += len(value) if isinstance(value, str) else 8
        self.full = len(self.counts) > DISTINCT_CAP or self._bytes > _BYTES_CAP
        return new


class Sample:
    """A uniform sample of SAMPLE values, the same for the same rows whatever the block size."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._keys: np.ndarray = np.empty(0)
        self.values: np.ndarray = np.empty(0)
        self.seen = 0

    def add(self, values: np.ndarray) -> None:
        """Offer values; those with the smallest random keys stay."""
        self.seen += len(values)
        keys = np.concatenate([self._keys, self._random.random(len(values))])
        values = np.concatenate([self.values, values])
        if len(keys) > SAMPLE:
            chosen = np.argpartition(keys, SAMPLE)[:SAMPLE]
            keys, values = keys[chosen], values[chosen]
        self._keys, self.values = keys, values
