"""Paired measurements: whole processes, interleaved, compared by the median of their ratios."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cost:
    """What a process and all that it started cost."""

    seconds: float
    peak: int
    """The largest resident memory of one of its processes (bytes)."""


class _Watcher(threading.Thread):
    """Follows the peak memory of processes, by process id or a mark in the command line."""

    def __init__(self, pid: int, mark: str | None) -> None:
        super().__init__(daemon=True)
        self.pid, self.mark, self.peak, self.over = pid, mark, 0, threading.Event()

    def run(self) -> None:
        """Samples until told that it is over; the kernel keeps each process's own peak."""
        while not self.over.wait(0.1):
            for process in psutil.process_iter():
                try:
                    ours = process.pid == self.pid or (
                        self.mark and self.mark in " ".join(process.cmdline())
                    )
                    if ours:
                        self.peak = max(self.peak, peak_memory(process))
                except psutil.Error:
                    continue


def peak_memory(process: psutil.Process) -> int:
    """A process's largest resident memory so far (bytes)."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    memory = process.memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def cost(
    command: Sequence[str],
    cwd: Path,
    *,
    mark: str | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[Cost, str]:
    """Runs a command; what it cost and what it printed.

    Args:
        command: the command line.
        cwd: its working folder.
        mark: processes with this text in their command line count too, such as a detached job.
        env: its environment variables.

    Raises:
        SystemExit: it failed; its last words are shown.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    watcher = _Watcher(process.pid, mark)
    watcher.start()
    out, err = process.communicate()
    seconds = time.perf_counter() - began
    watcher.over.set()
    watcher.join()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{out[-2000:]}\n{err[-2000:]}")
    return Cost(seconds, watcher.peak), out


def paired(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[float, float, float]:
    """(median ratio, our median, their median) of interleaved rounds after a first one."""
    ours(), theirs()
    return compare([(ours(), theirs()) for _ in range(rounds)])


def compare(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """(median ratio, our median, their median) of rounds measured side by side."""
    return (
        statistics.median(a / b for a, b in pairs),
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
    )


def line(what: str, value: float, goal: float | None, detail: str, *, higher: bool = False) -> str:
    """A row of the table that `make bench` prints; with `higher` the goal is a least value."""
    met = goal is not None and (value >= goal if higher else value <= goal)
    verdict = "" if goal is None else f"(goal {goal:g}: {'met' if met else 'missed'})"
    return f"{what:<58} {value:>8.2f} {verdict:<20} {detail}"
