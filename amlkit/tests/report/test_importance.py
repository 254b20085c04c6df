"""The figure of the columns' importance keeps to its time, and spends it on those that count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from amlkit.tabular.figures import importance, write_figures


@dataclass
class Slow:
    """A model with a clock of its own, which a prediction moves on by so much for each row.

    From the fifth prediction on it takes `later` times as long.
    """

    seconds_per_row: float
    later: float = 1.0
    now: float = 0.0
    calls: int = 0

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """The column "0"."""
        self.calls += 1
        self.now += self.seconds_per_row * len(X) * (self.later if self.calls > 4 else 1)
        answer: np.ndarray = X["0"].to_numpy()
        return answer


@pytest.mark.parametrize("seconds_per_row, later, columns, stopped", [
    (1e-6, 1, 30, ""),
    (1.5e-5, 1, 30, "Time was up after 4 of 5 rounds."),
    (4e-5, 1, 30, "Time was up after 1 of 5 rounds."),
    (2e-3, 1, 8, "Time was up after the 8 likeliest of 30 columns."),
    (1e-5, 30, 8, "Time was up after the 8 likeliest of 30 columns."),
])  # fmt: skip
def test_importance_keeps_to_its_budget(
    seconds_per_row: float, later: float, columns: int, stopped: str
) -> None:
    model = Slow(seconds_per_row, later)
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(5000, 30))).rename(columns=str)
    X = X[X.columns[::-1]]  # that which counts is the last
    truth = X["0"].to_numpy()
    found = importance.measure(model, X, truth, None, seed=0, budget=4.0, clock=lambda: model.now)
    assert model.now <= 4.7  # one prediction beyond the budget at most
    assert len(found.names) == columns and found.names[0] == "0"
    assert found.stopped == stopped
    assert found.losses[0].mean() == pytest.approx(2, abs=0.4)  # R² of a shuffled copy is near -1
    assert found.losses[1:] == pytest.approx(0)
    caption = importance.importance_figure(found).caption
    assert stopped in caption
    assert ("standard deviation" in caption) == (found.losses.shape[1] > 1)


def test_the_log_says_where_the_time_was_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And which setting gives it more, or leaves the figure out."""
    X = pd.DataFrame({"0": np.arange(50.0), "1": 1.0})
    asked = tmp_path, "regression", Slow(0.0), X, X["0"], X["0"], None, None
    write_figures(*asked, importance_seconds=1e-9)
    svg = (tmp_path / "figures" / "importance.svg").read_text("utf-8")
    entries = (tmp_path / "figures.json").read_text("utf-8")
    assert svg and "Time was up after the 1 likeliest of 2 columns." in entries
    said = capsys.readouterr().out
    assert "figure importance: Time was up after the 1 likeliest of 2 columns. training." in said
    write_figures(*asked, importance_seconds=0)
    assert "importance" not in (tmp_path / "figures.json").read_text("utf-8")
    assert not capsys.readouterr().out


def test_the_columns_that_answers_depend_on_come_first() -> None:
    """Numbers, whatever the shape, dates, categories; missing values and keys are no trouble."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(400, 60))).add_prefix("noise ")
    X["key"] = [f"row {row}" for row in range(400)]
    X["town"] = random.choice(["Bonn", "Cork", None], 400)
    X["square"] = np.where(random.random(400) < 0.1, np.nan, random.normal(size=400))
    X["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 999, 400), "D")
    parts = (X["town"] == "Bonn", X["square"].fillna(0) ** 2 > 1, X["since"] > "2021-06-01")
    answer = sum(part.to_numpy(dtype=float) for part in parts)
    labels = np.where(answer > 1, "high", "low").astype(object)
    for told in (answer, labels):
        first = X.columns[importance._likeliest(X, told)][:3]
        assert {*first} == {"town", "square", "since"}
