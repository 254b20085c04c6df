"""A rendered repository is read in one sitting: how many files and lines it has."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Bake

# Nobody reads these: locks, the sample's rows, the licence, the library.
UNREAD = re.compile(r"requirements-.*\.txt|data/.*|LICENSE|wheels/.*\.whl")
LONGEST = {r"src/\w+\.py": 100, r"src/\w+/\w+\.py": 120, r"infra/\w+\.py": 25}


@pytest.mark.parametrize("sdk", ["v1", "v2"])
@pytest.mark.parametrize("provider", ["azure-pipelines", "github-actions"])
def test_a_rendered_repository_is_small(provider: str, sdk: str, bake: Bake) -> None:
    default = bake(ci_provider=provider, azureml_sdk=sdk)
    assert len(default.files) <= 60
    lines = {
        name: len(default.text(name).splitlines())
        for name in sorted(default.files)
        if not UNREAD.fullmatch(name)
    }
    assert sum(lines.values()) <= 2500, lines
    for pattern, most in LONGEST.items():
        seen = {name: count for name, count in lines.items() if re.fullmatch(pattern, name)}
        assert seen, pattern
        assert max(seen.values()) <= most, seen
