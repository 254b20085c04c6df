"""Which routes of the stand-in are backed by what: a table made from the routes themselves."""

from __future__ import annotations

import re

from ..routing import AzureError, Request, Route, Router
from ..specification import Published, published

#: A host of each kind, for a sample request.
SAMPLES = {
    "login": "login.microsoftonline.com",
    "arm": "management.azure.com",
    "api": "westeurope.api.azureml.ms",
    "imds": "169.254.169.254",
    "telemetry": "dc.services.visualstudio.com",
    "graph": "graph.microsoft.com",
    "devops": "dev.azure.com",
    "github": "api.github.com",
    "registry": "cert-westeurope.experiments.azureml.net",
    "inference": "e.westeurope.inference.ml.azure.com",
}
#: How an answer is backed, the strongest first.
BACKINGS = {
    "specification": "specification",
    "recording": "recorded traffic",
    "documentation": "documentation",
    "shape": "specification of the shape; the route from the SDK's source",
}
#: Hosts behind which real software answers, or which are no part of Azure.
SOFTWARE = {
    "blob": "real software: Azurite",
    "azurecontainer": "real software: azureml-inference-server-http",
    "inference": "real software: azureml-inference-server-http",
    "standin": "no part of Azure: the control door",
}
NOTHING = "nothing published: the SDK's source only"

_SAMPLE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)


def samples(row: Published) -> set[str]:
    """Paths that the row's template matches: with the rest of a path empty and not."""
    path = row.path.replace("{workspace}", _SAMPLE)
    whole = {re.sub(r"\{[^}]+:path\}", rest, path) for rest in ("", "x/y", "/x/y")}
    paths = {re.sub(r"\{[^}]+\}", "x", one).replace("//", "/") for one in whole}
    return {one for one in paths if row.pattern.fullmatch(one)}


def backings(router: Router) -> dict[int, set[str]]:
    """Which kinds of backing the routes of a router have, by the place of the route."""
    found: dict[int, set[str]] = {}
    for row in published():
        for path in samples(row):
            try:
                route, _ = router.find(Request(row.method, SAMPLES[row.host], path, {}, {}))
            except AzureError:
                continue
            found.setdefault(router.routes.index(route), set()).add(row.backing)
    return found


def backing_of(route: Route, kinds: set[str]) -> str:
    """How a route is backed, in words."""
    strongest = [words for kind, words in BACKINGS.items() if kind in kinds]
    software = [words for mark, words in SOFTWARE.items() if mark in route.rule.host]
    return [*strongest, *software, NOTHING][0]


def table(router: Router) -> str:
    """The routes of a router with what backs each, and the counts, as Markdown."""
    kinds = backings(router)
    rows = []
    for place, route in enumerate(router.routes):
        rule = route.rule
        host = rule.host.replace("\\", "").replace("[a-z0-9.-]+", "*").replace("[a-z0-9]+", "*")
        words = backing_of(route, kinds.get(place, set()))
        rows.append((route.name, f"{rule.method} {host}{rule.path}", words))
    rows.sort()
    counts: dict[str, int] = {}
    for *_, words in rows:
        counts[words] = counts.get(words, 0) + 1
    lines = ["| Backed by | Routes |", "|---|---|"]
    lines += [f"| {words} | {count} |" for words, count in sorted(counts.items())]
    lines += [f"| **all** | **{len(rows)}** |", ""]
    lines += ["| Handler | Route | Backed by |", "|---|---|---|"]
    lines += [f"| `{name}` | `{place}` | {words} |" for name, place, words in rows]
    return "\n".join(lines) + "\n"
