"""The gate: whether a run's model may be registered, and why.

It works from the run's own `outputs/metrics.json` and the registry's tags alone: it needs neither
data nor model. Thresholds, a trivial baseline and the champion are checked on the same held-out
rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amlkit import champion as champions
from amlkit import checks
from amlkit.champion import Score
from amlkit.checks import Check, Interval, finite, is_number
from amlkit.checks import less_is_better as less_is_better
from amlkit.records import Model
from amlkit.settings import Gate, GateRules

# A model that ranks well and is far off all the same is caught by these.
LOSSES = ("log_loss", "rmse")

NO_CHAMPION = "there was no champion"


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
    refused_now: str = ""
    """Of one that was registered earlier: why the gate of now would refuse it."""

    @property
    def reason(self) -> str:
        """The decision in one line: the checks that led to it, and the notes."""
        if self.refused_now:
            return "; ".join([*self.notes, f"today's gate would refuse it: {self.refused_now}"])
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


def normalise(document: Any) -> dict[str, Any]:
    """`metrics.json` in its full form; a bare `{"accuracy": 0.9}` is taken as its metrics.

    What is null is not there, and a number that is not finite was not measured.

    Raises:
        ValueError: it holds no metrics, or is not as docs/contract.md has it; the message says what
            was expected.
    """
    if isinstance(document, dict) and "metrics" not in document:
        document = {"metrics": document}
    if not isinstance(document, dict):
        raise ValueError('outputs/metrics.json must hold {"metrics": {name: number}}')
    known: dict[str, Any] = {"task": None, "holdout": None, "baseline": None, "champion": None}
    known |= {key: value for key, value in document.items() if value is not None}
    known["metrics"] = _numbers(document["metrics"], "outputs/metrics.json")
    known["intervals"] = _intervals(known.get("intervals", {}), "intervals")
    if "chance" in known and known["baseline"] is None:  # as amlkit 0.2 wrote it
        chance = _numbers(known["chance"], '"chance" of outputs/metrics.json')
        known["baseline"] = {"name": "shuffled labels", "metrics": chance}
    for key in ("baseline", "champion"):
        if known[key] is not None:
            known[key] = _other_model(known[key], key)
    return known


def _other_model(found: Any, key: str) -> dict[str, Any]:
    """What is said of a model that the run's own is compared with."""
    where = f'"{key}" of outputs/metrics.json'
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be an object")
    known = {name: value for name, value in found.items() if value is not None}
    if "metrics" in known:
        known["metrics"] = _numbers(known["metrics"], where)
    return known | {"difference": _intervals(known.get("difference", {}), key)}


def _numbers(found: Any, where: str) -> dict[str, float]:
    """Metrics; what is not finite was not measured."""
    if not isinstance(found, dict) or not all(map(is_number, found.values())):
        raise ValueError(f'{where} must hold {{"metrics": {{name: number}}}}')
    return finite(found)


def _intervals(found: Any, key: str) -> dict[str, Interval]:
    """The intervals of metrics; one with an end that is not finite is none."""
    where = f'"{key}" of outputs/metrics.json'
    if not isinstance(found, dict):
        raise ValueError(f"{where} must hold {{name: [low, high]}}")
    known = {}
    for name, ends in found.items():
        if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(map(is_number, ends)):
            raise ValueError(f"{where} must hold {{name: [low, high]}}, not {name}: {ends}")
        low, high = ends
        if len(finite({"low": low, "high": high})) == 2:
            known[name] = (low, high)
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
    found = _own_checks(document, gate, rules)
    if score is not None and not replace_champion:
        found.append(_comparison(document, rules.primary_metric, score, gate.tolerance))
    registered = all(check.passed for check in found)
    notes = _missing(document, gate, rules)
    if registered and score is None:
        notes.append(NO_CHAMPION)
    elif registered and score is not None and replace_champion:
        notes.append(f"it replaces version {score.version} as asked, whatever that one scored")
    return Decision(registered, tuple(found), tuple(notes), rules.primary_metric, score)


def registered_earlier(document: Mapping[str, Any], gate: Gate, model: Model) -> Decision:
    """The decision on a run whose model an earlier call registered: the gate agreed then.

    Its checks are the run's own, by the settings of now, which may not agree: the decision of then
    stays, and `refused_now` says so. The champion is the one of then.
    """
    score, metric = champions.measured(document), ""
    found: tuple[Check, ...] = ()
    first = (NO_CHAMPION,) if score is None and model.version == "1" else ()
    try:
        rules = _rules_for(document, gate)
    except ValueError as error:  # the rules have changed since
        what, missed = "rules", str(error)
    else:
        found, metric = tuple(_own_checks(document, gate, rules)), rules.primary_metric
        failed = [check for check in found if not check.passed]
        alike = all(check.kind == "threshold" for check in failed)
        what, missed = "thresholds" if alike else "rules", "; ".join(c.words for c in failed)
    notes = (f"version {model.version} was registered under other {what}",) if missed else first
    return Decision(True, found, notes, metric, score, earlier=True, refused_now=missed)


def _own_checks(document: Mapping[str, Any], gate: Gate, rules: GateRules) -> list[Check]:
    """What a run's metrics are held against without any other model of the registry.

    Against the baseline: the primary metric must be better, a loss beside it not worse.
    """
    metrics, primary = document["metrics"], rules.primary_metric
    found = [
        checks.threshold(name, metrics.get(name), bound) for name, bound in rules.thresholds.items()
    ]
    baseline = (document["baseline"] if gate.better_than_chance else None) or {}
    theirs = baseline.get("metrics", {})
    for metric in dict.fromkeys((primary, *LOSSES)):
        if metric in theirs and (metric in metrics or metric == primary):
            other, difference = theirs[metric], baseline["difference"].get(metric)
            name = str(baseline.get("name", "the baseline"))
            value, best = metrics.get(metric), metric == primary
            found.append(checks.baseline(metric, value, other, name, difference, better=best))
    return found


def _comparison(document: Mapping[str, Any], metric: str, score: Score, tolerance: float) -> Check:
    """The primary metric against the champion's."""
    value, other = document["metrics"].get(metric), score.metrics.get(metric)
    if score.error or other is None:
        why = score.error or f"it has no {metric}"
        return checks.no_comparison(metric, value, score.version, why)
    difference, stored = score.difference.get(metric), score.stored
    return checks.champion(metric, value, other, score.version, difference, tolerance, stored)


def _missing(document: Mapping[str, Any], gate: Gate, rules: GateRules) -> list[str]:
    """What could not be checked for want of the run's own rows, a sentence or none."""
    primary, intervals = rules.primary_metric, document["intervals"]
    baseline = document["baseline"] or {}
    lacking = []
    if gate.better_than_chance and primary not in baseline.get("metrics", {}):
        lacking.append(f"no baseline of {primary}" if baseline else "no baseline")
    if primary not in intervals:
        lacking.append(f"no interval of {primary}" if intervals else "no intervals")
    return [f"{' and '.join(lacking)}: the run wrote none"] if lacking else []


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
