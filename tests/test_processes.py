"""The stand-in ends what it started, and nothing else."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from standin import processes

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX process groups")


def start(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """A script of the stand-in's, under way."""
    return processes.start(["sh", "-c", script], folder, dict(os.environ), folder / "log.txt")


def test_what_outlives_its_parent_is_ended(tmp_path: Path) -> None:
    process = start(tmp_path, "{ sleep 0.5; touch late; } &")
    process.wait()
    processes.end(process)
    time.sleep(1)
    assert not (tmp_path / "late").exists()


def test_a_number_that_is_anothers_by_now_is_left_alone(tmp_path: Path) -> None:
    """Where many processes start, a number comes again within minutes."""
    ended = start(tmp_path, "true")
    ended.wait()
    other = start(tmp_path, "sleep 60")
    ended.pid = other.pid  # as the kernel may give it
    processes.end(ended, 0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.5)
    processes.end(other)
    assert other.poll() is not None
