"""A rendered repository is read in one sitting: how many files and lines it has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Bake

# Nobody reads these: locks, the sample's rows, the licence, the library.
UNREAD = re.compile(r"requirements-.*\.txt|data/.*|LICENSE|wheels/.*\.whl")
# Off by default: one more driver, and the steps.
PIPELINE = {"azureml_sdk": "v2", "training_pipeline": True}
LONGEST = {r"src/\w+\.py": 100, r"src/\w+/\w+\.py": 120, r"infra/\w+\.py": 25}


@pytest.mark.parametrize(
    "answers", [{}, {"azureml_sdk": "v2"}, PIPELINE], ids=["v1", "v2", "steps"]
)
@pytest.mark.parametrize("provider", ["azure-pipelines", "github-actions"])
def test_a_rendered_repository_is_small(provider: str, answers: dict[str, Any], bake: Bake) -> None:
    default = bake(ci_provider=provider, **answers)
    assert len(default.files) <= 60
    lines = {
        name: len(default.text(name).splitlines())
        for name in sorted(default.files)
        if not UNREAD.fullmatch(name)
    }
    assert sum(lines.values()) <= (2660 if answers is PIPELINE else 2500), lines
    for pattern, most in LONGEST.items():
        seen = {name: count for name, count in lines.items() if re.fullmatch(pattern, name)}
        assert seen, pattern
        assert max(seen.values()) <= most, seen
