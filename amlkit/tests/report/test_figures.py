"""Figures tell the truth in words and shape, fit into a page, and keep to their time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from report_cases import EVIL, PROFILE, Case, classes_case, line_case
from sklearn.metrics import (
    average_precision_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    roc_curve,
)

from amlkit.tabular.figures import SERIES, Figure, drawing, svg, write_figures

pytestmark = pytest.mark.slow  # it draws

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, dict[str, dict[str, str]]]:
    """Two classes with hostile names, with everything that can be given."""
    case = classes_case(EVIL)
    weak = case.probability + np.random.default_rng(3).normal(scale=0.3, size=(300, 2))
    weak = np.clip(weak, 0, 1)
    outputs = tmp_path_factory.mktemp("binary")
    champion = (case.y, weak)
    return case, case.write(outputs, champion=champion, profile=PROFILE)


def tree(svg: str) -> ET.Element:
    """The figure as XML."""
    return ET.fromstring(svg)  # noqa: S314 - our own


def number_after(words: str, text: str) -> float:
    """The number that follows these words."""
    found = re.search(re.escape(words) + r" ?(-?[\d.,]*\d)", text)
    assert found, f"{words!r} is not in {text!r}"
    return float(found[1].replace(",", ""))


def test_every_figure_fits_into_a_page(binary: tuple[Case, dict[str, dict[str, str]]]) -> None:
    _, figures = binary
    assert list(figures) == [
        "confusion", "roc", "precision_recall", "calibration", "threshold", "importance", "profile",
    ]  # fmt: skip
    ids: list[str] = []
    for figure in figures.values():
        root = tree(figure["svg"])
        ids += [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
        label, description = root.attrib["aria-labelledby"].split()
        texts = {node.get("id"): node.text for node in root[:2]}
        assert texts == {label: figure["title"], description: figure["alt"]}
        assert root.attrib["role"] == "img"
        assert "viewBox" in root.attrib and not {"width", "height"} & set(root.attrib)
        assert not {f"{SVG}style", f"{SVG}metadata", f"{SVG}script"} & {n.tag for n in root.iter()}
        assert "#00fe" not in figure["svg"] and "var(--series-1,#" in figure["svg"]
        assert not re.findall(r'(?:href="|url\()(?!#)', figure["svg"])
        assert len(figure["svg"]) < 40_000
        for used in re.findall(r'(?:href="|url\()#([\w-]+)', figure["svg"]):
            assert used in ids
    assert len(ids) == len(set(ids))


def test_hostile_names_are_text_and_short(binary: tuple[Case, dict[str, dict[str, str]]]) -> None:
    _, figures = binary
    labels = [n.text or "" for n in tree(figures["confusion"]["svg"]).iter(f"{SVG}text")]
    assert "<script>alert(1…" in labels
    assert any(label.startswith("$x^2$ 🐧 & line") for label in labels)  # not set as mathematics
    assert max(map(len, labels)) <= 24
    assert len(figures["confusion"]["alt"]) < 300


def test_same_input_gives_the_same_bytes(
    binary: tuple[Case, dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    case, figures = binary
    again = case.write(tmp_path, profile=PROFILE)
    for name in ("confusion", "calibration", "importance", "profile"):
        assert again[name] == figures[name]
    assert again["roc"]["svg"] != figures["roc"]["svg"]  # the champion's curve is gone


def test_words_hold_the_true_numbers(binary: tuple[Case, dict[str, dict[str, str]]]) -> None:
    case, figures = binary
    positive, score = case.y == case.model.classes_[1], case.probability[:, 1]
    x, y, _ = roc_curve(positive, score)
    roc = figures["roc"]["alt"]
    assert number_after("area", roc) == pytest.approx(roc_auc_score(positive, score), abs=6e-4)
    assert number_after("it finds", roc) == pytest.approx(y[x <= 0.1].max(), abs=6e-3)
    right = int((case.model.predict(case.X) == case.y).sum())
    assert f"of 300 held-out rows, {right} of them predicted right" in figures["confusion"]["alt"]
    rows = [int(n) for n in re.findall(r"of (\d+)[;.]", figures["calibration"]["alt"])]
    assert sum(rows) == 300
    assert "The champion: " in roc and ", champion" in figures["roc"]["svg"]
    assert "a 750 (75%)" in figures["profile"]["alt"]
    assert "signal 25.0% and <b>noise</b> 1.0%" in figures["profile"]["alt"]
    assert "2 of 3 columns" in figures["profile"]["alt"]


@pytest.mark.parametrize("rows, bins", [(12, 1), (86, 5), (1000, 10)])
def test_a_point_of_the_calibration_is_of_enough_rows(tmp_path: Path, rows: int, bins: int) -> None:
    words = classes_case(["a", "b"], rows).write(tmp_path)["calibration"]["alt"]
    full = [int(n) for n in re.findall(r"of (\d+)[;.]", words)]
    assert sum(full) == rows and len(full) == bins
    assert max(full) - min(full) <= 1


def test_the_threshold_of_the_fewest_errors_is_the_one_that_counting_finds(tmp_path: Path) -> None:
    case = classes_case(["a", "b"], rows=200)
    score = np.round(case.probability[:, 1] ** 2, 2)  # off the middle, and with many ties
    figure = case.write(tmp_path, probability=np.column_stack([1 - score, score]))["threshold"]
    errors = {s: int(((score >= s / 100) != (case.y == "b")).sum()) for s in range(1, 100)}
    fewest = min(errors, key=lambda s: (errors[s], abs(s - 50)))
    assert fewest < 45
    assert f"The fewest errors, {errors[fewest]} of 200 rows at 0.{fewest:02}." in figure["alt"]
    called = score >= 0.5
    assert number_after("right in", figure["alt"]) == pytest.approx(
        (case.y[called] == "b").mean(), abs=6e-3
    )
    assert f"errs in {errors[50]}." in figure["alt"] and "share of rows" in figure["svg"]


def test_average_precision_is_scikit_learns(tmp_path: Path) -> None:
    case = classes_case(["a", "b"], rows=40)
    weak = np.random.default_rng(4).random((40, 2))
    figures = case.write(tmp_path, probability=weak, champion=(case.y, case.probability))
    areas = re.findall(r"average precision ([\d.]+\d)", figures["precision_recall"]["alt"])
    truth = [average_precision_score(case.y == "b", p[:, 1]) for p in (weak, case.probability)]
    assert [float(area) for area in areas] == pytest.approx(truth, abs=6e-4)


def test_importance_tells_signal_from_noise(
    binary: tuple[Case, dict[str, dict[str, str]]],
) -> None:
    case, figures = binary
    words = figures["importance"]["alt"]
    area = roc_auc_score(case.y == case.model.classes_[1], case.probability[:, 1])
    assert number_after("from", words) == pytest.approx(area, abs=6e-4)
    assert number_after("signal", words) > 0.3
    assert abs(number_after("<b>noise</b>", words)) < 0.02
    assert words.index("signal") < words.index("noise")


def test_many_classes_are_drawn_as_far_as_they_can_be_read(tmp_path: Path) -> None:
    names = [f"kind {i:02}" for i in range(15)]
    case = classes_case(names, rows=600)
    figures = case.write(tmp_path, champion=(case.y, case.probability))
    assert "4 rarest classes are summed up as “all others”" in figures["confusion"]["alt"]
    assert "of 600 held-out rows" in figures["confusion"]["alt"]
    assert figures["roc"]["alt"].count("at a false-positive rate") == 6
    assert "the 6 most frequent classes" in figures["roc"]["caption"]
    first = re.search(r"(kind \d\d): area ([\d.]+)", figures["roc"]["alt"])
    assert first is not None
    index = names.index(first[1])
    area = roc_auc_score(case.y == first[1], case.probability[:, index])
    assert float(first[2]) == pytest.approx(area, abs=6e-4)
    assert "predicted class" in figures["calibration"]["caption"]


@pytest.mark.parametrize("truth, answer, names", [
    ([0.0, 1.0], [0, 1], ["0", "1"]), ([False, True], ["False", "True"], [False, True]),
])  # fmt: skip
def test_labels_may_be_written_in_more_than_one_way(
    tmp_path: Path, truth: list[Any], answer: list[Any], names: list[Any]
) -> None:
    case = classes_case(["a", "b"])
    right = case.model.predict(case.X) == case.y
    y = np.where(case.y == "b", *np.array(truth[::-1]))
    prediction = [answer[int(p > 0.5)] for p in case.probability[:, 1]]
    figures = case.write(tmp_path, y_test=y, prediction=prediction, classes=names)
    assert f"300 held-out rows, {right.sum()} of them" in figures["confusion"]["alt"]
    area = roc_auc_score(case.y == "b", case.probability[:, 1])
    assert number_after("area", figures["roc"]["alt"]) == pytest.approx(area, abs=6e-4)


def test_a_model_without_probabilities_has_fewer_figures(tmp_path: Path) -> None:
    figures = classes_case(["a", "b"]).write(tmp_path, probability=None)
    assert list(figures) == ["confusion", "importance"]


def test_held_out_rows_of_one_class_have_no_curves(tmp_path: Path) -> None:
    case = classes_case(["a", "b"])
    keep = case.y == "a"
    figures = Case(case.model, case.X[keep], case.y[keep]).write(tmp_path)
    assert list(figures) == ["confusion", "calibration", "importance"]


def test_regression_in_words_points_and_hexagons(tmp_path: Path) -> None:
    case = line_case(300)
    prediction = case.model.predict(case.X)
    older = prediction + 500
    figures = case.write(tmp_path / "few", champion=(older, None), profile=PROFILE)
    assert list(figures) == ["predicted_actual", "residuals", "importance", "profile"]
    words = figures["predicted_actual"]["alt"]
    truth = r2_score(case.y, prediction), r2_score(case.y, older)
    error = mean_absolute_error(case.y, prediction)
    assert number_after("this model: R²", words) == pytest.approx(truth[0], abs=6e-4)
    assert number_after("champion: R²", words) == pytest.approx(truth[1], abs=6e-4)
    assert number_after("mean absolute error", words) == pytest.approx(error, rel=6e-3)
    spread = (prediction - case.y).std()
    assert number_after("deviation", figures["residuals"]["alt"]) == pytest.approx(spread, rel=6e-3)
    points = tree(figures["predicted_actual"]["svg"]).iter(f"{SVG}use")
    assert len(list(points)) >= 600  # of both models
    assert "holds 700" in figures["profile"]["alt"]

    many = line_case(5000).write(tmp_path / "many")
    sample = "The points are 800 of the 5,000 rows, drawn by lot."
    assert sample in many["predicted_actual"]["caption"] and sample in many["residuals"]["caption"]
    assert len(many["predicted_actual"]["svg"]) < 150_000
    assert len(many["residuals"]["svg"]) < 150_000
    assert "5,000 held-out rows" in many["residuals"]["alt"]


def test_a_constant_prediction_is_drawn_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    case = line_case(40)
    figures = case.write(tmp_path, prediction=np.full(40, 7.0))
    assert (
        "correlation of their size with the prediction not defined" in figures["residuals"]["alt"]
    )
    assert not capsys.readouterr().out
    assert not list(recwarn)


class Broken:
    """A model that fails when it is asked again."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Fails."""
        raise RuntimeError("no memory left")


def test_a_figure_that_fails_is_named_and_the_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = line_case(50)
    prediction = case.model.predict(case.X)
    profile = {"rows": 3, "target": None}
    broken = Case(Broken(), case.X, case.y)
    write_figures(
        tmp_path, "regression", broken.model, case.X, case.y, prediction, None, None, None, profile
    )
    names = [e["file"] for e in json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))]
    assert names == ["figures/predicted_actual.svg", "figures/residuals.svg"]
    assert "figure importance left out: RuntimeError: no memory left" in capsys.readouterr().out


def test_a_curve_of_many_rows_keeps_its_shape_and_stays_small(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    score = random.random(200_000)
    y = np.where(random.random(200_000) < score, "b", "a").astype(object)
    case = classes_case(["a", "b"])
    figures = case.write(
        tmp_path, y_test=y, prediction=y, probability=np.column_stack([1 - score, score])
    )
    for name in ("roc", "precision_recall"):
        assert len(figures[name]["svg"]) < 40_000
    # The curve of such scores is y = 1 - (1 - √x)²; on the page it goes from corner to corner.
    paths = [n.attrib["d"] for n in tree(figures["roc"]["svg"]).iter(f"{SVG}path")]
    points = max((re.findall(r"[ML] ([\d.]+) ([\d.]+)", path) for path in paths), key=len)
    x, y = np.array(points, dtype=float).T
    x, y = (x - x.min()) / np.ptp(x), (y.max() - y) / np.ptp(y)
    assert np.abs(y - (1 - (1 - np.sqrt(x)) ** 2)).max() < 0.02


def test_a_figure_of_ones_own_is_written_with_the_others(tmp_path: Path) -> None:
    def gain() -> Figure:
        with drawing("gain") as draw:
            draw.canvas.subplots().plot([0, 1], [0, 1], color=SERIES[0], label="_$x$")
            return draw.finish("Gain", "a line", "below it")

    figures = classes_case(["a", "b"]).write(tmp_path, more=[gain, lambda: None])
    assert list(figures)[-1] == "gain"
    assert "var(--series-1,#" in figures["gain"]["svg"]


def test_a_matplotlibrc_has_no_say(tmp_path: Path) -> None:
    case = classes_case(["a", "b"])
    usual = case.write(tmp_path / "usual")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "text.usetex": True}):
        assert case.write(tmp_path / "other") == usual


def test_a_job_that_a_notebook_starts_draws_too() -> None:
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    command = [sys.executable, "-c", "import amlkit.tabular.figures"]
    done = subprocess.run(command, env={**os.environ, **backend}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_name_that_begins_with_an_underscore_is_in_the_legend(tmp_path: Path) -> None:
    case = classes_case(["_a", "$b$", "c"])
    figures = case.write(tmp_path)
    texts = [node.text or "" for node in tree(figures["roc"]["svg"]).iter(f"{SVG}text")]
    assert [text.split(", ")[1] for text in texts if "area" in text] == ["$b$", "_a", "c"]


def test_numbers_and_names_are_written_for_readers() -> None:
    ticks = [svg.tick(v) for v in (-0.5, 1500, 250_000, 1.2e6)]
    assert ticks == ["\N{MINUS SIGN}0.5", "1,500", "250k", "1.2M"]
    assert [svg.number(v) for v in (12345.6, 0.12345, 3.0)] == ["12,346", "0.123", "3"]
    assert svg.short(" a\n\x00b\ud800 ", 9) == "a b\ufffd" and svg.short("") == "(blank)"
    assert svg.listing(["a", "b", "c"]) == "a, b and c"
