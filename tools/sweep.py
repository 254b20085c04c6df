"""The exhaustive tests, of which `make test` runs a fixed sample; their figures for `benchmarks/`.

Those with the marker `sweep` of amlkit and of the template, then each kind of fault at every
request of a bootstrap. It takes hours; `--minutes` bounds the last part, which takes most of them.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "sweep.md"
HEAD = """# What the sweeps found

Written by `make sweep`, which runs whole what `make test` runs a fixed sample of.
{when}, Python {python}, {system}.

| sweep | cases | failed | seconds | tried |
|---|---|---|---|---|
"""


def sweep(workers: str, *place: str) -> tuple[list[str], bool]:
    """Run the tests with the marker; a row of the table for each test, and whether all passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        words = [sys.executable, "-m", "pytest", "-m", "sweep", "-n", workers]
        done = subprocess.run([*words, f"--junitxml={report}", *place], cwd=ROOT, check=False)
        if not report.exists():
            return [f"| {' '.join(place) or 'tests'} | - | did not run | - | - |"], False
        return rows(report), done.returncode in (0, 5)  # 5: no test has the marker


def rows(report: Path) -> list[str]:
    """A row for each test function of a JUnit report; `tried` is what the test recorded of it."""
    cases: dict[str, list[ElementTree.Element]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314, pytest wrote it
        name = re.sub(r"\[.*|@.*", "", case.get("name", ""))
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
        lines.append(f"| `{name}` | {len(ran)} | {failed} | {seconds:.0f} | {tried or '-'} |")
    return lines


def faults(workers: int, minutes: float) -> tuple[str, bool]:
    """Each kind of fault at every request of a bootstrap; its row, and whether all survived."""
    started = time.monotonic()
    words = ["--jobs", str(workers), "--minutes", str(minutes)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.az.faults", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    print(done.stdout)
    found = re.search(r"(\d+) requests; faults tried (\d+), survived (\d+)", done.stdout)
    if not found:
        return "| `python -m tests.az.faults` | - | did not run | - | - |", False
    requests, tried, survived = map(int, found.groups())
    seconds = time.monotonic() - started
    name = f"`python -m tests.az.faults`, {requests} requests"
    return f"| {name} | {tried} | {tried - survived} | {seconds:.0f} | {tried} |", tried == survived


def main() -> None:
    """Run all of it and write the figures; exit 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument(
        "--minutes", type=float, default=0, help="of the bootstrap's faults (0: all)"
    )
    arguments = parser.parse_args()
    library, one = sweep(str(arguments.workers), "-c", "amlkit/pyproject.toml", "amlkit/tests")
    template, two = sweep(str(arguments.workers))
    bootstrap, three = faults(arguments.workers, arguments.minutes)
    head = HEAD.format(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        python=platform.python_version(),
        system=platform.system(),
    )
    FIGURES.write_text(head + "\n".join([*library, *template, bootstrap]) + "\n", encoding="utf-8")
    sys.exit(not (one and two and three))


if __name__ == "__main__":
    main()
