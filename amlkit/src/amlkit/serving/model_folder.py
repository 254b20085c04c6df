"""Where the platform put the model, and which one it is."""

from __future__ import annotations

import re
from pathlib import Path

_PLACE = re.compile(r"azureml-models[/\\]([^/\\]+)[/\\]([^/\\]+)")


def model_folder(root: Path) -> Path:
    """The folder that holds schema.json: `root`, or the one folder below it that does.

    Raises FileNotFoundError if there is none, or more than one.
    """
    if (root / "schema.json").is_file():
        return root
    found = sorted(path.parent for path in root.rglob("schema.json"))
    if len(found) != 1:
        said = ", ".join(map(str, found)) or "none"
        raise FileNotFoundError(f"{root} should hold one model with its schema.json; found: {said}")
    return found[0]


def name_and_version(root: Path) -> tuple[str | None, str | None]:
    """The model's name and version as the path `…/azureml-models/<name>/<version>` has them."""
    found = _PLACE.search(str(root))
    return (found[1], found[2]) if found else (None, None)
