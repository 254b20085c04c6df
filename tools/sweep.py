"""The exhaustive tests, of which `make test` runs a fixed sample; their figures for `benchmarks/`.

Those with the marker `sweep` of amlkit and of the template, then each kind of fault at every
request of a bootstrap. All of it takes hours: `--minutes` bounds it, `--only` takes one of the
three parts, and a row stays until as much of its sweep is run again. Of what was cut off, a row
says how many cases of how many were done.
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
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "sweep.md"
HEAD = """# What the sweeps found

Written by `make sweep`, which runs whole what `make test` runs a fixed sample of; the last time on
Python {python}, {system}, {cores} cores, {workers} processes. A row is of the day that it names.

| sweep | cases | tried | failed | seconds | day |
|---|---|---|---|---|---|
"""
AMLKIT = ("-c", "amlkit/pyproject.toml", "amlkit/tests")
"""amlkit's tests have a configuration of their own."""
Rows = dict[str, str]
"""A line of the table for each sweep, by its name."""


def sweep(place: tuple[str, ...], workers: int, minutes: float) -> tuple[Rows, bool]:
    """Run the tests with the marker; what is new in the table, and whether all passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        words = [sys.executable, "-m", "pytest", "-m", "sweep", *place]
        listed = subprocess.run(
            [*words, "--collect-only", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        process = subprocess.Popen([*words, "-n", str(workers), f"--junitxml={report}"], cwd=ROOT)
        try:
            process.wait(minutes * 60 or None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # pytest reports what is done, as after Ctrl-C
            process.wait()
        if not report.exists() or listed.returncode not in (0, 5):
            print(f"error: pytest {' '.join(place)} did not run\n{listed.stderr}", file=sys.stderr)
            return {}, False
        # 2: its time was up; 5: no test has the marker
        good = process.returncode in (0, 2, 5) and not failures(report)
        listing = Counter(map(name_of, re.findall(r"\S+::.*", listed.stdout)))
        return rows(report, listing), good


def name_of(test: str) -> str:
    """`test_module::test_function` of `tests/test_module.py::test_function[case]`."""
    module, _, case = test.partition("::")
    return f"{Path(module).stem}::{function_of(case)}"


def function_of(case: str) -> str:
    """`test_function` of `test_function[case]@group`."""
    return re.split(r"[@\[]", case)[0]


def failures(report: Path) -> bool:
    """Whether a test of a JUnit report failed."""
    tree = ElementTree.parse(report)  # noqa: S314, pytest wrote it
    return tree.find(".//failure") is not None or tree.find(".//error") is not None


def rows(report: Path, listing: Counter[str]) -> Rows:
    """A row for each test function of a JUnit report; `tried` is what the test recorded of it.

    `listing` counts the cases of each. What was skipped, since this machine lacks what it needs, is
    no case.
    """
    cases: dict[str, list[ElementTree.Element]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314, pytest wrote it
        name = function_of(case.get("name", ""))
        if not name:  # the one that was under way
            continue
        name = f"{case.get('classname', '').rpartition('.')[2]}::{name}"
        if case.find("skipped") is not None:
            listing[name] -= 1
        else:
            cases[name].append(case)
    found = {}
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
        found[name] = row(name, len(ran), listing[name], tried or len(ran), failed, seconds)
    return found


def row(name: str, cases: int, listed: int, tried: int, failed: int, seconds: float) -> str:
    """A line of the table."""
    done = f"{cases} of {listed}" if cases < listed else str(cases)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"| `{name}` | {done} | {tried} | {failed} | {seconds:.0f} | {day} |"


def faults(workers: int, minutes: float) -> tuple[Rows, bool]:
    """Each kind of fault at every request of a bootstrap; its row, and whether all survived."""
    started = time.monotonic()
    words = ["-m", "tests.az.faults", "--jobs", str(workers), "--minutes", str(minutes)]
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        said = ""
        for said in process.stdout or ():
            print(said, end="", flush=True)
    found = re.match(r"\d+ requests; faults tried (\d+) of (\d+), survived (\d+)", said)
    if not found:
        print("error: python -m tests.az.faults did not run", file=sys.stderr)
        return {}, False
    tried, cases, survived = map(int, found.groups())
    name, seconds = "python -m tests.az.faults", time.monotonic() - started
    return {name: row(name, tried, cases, tried, tried - survived, seconds)}, tried == survived


PARTS: dict[str, Callable[[int, float], tuple[Rows, bool]]] = {
    "amlkit": partial(sweep, AMLKIT),
    "template": partial(sweep, ()),
    "faults": faults,
}


def cases_in(line: str | None) -> int:
    """How many cases were done for a row."""
    return int(line.split("|")[2].split()[0]) if line else 0


def known() -> Rows:
    """The rows of earlier runs."""
    if not FIGURES.exists():
        return {}
    text = FIGURES.read_text(encoding="utf-8")
    return {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}


def main() -> None:
    """Run all of it, and write the figures after each part; exit 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="side by side")
    parser.add_argument("--minutes", type=float, default=0, help="of all of it (0: to its end)")
    parser.add_argument("--only", choices=PARTS, help="one part")
    arguments = parser.parse_args()
    parts = [arguments.only] if arguments.only else list(PARTS)
    head = HEAD.format(
        python=platform.python_version(),
        system=platform.system(),
        cores=os.cpu_count(),
        workers=arguments.workers,
    )
    good, lines, ends = True, known(), time.monotonic() + arguments.minutes * 60
    for left, part in zip(range(len(parts), 0, -1), parts, strict=True):
        # An equal share, and what those before it left.
        minutes = max((ends - time.monotonic()) / 60 / left, 0.5) if arguments.minutes else 0
        found, passed = PARTS[part](arguments.workers, minutes)
        for name, new in found.items():
            if cases_in(new) >= cases_in(lines.get(name)):
                lines[name] = new
        FIGURES.write_text(head + "".join(f"{line}\n" for line in lines.values()), "utf-8")
        good = good and passed
    sys.exit(not good)


if __name__ == "__main__":
    main()
