"""What is known of the champion: the registered model that a run's own must not be worse than.

A training job scores it on the rows that the job held out, and writes the result to its
`outputs/metrics.json`, under `champion`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amlkit.checks import Interval, finite
from amlkit.records import Model


@dataclass(frozen=True)
class Score:
    """The champion's metrics on a run's held-out rows, or why there are none."""

    version: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    """One line; empty where it was scored."""
    difference: Mapping[str, Interval] = field(default_factory=dict)
    """How far the run's model is above it, a 95 % interval for each metric."""
    stored: str = ""
    """Why the metrics are those that it was registered with; empty where it was scored anew."""

    def to_dict(self) -> dict[str, Any]:
        """`{"version", "metrics"}` or `{"version", "error"}`, as `metrics.json` has it."""
        if self.error:
            return {"version": self.version, "error": self.error}
        known = {"version": self.version, "metrics": dict(self.metrics)}
        known |= {"difference": dict(self.difference)} if self.difference else {}
        return known | ({"stored": self.stored} if self.stored else {})


def measured(document: Mapping[str, Any]) -> Score | None:
    """What the run itself wrote of the champion; None where it compared itself with none.

    Args:
        document: its `metrics.json`, normalised.
    """
    found = document.get("champion")
    if not found:
        return None
    version = str(found.get("version"))
    if "metrics" in found:
        return Score(version, found["metrics"], difference=found.get("difference", {}))
    return Score(version, error=str(found.get("error") or "the run says nothing of its score"))


def score(document: Mapping[str, Any], champion: Model | None) -> Score | None:
    """The champion's score on the run's held-out rows; None where there is no champion.

    The run measured it. Where it could not, or another model became champion since, the champion's
    own run did, if it held out the same rows.
    """
    if champion is None:
        return None
    own = measured(document)
    asked = own if own is not None and own.version == champion.version else None
    if asked is not None and not asked.error:
        return asked
    if document.get("holdout") and champion.tags.get("holdout") == document["holdout"]:
        metrics = finite(json.loads(champion.tags.get("metrics", "{}")))
        return Score(champion.version, metrics, stored=asked.error if asked else "")
    return asked or Score(champion.version, error="this run did not score it on its held-out rows")


def was_compared(document: Mapping[str, Any], champion: Model | None) -> bool:
    """Whether a finished run can be judged against this champion without training again."""
    found, own = score(document, champion), measured(document)
    if found is None or not found.error:
        return True
    return own is not None and own.version == found.version
