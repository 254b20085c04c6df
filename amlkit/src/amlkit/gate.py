"""The gate: whether a run's model may be registered, and why.

It works from the run's own `outputs/metrics.json` and the registry's tags alone: it needs neither
data nor model. Thresholds and the champion's score are checked on the same held-out rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from amlkit import champion as champions
from amlkit.champion import Score
from amlkit.records import Model
from amlkit.settings import Bound, Gate, GateRules

# Metrics of which less is better, by their scikit-learn names and the usual endings; not
# scikit-learn's scorers, which turn an error's sign: neg_log_loss.
_LESS_IS_BETTER = re.compile(
    r"^(?!neg_)(.*_)?(rmse|mae|mse|mape|brier|loss|error|deviance|hamming)(_|$)"
)

NO_CHAMPION = "there was no champion"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: a value, its bound, and the outcome."""

    kind: Literal["threshold", "chance", "champion"]
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


@dataclass(frozen=True)
class Decision:
    """What the gate decided."""

    registered: bool
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    """What else led to it, a sentence each: "there was no champion"."""
    primary_metric: str
    champion: Score | None
    """The champion as it was measured on the run's held-out rows."""
    earlier: bool = False
    """Whether an earlier call registered the model: the gate agreed then."""

    @property
    def reason(self) -> str:
        """The decision in one line: the checks that led to it, and the notes."""
        words = [check.words for check in self.checks if check.passed == self.registered]
        outcome = "registered" if self.registered else "not registered"
        outcome += " earlier" if self.earlier else ""
        return ": ".join(filter(None, [outcome, "; ".join([*words, *self.notes])]))

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON values; `reason` is among them."""
        return {
            "registered": self.registered,
            "reason": self.reason,
            "checks": [asdict(check) for check in self.checks],
            "notes": list(self.notes),
            "primary_metric": self.primary_metric,
            "champion": self.champion.to_dict() if self.champion else None,
        }


def less_is_better(metric: str) -> bool:
    """Whether a lower value of the metric is the better one, told from its name."""
    return bool(_LESS_IS_BETTER.search(metric))


def normalise(document: Any) -> dict[str, Any]:
    """`metrics.json` in its full form; a bare `{"accuracy": 0.9}` is taken as its metrics.

    Raises:
        ValueError: it holds no metrics, or is not as docs/contract.md has it; the message says what
            was expected.
    """
    if isinstance(document, dict) and "metrics" not in document:
        document = {"metrics": document}
    metrics = document.get("metrics") if isinstance(document, dict) else None
    if not isinstance(metrics, dict) or not all(_is_number(v) for v in metrics.values()):
        raise ValueError('outputs/metrics.json must hold {"metrics": {name: number}}')
    usual: dict[str, Any] = {"task": None, "chance": {}, "champion": None, "holdout": None}
    known = usual | {key: value for key, value in document.items() if value is not None}
    for key in ("chance", "champion"):
        if not isinstance(known[key], dict | None):
            raise ValueError(f'"{key}" of outputs/metrics.json must be an object')
    if not all(map(_is_number, known["chance"].values())):
        raise ValueError('"chance" of outputs/metrics.json must hold {name: number}')
    return known


def decide(
    document: Mapping[str, Any],
    gate: Gate,
    champion: Model | None,
    *,
    replace_champion: bool = False,
) -> Decision:
    """Judges a run.

    Args:
        document: its `metrics.json`, normalised.
        gate: the settings.
        champion: the champion now.
        replace_champion: do not hold the comparison against the run's model.
    """
    score = champions.score(document, champion)
    try:
        rules = _rules_for(document, gate)
    except ValueError as error:
        return Decision(False, (), (str(error),), "", score)
    checks = _own_checks(document, gate, rules)
    if score is not None and not replace_champion:
        value = document["metrics"].get(rules.primary_metric)
        checks.append(_comparison(rules.primary_metric, value, score, gate.tolerance))
    registered = all(check.passed for check in checks)
    notes = []
    if registered and score is None:
        notes.append(NO_CHAMPION)
    elif registered and score is not None and replace_champion:
        notes.append(f"it replaces version {score.version} as asked, whatever that one scored")
    return Decision(registered, tuple(checks), tuple(notes), rules.primary_metric, score)


def registered_earlier(document: Mapping[str, Any], gate: Gate, model: Model) -> Decision:
    """The decision on a run whose model an earlier call registered: the gate agreed then.

    Its checks are the run's own, by the settings of now; the champion is the one of then.
    """
    score = champions.measured(document)
    notes = (NO_CHAMPION,) if score is None and model.version == "1" else ()
    try:
        rules = _rules_for(document, gate)
    except ValueError:  # the rules have changed since
        return Decision(True, (), notes, "", score, earlier=True)
    checks = tuple(_own_checks(document, gate, rules))
    return Decision(True, checks, notes, rules.primary_metric, score, earlier=True)


def _own_checks(document: Mapping[str, Any], gate: Gate, rules: GateRules) -> list[Check]:
    """What a run's metrics are held against without any other model."""
    metrics, chance, primary = document["metrics"], document["chance"], rules.primary_metric
    checks = [
        _threshold(name, bound, metrics.get(name)) for name, bound in rules.thresholds.items()
    ]
    if gate.better_than_chance and primary in chance:
        checks.append(_chance(primary, metrics.get(primary), chance[primary]))
    return checks


def _rules_for(document: Mapping[str, Any], gate: Gate) -> GateRules:
    """The rules of the run's task; where it names none, those whose primary metric it measured."""
    task = document.get("task")
    if task is not None and task in gate.rules:
        return gate.rules[task]
    if task is None:
        fitting = [
            rules for rules in gate.rules.values() if rules.primary_metric in document["metrics"]
        ]
        if len(fitting) == 1:
            return fitting[0]
    known = (
        ", ".join(f"{name} ({rules.primary_metric})" for name, rules in gate.rules.items())
        or "none"
    )
    measured = ", ".join(document["metrics"]) or "nothing"
    raise ValueError(
        f"no rules fit the run's task {task!r} with {measured} measured; "
        f"gate.rules in config.yml has {known}"
    )


def _threshold(metric: str, bound: float | Bound, value: Any) -> Check:
    """A metric against its threshold."""
    if not isinstance(bound, Bound):
        bound = Bound(max=bound) if less_is_better(metric) else Bound(min=bound)
    least, most = bound.min, bound.max
    parts = [f">= {_text(least)}"] if least is not None else []
    parts += [f"<= {_text(most)}"] if most is not None else []
    text = " and ".join(parts)
    if value is None:
        words = f"{metric} was not measured, but config.yml asks for {metric} {text}"
        return Check("threshold", metric, None, least, most, text, False, words)
    # A metric that is not a number meets nothing.
    passed = _within(value, least, most)
    words = f"{metric} {_text(value)} {'meets' if passed else 'misses'} the threshold {text}"
    return Check("threshold", metric, value, least, most, text, passed, words)


def _chance(metric: str, value: Any, chance: float) -> Check:
    """The primary metric against what shuffled labels reach (their 99th percentile)."""
    less = less_is_better(metric)
    least, most = (None, chance) if less else (chance, None)
    passed = _within(value, least, most) and value != chance  # no better than chance is no better
    words = (
        f"{metric} {_text(value)} is {'' if passed else 'no '}better than chance "
        f"(shuffled labels reach {_text(chance)})"
    )
    bound = f"{'<' if less else '>'} {_text(chance)} (chance)"
    return Check("chance", metric, value, least, most, bound, passed, words)


def _comparison(metric: str, value: Any, score: Score, tolerance: float) -> Check:
    """The primary metric against the champion's, within the tolerance."""
    name, other = f"version {score.version}", score.metrics.get(metric)
    if score.error or other is None or not _is_number(other) or not math.isfinite(other):
        why = score.error or f"it has no {metric}"
        words = (
            f"the champion, {name}, cannot be compared: {why}; "
            "--replace-champion registers this one all the same"
        )
        bound = f"compared with {name}"
        return Check("champion", metric, value, None, None, bound, False, words)
    # Scores lie on a scale of their own; an error is in the target's unit, so its tolerance is a
    # share of it.
    less = less_is_better(metric)
    limit = other + abs(other) * tolerance if less else other - tolerance
    least, most = (None, limit) if less else (limit, None)
    bound = f"{'<=' if less else '>='} {_text(limit)} ({name}: {_text(other)})"
    passed = _within(value, least, most)
    if value is None or not math.isfinite(value):
        words = f"{metric} was not measured, but the champion, {name}, has {_text(other)}"
    elif passed:
        words = (
            f"{metric} {_text(value)} is not worse than the champion, {name} "
            f"({_text(other)}, tolerance {_text(tolerance)})"
        )
    else:
        words = (
            f"{metric} {_text(value)} is worse than the champion, {name} "
            f"({_text(other)}), by more than the tolerance {_text(tolerance)}"
        )
    return Check("champion", metric, value, least, most, bound, passed, words)


def _within(value: Any, least: float | None, most: float | None) -> bool:
    """Whether a finite number lies within its bounds."""
    if value is None or not math.isfinite(value):
        return False
    return (least is None or value >= least) and (most is None or value <= most)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """A number as people write it: four significant digits."""
    return f"{value:.4g}" if _is_number(value) else "nothing"
