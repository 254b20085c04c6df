"""The report looked at in a real browser, on a desk and on a phone, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from report_cases import PROFILE, Case, classes_case, line_case, run_facts

from amlkit.report import write_report

pytestmark = pytest.mark.slow
LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")
LONG = "the_share_of_all_orders_that_were_returned_within_a_month"
# A page is given words that no other page has: longer than a phone is wide, and very many.
CHECKS = [
    {"kind": "drift", "words": f"{LONG + str(i)!r} is distributed otherwise", "severity": "note"}
    for i in range(150)
]


def figures(case: Case, outputs: Path, **others: Any) -> list[tuple[str, str, str, str]]:
    """A case's figures as the page takes them."""
    drawn = case.write(outputs, profile=PROFILE, **others).values()
    return [(each["svg"], each["title"], each["alt"], each["caption"]) for each in drawn]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind of run."""
    folder = tmp_path_factory.mktemp("pages")
    two = classes_case(["FEMALE", "MALE"])
    weak = 0.25 + two.probability / 2
    facts = {"two": run_facts(), "many": run_facts(), "number": run_facts()}
    facts["two"]["figures"] = figures(two, folder / "two", champion=(two.y, weak))
    facts["two"]["analysis"]["data_checks"] += CHECKS
    facts["two"]["metrics"]["metrics"] |= {"balanced_accuracy": 0.9, "average_precision": 1e-5}
    many = classes_case([f"{LONG} {i:02}" for i in range(15)], rows=600)
    facts["many"]["figures"] = figures(many, folder / "many", champion=(many.y, many.probability))
    facts["many"]["analysis"]["segments"] *= 9
    facts["many"]["analysis"].pop("thresholds")
    facts["many"]["model"]["version"] = None
    number = line_case(300)
    older = number.model.predict(number.X) + 500
    facts["number"]["figures"] = figures(number, folder / "number", champion=(older, None))
    facts["bare"] = {"metrics": {"metrics": {LONG: 12.25}}}
    found = {name: folder / f"{name}.html" for name in facts}
    for name, path in found.items():
        write_report(path, facts[name])
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all of them."""
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
@pytest.mark.parametrize("name", ["two", "many", "number", "bare"])
def test_a_page_reads_well(
    pages: dict[str, Path], browser: Browser, name: str, width: int, scheme: str
) -> None:
    browser.open(pages[name], width, scheme)
    complaints = browser.ask(LOOK)
    assert {kind: found for kind, found in complaints.items() if found} == {}
    said = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
    assert [event for event in browser.events if event["method"] in said] == []
    background = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) > 384) == (scheme == "light")


def test_a_bad_page_is_told_from_a_good_one(browser: Browser, tmp_path: Path) -> None:
    """Each complaint is made where there is reason to."""
    page = tmp_path / "bad.html"
    page.write_text("""<!doctype html><meta name="viewport" content="width=device-width">
        <title>Bad</title>
        <style>p { color: #999; background: #fff } table { margin-left: 360px }</style>
        <script>console.log("noise"); throw Error("broken")</script>
        <h2>First</h2><p>Grey</p>
        <div class="scroll"><table><thead><tr><th>Champion</th></tr></thead></table></div>
        <figure><svg viewBox="0 0 300 100" width="300"><title>Curve</title>
        <rect width="300" height="60" fill="#333"/><text x="0" y="50">Dark</text>
        <g clip-path="none"><path d="M0 90L300 90" fill="none" stroke="red"/></g>
        <text x="100" y="95">Legend</text><text x="290" y="80">Outside</text></svg></figure>""")
    browser.open(page, 390, "light")
    complaints = browser.ask(LOOK)
    assert complaints["faint"] == ["Grey", "Dark"]
    assert complaints["covered"] == ["Curve: Legend"] and complaints["cut"] == ["Outside"]
    assert complaints["headings"] == ["h2 at 0"] and len(complaints["nameless"]) == 1
    assert len(complaints["wide"]) == 2
    methods = [event["method"] for event in browser.events]
    assert {"Runtime.exceptionThrown", "Runtime.consoleAPICalled"} <= set(methods)
