"""The report is one page that stands alone, says what the gate said, and lets nothing through."""

from __future__ import annotations

import base64
import html
import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_cases import FIGURE, classes_case, run_facts

from amlkit.report import write_report
from amlkit.report.words import (
    DASH,
    MINUS,
    code,
    difference,
    duration,
    moment,
    number,
    sentence,
    signs,
)
from amlkit.tabular.numbers import are_years, within

EVIL = '"><script>alert(1)</script> 🐧 $x$ &amp;'
FOREIGN = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><g id="a"/></svg>'
VOID = {"meta", "link", "img", "br", "wbr", "hr", "input"}


class Page(HTMLParser):
    """What a page holds: tags with their attributes, and the text; it must be nested well."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps the tag."""
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps a tag that closes itself, as in SVG."""
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """A tag closes the one opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keeps the text that is shown."""
        if "style" not in self.open:
            self.text += data

    def all(self, name: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [attributes for tag, attributes in self.tags if tag == name]

    def table(self, caption: str) -> list[str]:
        """The cells' text, row by row, of the table with this caption."""
        tables = re.findall(r"<table>.*?</table>", self.source.replace("<wbr>", ""), re.S)
        found = next(table for table in tables if caption in table)
        rows = re.findall(r"<tr>(.*?)</tr>", found, re.S)
        return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", row)).split()) for row in rows]


@pytest.fixture
def facts() -> dict[str, Any]:
    """Everything that can be said of a run that was registered."""
    return run_facts()


def write(tmp_path: Path, facts: dict[str, Any]) -> Page:
    """The page of these facts."""
    write_report(tmp_path / "run" / "report.html", facts)
    return Page(tmp_path / "run" / "report.html")


def poison(value: Any) -> Any:
    """The same facts with hostile text for every text."""
    if isinstance(value, dict):
        return {key: poison(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(poison(item) for item in value)
    return EVIL if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        (
            {"onnx_copy": True, "reason": "", "rows": 62, "largest_difference": 3.1e-7},
            "ServingONNX copy, agrees within 0.000001 on 62 rows",
        ),
        (
            {"onnx_copy": True, "reason": "", "rows": 62, "largest_difference": 0.0},
            "ServingONNX copy, agrees exactly on 62 rows",
        ),
        (
            {
                "onnx_copy": False,
                "reason": "it has <no> way",
                "rows": 0,
                "largest_difference": None,
            },
            "Servingthe scikit-learn model; no ONNX copy because it has <no> way",
        ),
    ],
)
def test_what_answers_requests_is_said(
    tmp_path: Path, facts: dict[str, Any], serving: dict[str, Any], words: str
) -> None:
    """The ONNX copy and how near it comes, or why there is none."""
    facts["metrics"]["serving"] = serving
    write_report(tmp_path / "report.html", facts)
    assert words in Page(tmp_path / "report.html").text


def test_asks_for_nothing_from_outside(tmp_path: Path, facts: dict[str, Any]) -> None:
    facts["figures"].append((FOREIGN, "theirs", "a line", ""))
    page = write(tmp_path, facts)
    policy = next(m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = policy["content"].split("; ")
    assert rules[:3] == ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    links = [a[k] for _, a in page.tags for k in ("href", "src", "xlink:href", "action") if k in a]
    assert links and all(link.startswith(("#", "data:")) for link in links)
    assert "url(" not in page.source and "@import" not in page.source
    assert not {"script", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert re.findall(r"https?://[^\s\"']+", page.source) == ["http://www.w3.org/2000/svg"]


def test_hostile_text_stays_text(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = write(tmp_path, poison(facts))
    assert page.text.count("<script>alert(1)</script> 🐧 $x$ &amp;") > 15
    assert "<script" not in page.source
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]


def test_is_built_for_every_reader(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = write(tmp_path, facts)
    assert page.all("html") == [{"lang": "en"}]
    assert any("width=device-width" in meta.get("content", "") for meta in page.all("meta"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.all("table")) == len(page.all("caption")) == 7
    assert page.all("th") and all(th["scope"] in ("col", "row") for th in page.all("th"))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    named = " ".join(a.get("aria-labelledby", "") for _, a in page.tags).split()
    assert set(named) <= set(ids) and "roc-desc" in named
    skip = page.all("a")[0]
    assert skip["class"] == "skip" and skip["href"].removeprefix("#") in ids


def test_figures_stand_inline_or_are_shut_into_an_image(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    scripted = FIGURE.replace("roc-", "x-").replace("<path", "<script>1</script><path")
    clicked = FIGURE.replace("roc-", "y-").replace("<path", '<path onclick="1"')
    outside = FIGURE.replace("roc-", "z-").replace("<path", '<use href="//a.example/#b"/><path')
    styled = FIGURE.replace("roc-", "v-").replace("<path", '<path class="verdict good"')
    fetched = FIGURE.replace("roc-", "u-").replace("stroke:", "fill:URL(//a.example);stroke:")
    defined = "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + FIGURE.replace("roc-", "w-")
    others = [FOREIGN, FIGURE, scripted, clicked, outside, styled, fetched, defined, "<svg"]
    facts["figures"] += [(svg, f"figure {i}", f"seen {i}", "") for i, svg in enumerate(others)]
    page = write(tmp_path, facts)
    assert [svg["role"] for svg in page.all("svg")] == ["img"]  # not the second of the same ids
    assert [image["alt"] for image in page.all("img")] == [f"seen {i}" for i in range(len(others))]
    sources = [image["src"].removeprefix("data:image/svg+xml;base64,") for image in page.all("img")]
    assert [base64.b64decode(source).decode() for source in sources] == others
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_says_first_what_became_of_the_run(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = write(tmp_path, facts)
    assert "Registered as penguins-sex version 3" in page.text
    assert page.text.index("Registered as") < page.text.index("Metrics")
    assert page.text.count("0.94 meets the threshold ≥ 0.6") == 1  # not again as the reason
    assert ">=" not in page.text  # one sign, here and in the table
    assert "A word of its own; and another." in page.text
    assert "Met: it is not worse than version 2; not at all" in page.text
    assert "prose" not in page.text
    facts["model"]["version"] = None
    facts["decision"]["checks"][0] |= {"passed": False, "words": "roc_auc 0.94 misses it"}
    facts["decision"]["notes"] = []
    page = write(tmp_path, facts)
    assert "Not registered" in page.text and "Registered as" not in page.text
    assert "Missed: roc_auc 0.94 misses it" in page.text and "✕" in page.text
    del facts["decision"], facts["model"]
    assert "Not judged" in write(tmp_path, facts).text
    facts["status"] = "Failed"
    assert "Run failed" in write(tmp_path, facts).text


def test_metrics_stand_beside_threshold_and_champion(tmp_path: Path, facts: dict[str, Any]) -> None:
    head, first, second = write(tmp_path, facts).table("held-out rows")
    assert head == "Metric This model Bar from 0 to 1 Champion version 2 Difference Threshold"
    assert first == (
        "roc_auc primary higher is better 0.9400 0.9300 to 0.9500 0.9200 "
        "+0.0200 under +0.0001 to +0.0400 better ≥ 0.6 ✓ met"
    )
    unsure = f"+34.57 {MINUS}8.500 to +70.00 no clear difference"
    assert second == f"rmse lower is better 1,235 1,200 {unsure} {DASH}"
    facts["metrics"]["champion"]["difference"]["rmse"] = [-170.0, -30.0]
    facts["decision"]["checks"][0] |= {"least": 0.95, "bound": ">= 0.95", "passed": False}
    facts["metrics"]["metrics"]["rmse"] = 1100.0
    surely = f"{MINUS}100.0 {MINUS}170.0 to {MINUS}30.00 better"
    _, first, second = write(tmp_path, facts).table("held-out rows")
    assert first.endswith("≥ 0.95 ✕ missed")
    facts["metrics"]["metrics"]["roc_auc"] = 0.92
    unsure = f"0.9200 0 {MINUS}0.0200 to +0.0400 no clear difference"
    for interval, said in (([-0.02, 0.04], unsure), ([0.0, 0.0], "0.9200 0 equal")):
        facts["metrics"]["champion"]["difference"]["roc_auc"] = interval
        assert said in write(tmp_path, facts).table("held-out rows")[1]
    assert second == f"rmse lower is better 1,100 1,200 {surely} {DASH}"
    bounds = {"least": -1.5, "most": 2.0, "bound": ">= -1.5 and <= 2"}
    facts["decision"]["checks"][0] |= {**bounds, "passed": True}
    _, first, _ = write(tmp_path, facts).table("held-out rows")
    assert first.endswith(f"≥ {MINUS}1.5 and ≤ 2 ✓ met")


def test_nothing_is_better_or_worse_that_no_interval_tells(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    """Nor by the interval of another champion, who was there when the run ended."""
    facts["metrics"]["champion"]["version"] = "1"
    _, first, second = write(tmp_path, facts).table("held-out rows")
    assert "+0.0200 ≥ 0.6" in first and f"+34.57 {DASH}" in second


def test_the_training_rows_and_the_baseline_stand_beside(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    head, first, second = write(tmp_path, facts).table("beside training")
    assert head == "Metric This model On training rows Baseline class priors Difference"
    assert second == f"rmse 1,235 900.0 {DASH} {DASH}"
    assert first == "roc_auc 0.9400 0.9900 0.5000 +0.4400 +0.4300 to +0.4500 better"
    del facts["metrics"]["baseline"], facts["metrics"]["train_metrics"]
    assert "beside training" not in write(tmp_path, facts).source


def test_shows_what_was_tried_the_best_first(tmp_path: Path, facts: dict[str, Any]) -> None:
    search = facts["metrics"]["search"]
    assert write(tmp_path, facts).table("scored in folds")[1:] == [
        "alpha 1.0, solver svd 0.9300",
        "alpha 9.5, solver a long name of a way 0.9000",
        f"alpha -1.0, solver None {DASH} ValueError: no",
    ]
    search["goal"], search["trials"] = "minimize", search["trials"] * 3
    page = write(tmp_path, facts)
    assert "0.9000" in page.table("scored in folds")[1] and "1 more" in page.text
    for broken in ("none", {"trials": 3}, {"trials": ["x"], "goal": None}, {"trials": [{}]}):
        facts["metrics"]["search"] = broken
        write(tmp_path, facts)


def test_says_where_it_errs_and_what_to_look_at(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = write(tmp_path, facts)
    link = next(a for a in page.all("a") if a.get("href") == "#section-looks")
    assert link and "1 thing to look at first: leak, left" in page.text
    assert page.text.index("1 thing to look at") < page.text.index("Metrics")
    _, worst, other = page.table("by segment")
    assert worst == "Island Dream 120 0.9000 0.5000 to 1.300 worse than all rows"
    assert other == "Mass from 2700 to 3550 99 0.4000 0.2000 to 0.6000"
    assert page.table("largest loss")[1] == "MALE FEMALE 0.0123 Dream 4,202"
    assert page.table("“MALE”")[1] == f"0.05 0.60 {DASH} 0.90 1,234 3 1,237"
    assert 'In config.yml: training.drop_columns: ["left"]' in page.text
    assert "has the mean 4,000" in page.text and "Segments of 2 of 9 columns." in page.text
    checks = facts["analysis"]["data_checks"]
    checks[:0] = [{"kind": "drift", "words": f"'c{i}' drifts"} for i in range(200)]
    page = write(tmp_path, facts)
    assert page.text.index("'left' alone") < page.text.index("'c0' drifts")  # a warning comes first
    assert "92 more" in page.text and "102 others are not shown." in page.text
    checks += [{"kind": "overfitting", "words": "x", "severity": "warning"}] * 3
    facts["analysis"]["segments"][0]["interval"] = [0.0, 7.304]
    page = write(tmp_path, facts)
    assert "4 things to look at first: leak, left; overfitting; overfitting; 1 more" in page.text
    assert "0.9000 up to 7.304" in page.table("by segment")[1]
    facts["analysis"], facts["data_changes"] = {"segments": "none"}, None
    page = write(tmp_path, facts)
    assert "to look at first" not in page.text
    assert "Where it errs" not in page.text and "What to look at" not in page.text


def test_the_thresholds_stand_beside_their_figure(tmp_path: Path, facts: dict[str, Any]) -> None:
    figure = classes_case(["FEMALE", "MALE"]).write(tmp_path)["threshold"]
    facts["figures"].append((figure["svg"], figure["title"], figure["alt"], figure["caption"]))
    source = write(tmp_path, facts).source
    assert source.index('id="section-threshold"') < source.index("threshold-title")
    assert source.index("threshold-title") < source.index('id="section-figures"')
    del facts["analysis"]["thresholds"]
    source = write(tmp_path, facts).source
    assert source.index('id="section-figures"') < source.index("threshold-title")


def test_differences_are_never_in_powers_of_ten() -> None:
    values = (3e-5, -2e-9, 0.00742, 12_345.6, -1e16)
    assert [difference(value) for value in values] == [
        "under +0.0001", f"under {MINUS}0.0001", "+0.0074", "+12,346", f"{MINUS}" + f"{10**16:,}",
    ]  # fmt: skip
    distances = (3.1e-7, 2e-5, 0.001, 4.0, 2345.0)
    assert [within(value) for value in distances] == ["0.000001", "0.0001", "0.001", "10", "10,000"]


def test_says_why_the_champion_was_not_compared(tmp_path: Path, facts: dict[str, Any]) -> None:
    facts["decision"]["champion"] = {"version": "2", "error": "it wants another schema"}
    page = write(tmp_path, facts)
    assert "The champion, version 2, could not be compared: it wants another schema." in page.text
    assert "Difference" not in page.table("held-out rows")[0]


def test_says_what_went_in(tmp_path: Path, facts: dict[str, Any]) -> None:
    text = " ".join(write(tmp_path, facts).text.split())
    for words in (
        "5f0c9a7be21d", "12,344", "9,876 train / 2,468 test", "b19d2f6a03ce", "77aa01c4e9d0",
        "9fceb02d0ae5 with uncommitted changes", "3 June 2025, 10:12 UTC", "1 min 12 s", "Ridge",
        "alpha", "2.0 s", "without 'id': it is different in every row",
    ):  # fmt: skip
        assert words in text
    facts["git"]["dirty"] = False
    assert "uncommitted" not in write(tmp_path, facts).text


def test_rows_add_up(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert "9,876 train / 2,468 test<" in write(tmp_path, facts).source
    facts["data"]["rows"] += 617  # as many as the profile says have no target
    assert "2,468 test; 617 left out: no Sex<" in write(tmp_path, facts).source
    facts["data"]["rows"] += 3  # and some that train.py left out for a reason of its own
    assert "2,468 test; 620 left out<" in write(tmp_path, facts).source
    facts["metrics"]["split"] = {"by": "group", "column": "shop", "folds": 5}
    assert "2,468 in 5 folds, by group shop<" in write(tmp_path, facts).source


def test_profile_is_a_table_that_folds(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = write(tmp_path, facts)
    assert page.table("3 columns, 12,344 rows")[1:] == [
        f"Sex target date 617 5.0% many 2007-11-09 {DASH} {DASH} {DASH}",
        f"Mass number 0 2 {DASH} 4,202 {DASH} {DASH}",
        f"Kind category 0 many {DASH} {DASH} {DASH} {DASH} A (9), B (3)",
    ]
    assert "read as day/month" in page.text
    assert "<summary>3 columns" not in page.source
    facts["profile"]["columns"] *= 8
    assert "<summary>24 columns" in write(tmp_path, facts).source
    facts["profile"]["columns"] *= 400
    page = write(tmp_path, facts)
    assert "The first 200 are shown" in page.text and len(page.source) < 200_000


def test_commands_are_quoted_for_the_shell(tmp_path: Path, facts: dict[str, Any]) -> None:
    facts["data"]["name"] = facts["experiment"] = "it's $(rm -rf x) <b>"
    facts["settings"] = {"training.parameters": {"max_iter": 300}}
    facts["flags"] = ("--env", "prod")
    facts["profile"]["file"] = "it's;\nls.csv"
    page = write(tmp_path, facts)
    text = re.search(r'aria-label="Commands">(.*?)</pre>', page.source, re.S)
    assert text is not None
    lines = html.unescape(re.sub("<[^>]*>", "", text[1])).splitlines()
    assert lines.pop(1) == (
        "# it's; ls.csv: the table of data asset it's $(rm -rf x) <b>, version 5f0c9a7be21d; "
        "give its path"
    )
    checkout, data, model = map(shlex.split, lines)
    assert data[data.index("--path") + 1] == "it's; ls.csv"
    assert checkout == ["git", "checkout", "9fceb02d0ae598e95dc970b74767f19372d61af8"]
    assert data[data.index("--name") + 1] == "it's $(rm -rf x) <b>"
    assert model[model.index("--experiment") + 1] == "it's $(rm -rf x) <b>"
    assert 'training.parameters={"max_iter": 300}' in model
    assert model[:4] == ["python", "src/model.py", "--env", "prod"]
    assert data[:4] == ["python", "src/data.py", "--env", "prod"]


def test_a_table_whose_file_is_not_known_is_named_by_its_asset(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    text = write(tmp_path, facts).text
    assert "# data asset penguins, version 5f0c9a7be21d, is the table\npython src/model.py" in text
    assert "src/data.py" not in text


def test_a_table_that_is_here_is_named_by_its_path(tmp_path: Path, facts: dict[str, Any]) -> None:
    facts["profile"]["file"], facts["data"]["path"] = "penguins.csv", "copies/penguins.csv"
    text = write(tmp_path, facts).text
    assert "--path copies/penguins.csv --name" in text and "give its path" not in text


def test_years_have_no_separator(tmp_path: Path, facts: dict[str, Any]) -> None:
    ends = {"min": 1996.0, "max": 2004.0, "mean": 2001.25}
    facts["profile"]["columns"][1] |= ends
    facts["analysis"]["worst_rows"] = [
        {"row": {"Year": 2004, "Mass": mass}, "truth": 2001, "prediction": 2003.3, "error": 2.3}
        for mass in (2100, 4200)
    ]
    page = write(tmp_path, facts)
    assert "1996 2001 2004" in page.table("3 columns")[2]
    assert page.table("largest loss")[1] == "2001 2003 2.300 2004 2,100"
    facts["profile"]["columns"][1] |= {"max": 4004.0}
    assert "1,996 2,001 4,004" in write(tmp_path, facts).table("3 columns")[2]
    assert not are_years([2001.5]) and not are_years([None, 2001]) and not are_years([])


def test_log_is_kept_without_its_colours(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = write(tmp_path, facts)
    assert "[1/6] read\n[2/6] fit" in page.text and "\x1b" not in page.source


def test_metrics_alone_make_a_report(tmp_path: Path) -> None:
    metrics = {"metrics": {"profit per call": 12.25, "gone": float("nan")}}
    page = write(tmp_path, {"metrics": metrics})
    rows = page.table("held-out rows")
    assert rows == ["Metric This model", "profit per call 12.25", "gone not a number"]
    assert not page.all("svg") and "better" not in page.text  # nothing is guessed of unknown names
    empty = dict.fromkeys(["data", "environment", "git", "profile", "decision", "figures"])
    again = write(tmp_path, {"metrics": metrics, **empty})
    assert "profit per call" in again.text
    assert "None" not in again.text and "False" not in again.text


def test_same_facts_give_the_same_bytes(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert write(tmp_path, facts).source == write(tmp_path, facts).source


def test_a_page_is_put_in_place_whole_or_not_at_all(tmp_path: Path, facts: dict[str, Any]) -> None:
    target = tmp_path / "report.html"
    write_report(target, facts)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        write_report(tmp_path / "taken", facts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "taken"]


@pytest.mark.parametrize("text, value", [
    ("0.9412", 0.94119), ("0.0123", 0.01234), ("12,346", 12345.678), ("123.5", 123.456), ("7", 7),
    (f"{MINUS}0.5000", -0.5), (f"1.234e{MINUS}07", 1.2341e-7), ("0", 0.0), ("1,234,567", 1234567),
    ("0.00123", 0.001234), ("0.0000136", 1.362e-5), ("1.000", 0.99997),
    (DASH, None), ("not a number", float("nan")), ("∞", float("inf")), ("<b>", "<b>"),
])  # fmt: skip
def test_numbers_are_written_for_readers(text: str, value: Any) -> None:
    assert number(value) == text


def test_times_are_written_for_readers() -> None:
    assert [duration(s) for s in (8.41, 72, 7260, None)] == ["8.4 s", "1 min 12 s", "2 h 1 min", ""]
    assert ">3 June 2025, 08:12 UTC<" in moment("2025-06-03T10:12:01+02:00")
    assert ">3 June 2025, 10:12 UTC<" in moment("2025-06-03T10:12:01Z")
    assert moment("<yesterday>") == "&lt;yesterday&gt;"
    assert code("a_b<c>/dE") == "<code>a_<wbr>b&lt;c&gt;/<wbr>d<wbr>E</code>" and code("") == ""
    assert signs("x -0.5 >= -1 (-2), a-1") == f"x {MINUS}0.5 ≥ {MINUS}1 ({MINUS}2), a-1"
    assert sentence("there was no champion") == "There was no champion."


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb, as the contrast rules (WCAG 2) define it."""
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_keep_their_contrast_in_light_and_dark(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    schemes = re.findall(r":root \{(.*?)\}", write(tmp_path, facts).source, re.S)[:2]
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w+);", scheme))
        pairs = [(text, "surface", 4.5) for text in ("fg", "muted", "good", "bad", "link")]
        pairs += [("fg", "bg", 4.5), ("muted", "bg", 4.5), ("link", "bg", 4.5)]
        pairs += [("fg", "good-bg", 4.5), ("good", "good-bg", 4.5), ("fg", "bad-bg", 4.5)]
        pairs += [("bad", "bad-bg", 4.5), ("good", "bad-bg", 4.5), ("surface", "muted", 4.5)]
        pairs += [(f"series-{i}", "surface", 3.0) for i in range(1, 7)]
        for front, back, least in pairs:
            low, high = sorted((luminance(colours[front]), luminance(colours[back])))
            assert (high + 0.05) / (low + 0.05) >= least, (front, back)
