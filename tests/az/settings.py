"""Settings for a rendered repository, laid over its config.yml."""

from __future__ import annotations

from typing import Any

import yaml

from tests.az.cloud import Cloud


def with_settings(cloud: Cloud, azure: dict[str, Any]) -> None:
    """Change settings below `azure`, one level deep: `with_settings(cloud, {"compute": {…}})`."""
    file = cloud.project / "config.yml"
    whole = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, value in azure.items():
        if isinstance(value, dict):
            whole["azure"][name] = {**whole["azure"].get(name, {}), **value}
        else:
            whole["azure"][name] = value
    file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
