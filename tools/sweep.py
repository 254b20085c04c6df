"""The exhaustive tests, of which `make test` runs a fixed sample; their figures for `benchmarks/`.

Those with the marker `sweep` of amlkit and of the template, then each kind of fault at every
request of a bootstrap. All of it takes hours: `--minutes` bounds it. Each of the three parts has an
equal share, and what those before it left; a test that was not done then is in no row.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "sweep.md"
HEAD = """# What the sweeps found

Written by `make sweep`, which runs whole what `make test` runs a fixed sample of.
{when}, Python {python}, {system}, {cores} cores, {workers} processes{bound}.

| sweep | cases | tried | failed | seconds |
|---|---|---|---|---|
"""
AMLKIT = ("-c", "amlkit/pyproject.toml", "amlkit/tests")
"""amlkit's tests have a configuration of their own."""


def sweep(workers: int, minutes: float, *place: str) -> tuple[list[str], bool]:
    """Run the tests with the marker; a row of the table for each test, and whether all passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        words = [sys.executable, "-m", "pytest", "-m", "sweep", "-n", str(workers)]
        process = subprocess.Popen([*words, f"--junitxml={report}", *place], cwd=ROOT)
        try:
            process.wait(minutes * 60 or None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # pytest reports what is done, as after Ctrl-C
            process.wait()
        if not report.exists():
            return [f"| {' '.join(place) or 'tests'} | did not run | | | |"], False
        # 2: its time was up; 5: no test has the marker
        return rows(report), process.returncode in (0, 2, 5) and not failures(report)


def failures(report: Path) -> bool:
    """Whether a test of a JUnit report failed."""
    tree = ElementTree.parse(report)  # noqa: S314, pytest wrote it
    return tree.find(".//failure") is not None or tree.find(".//error") is not None


def rows(report: Path) -> list[str]:
    """A row for each test function of a JUnit report; `tried` is what the test recorded of it.

    What was skipped, since this machine lacks what it needs, is in none.
    """
    cases: dict[str, list[ElementTree.Element]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314, pytest wrote it
        name = re.sub(r"\[.*|@.*", "", case.get("name", ""))
        if not name or case.find("skipped") is not None:  # the one that was under way
            continue
        cases[f"{case.get('classname', '').rpartition('.')[2]}::{name}"].append(case)
    lines = []
    for name, ran in sorted(cases.items()):
        failed = sum(
            case.find("failure") is not None or case.find("error") is not None for case in ran
        )
        seconds = sum(float(case.get("time", 0)) for case in ran)
        tried = sum(
            int(one.get("value", 0))
            for case in ran
            for one in case.iter("property")
            if one.get("name") == "tried"
        )
        lines.append(f"| `{name}` | {len(ran)} | {tried or len(ran)} | {failed} | {seconds:.0f} |")
    return lines


def faults(workers: int, minutes: float) -> tuple[list[str], bool]:
    """Each kind of fault at every request of a bootstrap; its row, and whether all survived."""
    started = time.monotonic()
    words = ["--jobs", str(workers), "--minutes", str(minutes)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.az.faults", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        said = ""
        for said in process.stdout or ():
            print(said, end="", flush=True)
    found = re.match(r"\d+ requests; faults tried (\d+) of (\d+), survived (\d+)", said)
    if not found:
        return ["| `python -m tests.az.faults` | did not run | | | |"], False
    tried, cases, survived = map(int, found.groups())
    seconds = time.monotonic() - started
    figures = f"{cases} | {tried} | {tried - survived} | {seconds:.0f}"
    return [f"| `python -m tests.az.faults` | {figures} |"], tried == survived


def parts(workers: int, minutes: float) -> Iterator[tuple[list[str], bool]]:
    """Each part's rows, and whether it found nothing; `minutes` are those of all (0: no bound)."""
    ends = time.monotonic() + minutes * 60

    def share(left: int) -> float:
        return max((ends - time.monotonic()) / 60 / left, 0.5) if minutes else 0

    yield sweep(workers, share(3), *AMLKIT)
    yield sweep(workers, share(2))
    yield faults(workers, share(1))


def main() -> None:
    """Run all of it, and write the figures after each part; exit 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="side by side")
    parser.add_argument("--minutes", type=float, default=0, help="of all of it (0: to its end)")
    arguments = parser.parse_args()
    written = HEAD.format(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        python=platform.python_version(),
        system=platform.system(),
        cores=os.cpu_count(),
        workers=arguments.workers,
        bound=f", stopped after {arguments.minutes:g} minutes" if arguments.minutes else "",
    )
    good = True
    for lines, passed in parts(arguments.workers, arguments.minutes):
        written += "".join(f"{line}\n" for line in lines)
        FIGURES.write_text(written, encoding="utf-8")
        good = good and passed
    sys.exit(not good)


if __name__ == "__main__":
    main()
