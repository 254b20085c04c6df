"""The search space of a sweep: its distributions, drawn at random or walked as a grid.

Source: "Hyperparameter tuning a model (v2)", the expressions that azure-ai-ml writes into
`searchSpace`: a name → [distribution, its arguments].
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from ..routing import AzureError, Json


def _rounded(value: float, step: float) -> float:
    return round(value / step) * step


Draw = Callable[..., Any]
DRAWN: dict[str, Draw] = {
    "choice": lambda r, options: r.choice(options),
    "randint": lambda r, upper: r.randrange(int(upper)),
    "uniform": lambda r, low, high: r.uniform(low, high),
    "quniform": lambda r, low, high, q: _rounded(r.uniform(low, high), q),
    "loguniform": lambda r, low, high: math.exp(r.uniform(low, high)),
    "qloguniform": lambda r, low, high, q: _rounded(math.exp(r.uniform(low, high)), q),
    "normal": lambda r, mu, sigma: r.gauss(mu, sigma),
    "qnormal": lambda r, mu, sigma, q: _rounded(r.gauss(mu, sigma), q),
    "lognormal": lambda r, mu, sigma: math.exp(r.gauss(mu, sigma)),
    "qlognormal": lambda r, mu, sigma, q: _rounded(math.exp(r.gauss(mu, sigma)), q),
}


def check(space: Json, algorithm: Json) -> None:
    """AzureError 400 for a space that cannot be searched, 501 for a way that is not played."""
    kind = str(algorithm.get("samplingAlgorithmType"))
    if kind not in ("Random", "Grid") or str(algorithm.get("rule") or "Random") == "Sobol":
        rule = algorithm.get("rule") or kind
        raise AzureError(501, "StandInUnhandled", f"Sampling by {rule} is not played")
    if not space:
        raise AzureError(400, "UserError", "The search space of a sweep must not be empty.")
    for name, (distribution, _) in space.items():
        if distribution not in DRAWN:
            raise AzureError(400, "UserError", f"{name}: there is no distribution {distribution}.")
        if kind == "Grid" and distribution != "choice":
            raise AzureError(
                400, "UserError", f"{name}: grid sampling takes choices only, not {distribution}."
            )


def samples(space: Json, algorithm: Json) -> Iterator[Json]:
    """The values of one trial after the other: without end at random, all of a grid."""
    if algorithm.get("samplingAlgorithmType") == "Grid":
        for values in itertools.product(*(arguments[0] for _, arguments in space.values())):
            yield dict(zip(space, values, strict=True))
        return
    generator = random.Random(algorithm.get("seed"))  # noqa: S311 - no secret is drawn
    while True:
        yield {name: DRAWN[kind](generator, *given) for name, (kind, given) in space.items()}
