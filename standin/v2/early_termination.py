"""When a sweep ends a trial before its time: the three policies, at each n-th value it logs.

Source: "Hyperparameter tuning a model (v2)", early termination policies.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from ..routing import AzureError, Json

POLICIES = ("Bandit", "MedianStopping", "TruncationSelection")


def check(policy: Json | None) -> None:
    """AzureError 400 for a policy that the service refuses."""
    if policy is None:
        return
    kind = policy.get("policyType")
    if kind not in POLICIES:
        raise AzureError(400, "UserError", f"There is no policy of type {kind}.")
    if kind == "Bandit" and not (policy.get("slackFactor") or policy.get("slackAmount")):
        raise AzureError(400, "UserError", "A Bandit policy needs a slack factor or amount.")


def due(policy: Json, count: int) -> bool:
    """Whether a trial that has logged `count` values is looked at."""
    every, after = (
        int(policy.get("evaluationInterval") or 1),
        int(policy.get("delayEvaluation") or 0),
    )
    return count > 0 and count >= after and count % every == 0


def loses(
    policy: Json, name: str, series: Mapping[str, Sequence[float]], *, maximize: bool
) -> bool:
    """Whether a trial is to end, by the values that it and the others have logged so far."""
    best = max if maximize else min
    sign = 1.0 if maximize else -1.0
    mine, logged = series[name], {key: values for key, values in series.items() if values}
    score = best(mine)
    if policy["policyType"] == "Bandit":
        top = best(best(values) for values in logged.values())
        if policy.get("slackAmount"):
            return sign * score < sign * top - float(policy["slackAmount"])
        slack = 1 + float(policy["slackFactor"])
        return score < top / slack if maximize else score > top * slack
    if policy["policyType"] == "MedianStopping":
        averages = [statistics.fmean(values[: len(mine)]) for values in logged.values()]
        return sign * score < sign * statistics.median(averages)
    there = {key: best(v[: len(mine)]) for key, v in logged.items() if len(v) >= len(mine)}
    share = int(policy.get("truncationPercentage") or 0)
    lowest = sorted(there, key=lambda key: sign * there[key])[: len(there) * share // 100]
    return name in lowest
