"""The real `az`: azure-cli from the Python index, installed once for each content of its lock."""

from __future__ import annotations

from pathlib import Path

from tests.environments import sync


def az_python() -> Path:
    """The interpreter that has azure-cli; the first call installs it.

    Raises:
        RuntimeError: it cannot be installed, with what uv said.
    """
    return sync(Path(__file__).parent, "az")
