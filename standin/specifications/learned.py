"""What stands in every recorded answer of a kind, so that an answer of ours must have it too.

`python -m standin.specifications.learned RECORDED.json …` makes `learned/always.json` anew from
recorded shapes: lists of objects with `method`, `path`, `status`, the shape (`answer` or `body`),
`left_out`, places that the stand-in does not fill, and `varies`, those that depend on what was
sent. The file names, for each type of each
specification, the fields that all its recorded values have; under `field` those that the value of
one field has beside, such as who made a resource of that kind.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..specification import find
from . import notation

WORKSPACE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)
HOSTS = {
    "api": "westeurope.api.azureml.ms",
    "graph": "graph.microsoft.com",
    "registry": "cert-westeurope.experiments.azureml.net",
}

Learned = dict[str, dict[str, dict[str, list[str]]]]
Seen = dict[tuple[str, str, str], set[str]]


def place(recorded: dict[str, Any]) -> tuple[str, str]:
    """Host and path of a recorded request, with examples for its placeholders."""
    path = str(recorded["path"])
    for name, example in (("{workspace}", WORKSPACE), ("{group}", WORKSPACE.split("/prov")[0])):
        path = path.replace(name, example)
    host, _, rest = path.partition("/")
    return HOSTS.get(host, "management.azure.com"), f"/{rest}"


def _visit(
    specification: str, kind: str, value: Any, at: str, holder: tuple[str, str]
) -> Iterator[tuple[tuple[str, str, str], str, set[str]]]:
    """Each object of a value: type and field that hold it, where it stands, what fields it has."""
    kind = kind.strip("!?")
    if kind.startswith("[") and isinstance(value, list):
        for one in value:
            yield from _visit(specification, kind[1:-1], one, f"{at}[]", ("", ""))
    elif kind.startswith("{") and isinstance(value, dict):
        for key, one in value.items():
            yield from _visit(specification, kind[1:-1], one, f"{at}.{key}", ("", ""))
    elif isinstance(value, dict) and value:
        name, fields = notation.concrete(specification, kind, value)
        if not fields:
            return
        yield (specification, name, ""), at, set(value)
        if holder[1] and name == kind:  # a subtype has fields of its own
            yield (specification, *holder), at, set(value)
        for key, one in value.items():
            inner = f"{at}.{key}".lstrip(".")
            yield from _visit(specification, fields.get(key, "any"), one, inner, (name, key))


def learn(recordings: list[dict[str, Any]]) -> Learned:
    """What all recorded values of each type have."""
    seen: Seen = {}
    for recorded in recordings:
        host, path = place(recorded)
        row, shape = (
            find(recorded["method"], host, path),
            recorded.get("answer", recorded.get("body")),
        )
        status = recorded["status"]
        test = row.answers.get(status[-1] if isinstance(status, list) else status) if row else None
        if not isinstance(test, partial) or test.func is not notation.violations or not shape:
            continue
        specification, kind = test.args
        left_out = {*recorded.get("left_out", {}), *recorded.get("varies", {})}
        for where, at, fields in _visit(specification, kind, shape, "", ("", "")):
            kept = {one for one in fields if f"{at}.{one}".lstrip(".") not in left_out}
            seen[where] = seen[where] & kept if where in seen else kept
    learned: Learned = {}
    for (specification, kind, field), fields in sorted(seen.items()):
        if field:  # beside what the type of the field has
            own = notation.field_type(specification, kind, field)
            fields -= seen.get((specification, own, ""), set())
        if fields:
            learned.setdefault(specification, {}).setdefault(kind, {})[field] = sorted(fields)
    return learned


def written(learned: Learned) -> str:
    """The file's text, a line for each type."""
    parts = []
    for specification, kinds in learned.items():
        lines = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in kinds.items())
        parts.append(f"  {json.dumps(specification)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Write the file anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recorded", type=Path, nargs="+", help="files of recorded shapes")
    files = parser.parse_args().recorded
    recordings = [one for file in files for one in json.loads(file.read_text(encoding="utf-8"))]
    usable = [one for one in recordings if "path" in one and one["path"] != "operation"]
    notation.LEARNED.parent.mkdir(exist_ok=True)
    notation.LEARNED.unlink(missing_ok=True)  # what was learned before says nothing of now
    notation.LEARNED.write_text(written(learn(usable)), encoding="utf-8")


if __name__ == "__main__":
    main()
