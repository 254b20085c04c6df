"""What tests of the runner share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Repository = Callable[..., Path]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Write files into a repository: `repository(main=…, **{"steps/a.yml": …})`."""

    def write(main: str = "", **files: str) -> Path:
        for name, text in {"azure-pipelines.yml": main, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        return tmp_path

    return write
