"""The gate: whether a run's model may be registered, and why, in words.

It works from the run's own `outputs/metrics.json` and the registry's tags alone, so that it needs
neither
data nor model. Thresholds and the champion's score are checked on the same held-out rows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amlkit.records import Model
from amlkit.settings import Bound, Gate, GateRules

# Metrics of which less is better, by their scikit-learn names and the usual endings.
_LESS_IS_BETTER = re.compile(r"(^|_)(rmse|mae|mse|mape|brier|loss|error|deviance|hamming)(_|$)")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: a value, what it had to reach, and the outcome."""

    metric: str
    value: float | None
    bound: str
    passed: bool
    words: str


@dataclass(frozen=True)
class Decision:
    """What the gate said."""

    registered: bool
    reason: str
    checks: tuple[Check, ...]
    primary_metric: str
    champion: Mapping[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON values."""
        return asdict(self)


def less_is_better(metric: str) -> bool:
    """Whether a lower value of the metric is the better one, told from its name."""
    return bool(_LESS_IS_BETTER.search(metric))


def normalise(document: Any) -> dict[str, Any]:
    """`metrics.json` in its full form; a bare `{"accuracy": 0.9}` is taken as its metrics.

    Raises:
        ValueError: it holds no metrics; the message says what was expected.
    """
    if isinstance(document, dict) and "metrics" not in document:
        document = {"metrics": document}
    metrics = document.get("metrics") if isinstance(document, dict) else None
    if not isinstance(metrics, dict) or not all(_is_number(v) for v in metrics.values()):
        raise ValueError('outputs/metrics.json must hold {"metrics": {name: number}}')
    return {"task": None, "chance": {}, "champion": None, "holdout": None, **document}


def rival(document: Mapping[str, Any], champion: Model | None) -> Mapping[str, Any] | None:
    """The champion's score on this run's held-out rows: its version, with metrics or error.

    The run measured it itself; where another model was registered since, that one's own run did, if
    its
    held-out rows were the same ones.
    """
    if champion is None:
        return None
    measured = document.get("champion")
    if measured and str(measured.get("version")) == champion.version:
        return {**measured, "version": champion.version}
    if document.get("holdout") and champion.tags.get("holdout") == document["holdout"]:
        return {
            "version": champion.version,
            "metrics": json.loads(champion.tags.get("metrics", "{}")),
        }
    return {"version": champion.version, "error": "this run did not score it on its held-out rows"}


def was_compared(document: Mapping[str, Any], champion: Model | None) -> bool:
    """Whether a finished run can still be judged, without training again."""
    measured = document.get("champion") or {}
    score = rival(document, champion)
    return score is None or "metrics" in score or str(measured.get("version")) == score["version"]


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
        replace_champion: do not hold the comparison against the candidate.
    """
    metrics = document["metrics"]
    try:
        rules = _rules_for(document, gate)
    except ValueError as error:
        return Decision(False, str(error), (), "", rival(document, champion))
    primary = rules.primary_metric
    checks = [
        _threshold(name, bound, metrics.get(name)) for name, bound in rules.thresholds.items()
    ]
    if gate.better_than_chance and primary in document["chance"]:
        checks.append(_chance(primary, metrics.get(primary), document["chance"][primary]))
    score = rival(document, champion)
    if score is not None and not replace_champion:
        checks.append(_comparison(primary, metrics.get(primary), score, gate.tolerance))
    failed = [check.words for check in checks if not check.passed]
    passed = [check.words for check in checks if check.passed]
    if score is None:
        passed.append("there was no champion")
    elif replace_champion:
        passed.append(f"it replaces version {score['version']} as asked, whatever that one scored")
    reason = (
        "not registered: " + "; ".join(failed) if failed else "registered: " + "; ".join(passed)
    )
    return Decision(not failed, reason, tuple(checks), primary, score)


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
        f"not registered: no rules fit the run's task {task!r} with {measured} measured; "
        f"gate.rules in config.yml has {known}"
    )


def _threshold(metric: str, bound: float | Bound, value: Any) -> Check:
    """A metric against its threshold."""
    if not isinstance(bound, Bound):
        bound = Bound(max=bound) if less_is_better(metric) else Bound(min=bound)
    parts = []
    if bound.min is not None:
        parts.append(f">= {_text(bound.min)}")
    if bound.max is not None:
        parts.append(f"<= {_text(bound.max)}")
    text = " and ".join(parts)
    if value is None:
        words = f"{metric} was not measured, but config.yml asks for {metric} {text}"
        return Check(metric, None, text, False, words)
    passed = math.isfinite(value)  # a metric that is not a number passes nothing
    passed = (
        passed
        and (bound.min is None or value >= bound.min)
        and (bound.max is None or value <= bound.max)
    )
    words = f"{metric} {_text(value)} {'meets' if passed else 'misses'} the threshold {text}"
    return Check(metric, value, text, passed, words)


def _chance(metric: str, value: Any, chance: float) -> Check:
    """The primary metric against what shuffled labels reach (their 99th percentile)."""
    less = less_is_better(metric)
    passed = (
        value is not None and math.isfinite(value) and (value < chance if less else value > chance)
    )
    words = (
        f"{metric} {_text(value)} is {'' if passed else 'no '}better than chance "
        f"(shuffled labels reach {_text(chance)})"
    )
    return Check(metric, value, f"{'<' if less else '>'} {_text(chance)} (chance)", passed, words)


def _comparison(metric: str, value: Any, score: Mapping[str, Any], tolerance: float) -> Check:
    """The primary metric against the champion's, within the tolerance."""
    name = f"version {score['version']}"
    past = "; --replace-champion registers this one all the same"
    other = score.get("metrics", {}).get(metric)
    if "error" in score or other is None or not _is_number(other) or not math.isfinite(other):
        why = score.get("error") or f"it has no {metric}"
        words = f"the champion, {name}, cannot be compared: {why}{past}"
        return Check(metric, value, f"compared with {name}", False, words)
    # Scores lie on a scale of their own; an error is in the target's unit, so its tolerance is a
    # share of it.
    less = less_is_better(metric)
    limit = other + abs(other) * tolerance if less else other - tolerance
    bound = f"{'<=' if less else '>='} {_text(limit)} ({name}: {_text(other)})"
    passed = (
        value is not None and math.isfinite(value) and (value <= limit if less else value >= limit)
    )
    if value is None or not math.isfinite(value):
        words = f"{metric} was not measured, but {name} is champion with {_text(other)}"
    elif passed:
        words = (
            f"{metric} {_text(value)} is not worse than {name} "
            f"({_text(other)}, tolerance {_text(tolerance)})"
        )
    else:
        words = (
            f"{metric} {_text(value)} is worse than the champion {name} "
            f"({_text(other)}) by more than the tolerance {_text(tolerance)}"
        )
    return Check(metric, value, bound, passed, words)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """A number as people write it: four significant digits."""
    return f"{value:.4g}" if _is_number(value) else "nothing"
