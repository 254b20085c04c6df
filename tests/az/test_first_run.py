"""From nothing to a first run on Azure ML by three commands, as README.md shows them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from standin.world.providers import TYPES
from tests.az.cloud import Cloud
from tests.az.settings import with_settings
from tests.az.test_rights import GROUP, IN_A_GROUP, SUBSCRIPTION, Case, somebody
from tests.foreign import replace_package

README = Path(__file__).parents[2] / "README.md"
CASES = [
    Case("owner of the subscription", {SUBSCRIPTION: ("Owner",)}),
    Case("contributor of a group alone", {GROUP: ("Contributor",)}, IN_A_GROUP, group=True),
]


@pytest.mark.sweep
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_three_commands_reach_a_first_run(case: Case, cloud: Cloud, sdk_venv: Path) -> None:
    [block] = re.findall(r"three commands.*?```console\n(.*?)```", README.read_text("utf-8"), re.S)
    words = [line.split()[1:] for line in block.splitlines()]
    assert len(words) == 3
    cloud.standin.world.providers |= {name.lower(): "Registered" for name in TYPES}
    replace_package(cloud.project)
    with_settings(cloud, {"auth": "azure-cli", **case.settings})
    if case.group:
        cloud.az("group", "create", "-n", cloud.configured("resource_group"), "-l", "westeurope")
    somebody(cloud, case)
    first, *drivers = words
    done = cloud.bootstrap(*first[1:], "--yes", "--json")
    assert done.code == 0, str(done)
    answers = [drive(cloud, sdk_venv, *driver) for driver in drivers]
    assert answers[-1]["status"] == "Completed"


def drive(cloud: Cloud, sdk_venv: Path, *words: str) -> dict[str, Any]:
    """What a driver answers, by the unmodified SDK and the login of az."""
    done = subprocess.run(
        [str(sdk_venv / "bin" / "python"), *words, "--json"],
        cwd=cloud.project,
        env=cloud.environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
