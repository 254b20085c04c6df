"""The checks of the gate: one metric each, against a threshold, a baseline or the champion.

"Better" and "worse" are said only where the 95 % interval of the difference excludes zero; without
an interval a number is "higher" or "lower", which may be chance.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from amlkit.settings import Bound

# Metrics of which less is better, by their scikit-learn names and the usual endings; not
# scikit-learn's scorers, which turn an error's sign: neg_log_loss.
_LESS_IS_BETTER = re.compile(
    r"^(?!neg_)(.*_)?(rmse|mae|mse|mape|brier|loss|error|deviance|hamming)(_|$)"
)

Interval = tuple[float, float]

# Baselines whose names do not say by themselves what they do.
BASELINES = {
    "mean": "always predicting the mean",
    "last value": "always predicting the last value",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: a value, its bound, and the outcome."""

    kind: Literal["threshold", "baseline", "champion"]
    metric: str
    value: float | None
    least: float | None
    """The value must not be below; None: no such bound."""
    most: float | None
    """The value must not be above."""
    bound: str
    """Both in words."""
    passed: bool
    words: str
    difference: Interval | None = None
    """95 % interval of how far the value is above the one that it is compared with."""


def less_is_better(metric: str) -> bool:
    """Whether a lower value of the metric is the better one, told from its name."""
    return bool(_LESS_IS_BETTER.search(metric))


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number, finite or not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those that can be compared: one that is NaN or infinite counts as not measured."""
    return {
        name: value
        for name, value in metrics.items()
        if is_number(value) and abs(value) <= sys.float_info.max
    }


def threshold(metric: str, value: float | None, bound: float | Bound) -> Check:
    """A metric against its threshold."""
    if not isinstance(bound, Bound):
        bound = Bound(max=bound) if less_is_better(metric) else Bound(min=bound)
    least, most = bound.min, bound.max
    parts = [f">= {_text(least)}"] if least is not None else []
    parts += [f"<= {_text(most)}"] if most is not None else []
    text = " and ".join(parts)
    passed = value is not None and _within(value, least, most)
    if value is None:
        words = f"{metric} was not measured, but config.yml asks for {metric} {text}"
    else:
        words = f"{metric} {_text(value)} {'meets' if passed else 'misses'} the threshold {text}"
    return Check("threshold", metric, value, least, most, text, passed, words)


def baseline(
    metric: str,
    value: float | None,
    other: float,
    name: str,
    difference: Interval | None,
    *,
    better: bool,
) -> Check:
    """A metric against that of a trivial baseline.

    Args:
        other: the baseline's.
        name: the baseline's.
        difference: 95 % interval of how far the value is above it.
        better: whether it must be better; else only not worse.
    """
    name = BASELINES.get(name, name)
    least, most = _at_least(metric, other)
    bound = f"{'better' if better else 'not worse'} than {name} ({_text(other)})"
    if value is None:
        words = f"{metric} was not measured, but {name} has {_text(other)}"
        return Check("baseline", metric, None, least, most, bound, False, words)
    gap = _Gap(metric, value, other, difference)
    passed = gap.sign > 0 if better else gap.sign >= 0
    words = gap.words(name)
    if better and not passed:
        unclear = difference is not None and not gap.sign
        words += ", no better than chance" if unclear else ", but it must be better"
    return Check("baseline", metric, value, least, most, bound, passed, words, difference)


def champion(
    metric: str,
    value: float | None,
    other: float,
    version: str,
    difference: Interval | None,
    tolerance: float,
    stored: str = "",
) -> Check:
    """The primary metric against the champion's: it may be worse by the tolerance at most.

    What is lower by more is refused even where it may be chance: in doubt the champion stays.
    `stored` says why the champion's value is the one of its own run.
    """
    # Scores lie on a scale of their own; an error is in the target's unit, so its tolerance is a
    # share of it.
    less = less_is_better(metric)
    limit = other + abs(other) * tolerance if less else other - tolerance
    least, most = _at_least(metric, limit)
    bound = f"{'<=' if less else '>='} {_text(limit)} (version {version}: {_text(other)})"
    if value is None:
        words = (
            f"{metric} was not measured, but the champion, version {version}, has {_text(other)}"
        )
        return Check("champion", metric, None, least, most, bound, False, words)
    gap, passed = _Gap(metric, value, other, difference), _within(value, least, most)
    why = f"; its stored value; {stored}" if stored else ""
    words, allowed = (
        gap.words(f"the champion, version {version}", why),
        f"the tolerance {_text(tolerance)}",
    )
    if not passed and gap.sign:
        words += f", by more than {allowed}"
    elif not passed:
        words += f", but is {gap.side} by more than {allowed}: in doubt the champion stays"
    elif not _within(value, *_at_least(metric, other)):
        words += f", within {allowed}"
    return Check("champion", metric, value, least, most, bound, passed, words, difference)


def no_comparison(metric: str, value: float | None, version: str, why: str) -> Check:
    """A champion that there are no numbers of."""
    words = (
        f"the champion, version {version}, cannot be compared: {why}; "
        "--replace-champion registers this one all the same"
    )
    bound = f"compared with version {version}"
    return Check("champion", metric, value, None, None, bound, False, words)


@dataclass(frozen=True)
class _Gap:
    """What lies between a value and the one that it is compared with."""

    metric: str
    value: float
    other: float
    difference: Interval | None

    @property
    def sign(self) -> int:
        """1 where the value is better, -1 where it is worse, 0 where that is not clear."""
        low, high = self.difference or (self.value - self.other,) * 2
        sign = (low > 0) - (high < 0)
        return -sign if less_is_better(self.metric) else sign

    @property
    def side(self) -> str:
        """On which side of the other the value lies, be it by chance."""
        return "higher" if self.value > self.other else "lower"

    def words(self, name: str, why: str = "") -> str:
        """The value beside the other one, whose `name` it is, and no surer than it can be.

        `why` is what else there is to say of the other one.
        """
        verdict = {1: "is better than", -1: "is worse than", 0: "shows no clear difference from"}
        text, ends = verdict[self.sign], ""
        if self.value == self.other and self.difference in (None, (0, 0)):
            text = "is equal to"
        elif self.difference is None:
            text = f"is {self.side} than"
        else:
            low, high = self.difference
            ends = f"; difference {_signed(low)} to {_signed(high)}"
        return f"{self.metric} {_text(self.value)} {text} {name} ({_text(self.other)}{ends}{why})"


def _at_least(metric: str, other: float) -> tuple[float | None, float | None]:
    """The bounds of a value that is as good as another one: least, most."""
    return (None, other) if less_is_better(metric) else (other, None)


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _text(value: float) -> str:
    """A number as people write it: four significant digits, or all of a whole number."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _signed(value: float) -> str:
    """A difference: two significant digits, never in powers of ten."""
    return f"{Decimal(f'{value:.2g}'):+,f}"
