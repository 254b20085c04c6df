"""What an SDK prints goes nowhere; what a driver says is seen all the same."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from amlkit import cli
from amlkit.azure.connection import quiet
from amlkit.calls import Calls
from conftest import SAMPLE


def test_a_drivers_lines_are_seen_and_the_sdks_are_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.yml").write_bytes((SAMPLE / "config.yml").read_bytes())
    args = cli.parser("d", "e").read(["--local"])
    context = cli._context(tmp_path, args, Calls(), {})
    with quiet():
        print("of the SDK")
        context.say("a line of the job's log")
    logging.disable(logging.NOTSET)
    assert capsys.readouterr().out == "a line of the job's log\n"
