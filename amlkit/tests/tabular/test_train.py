"""The job from a table to a model, as it runs anywhere: in a process and a folder of its own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sample_model
from sample_model.evaluate import evaluate
from sample_model.train import SETTINGS, train
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from amlkit.tabular.asset import open_asset
from amlkit.tabular.champion import evaluate_champion
from amlkit.tabular.holdout import holdout_mask
from amlkit.tabular.table import read_table, to_frame
from amlkit.tabular.training import main
from conftest import PENGUINS

pytestmark = pytest.mark.slow  # each trains

SOURCE = Path(sample_model.__file__).parents[1]


def run(folder: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """Run the job in `folder`, in a process of its own; return its metrics.json and its log."""
    folder.mkdir(parents=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "sample_model.train", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(SOURCE), **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads((folder / "outputs" / "metrics.json").read_text("utf-8"))
    return {**record, "log": done.stdout, "stderr": done.stderr, "folder": folder}


def call(*arguments: str) -> int:
    """Call the job in this process, which spares it the imports."""
    return main(train, SETTINGS, list(arguments))


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The carried table trained on, with MLflow in a file of sqlite."""
    base = tmp_path_factory.mktemp("tracked")
    uri = f"sqlite:///{(base / 'mlflow.db').as_posix()}"
    found = run(
        base / "run",
        *("--data", str(PENGUINS), "--target", "Sex"),
        MLFLOW_TRACKING_URI=uri,
        MLFLOW_EXPERIMENT_NAME="penguins",
    )
    return {**found, "database": base / "mlflow.db"}


@pytest.fixture(scope="module")
def again(tracked: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same once more, from a folder as a data asset has it, compared with the first model.

    MLflow is sent to a server of a kind that there is not.
    """
    base = tmp_path_factory.mktemp("again")
    asset = base / "asset"
    asset.mkdir()
    shutil.copy(PENGUINS, asset)
    opened = open_asset(PENGUINS, "Sex")
    for name, value in (("schema", opened.schema), ("profile", opened.profile)):
        (asset / f"{name}.json").write_text(json.dumps(value.to_dict()), encoding="utf-8")
    champion = tracked["folder"] / "outputs" / "model"
    return run(
        base / "run",
        *("--data", str(asset), "--champion", str(champion), "--champion-version", "3"),
        MLFLOW_TRACKING_URI="nowhere://at.all",
    )


def test_the_outputs_are_complete(tracked: dict[str, Any]) -> None:
    """A model that answers a row of the table, the words for what it takes, figures, metrics."""
    outputs = tracked["folder"] / "outputs"
    schema = json.loads((outputs / "model" / "schema.json").read_text("utf-8"))
    header = PENGUINS.read_text("utf-8").splitlines()[0]
    assert [column["name"] for column in schema["columns"]] == [
        name for name in header.split(",") if name != "Sex"
    ]
    assert {"Species", "Date Egg"} <= set(schema["features"])
    assert not {"Region", "Stage", "Individual ID"} & set(schema["features"])
    assert (schema["target"], schema["task"]) == ("Sex", "classification")
    assert schema["classes"] == ["FEMALE", "MALE"]
    examples = json.loads((outputs / "model" / "examples.json").read_text("utf-8"))
    assert list(schema["example"]) == list(examples["data"][0]) == schema["features"]
    model = joblib.load(outputs / "model" / "model.joblib")
    row = pd.DataFrame([schema["example"]]).astype({"Date Egg": "datetime64[s]"})
    assert model.predict(row)[0] in schema["classes"]
    figures = json.loads((outputs / "figures.json").read_text("utf-8"))
    assert figures and all((outputs / figure["file"]).is_file() for figure in figures)
    assert sorted(path.name for path in outputs.iterdir()) == [
        *("analysis.json", "figures", "figures.json", "metrics.json", "model")
    ]


def test_the_record_says_what_was_done(tracked: dict[str, Any]) -> None:
    """Rows, metrics above the baseline, the estimator with its parameters, why, how long."""
    assert sum(tracked["rows"].values()) == 333  # 11 of 344 have no Sex
    assert tracked["metrics"]["roc_auc"] > 0.9
    assert tracked["baseline"]["name"] == "class priors"
    assert tracked["baseline"]["difference"]["roc_auc"][0] > 0.3
    low, high = tracked["intervals"]["roc_auc"]
    assert low <= tracked["metrics"]["roc_auc"] <= high
    assert tracked["train_metrics"].keys() == tracked["metrics"].keys()
    assert tracked["champion"] is None
    training = tracked["training"]
    assert training["estimator"] == "sklearn.ensemble.HistGradientBoostingClassifier"
    assert training["parameters"]["random_state"] == 0
    assert training["seconds"].keys() >= {"read", "fit", "evaluate", "figures"}
    log = tracked["log"]
    assert "[1/8] read" in log and "[8/8] write" in log
    assert "left out 11 rows whose 'Sex' is missing" in log
    names = "HistGradientBoostingClassifier or LogisticRegression"
    assert f"fit {names} on {tracked['rows']['train']} rows x" in log


def test_what_a_deployment_needs_is_there(tracked: dict[str, Any]) -> None:
    """An ONNX copy with its identity, rows with the model's answers, and the words for both."""
    model = tracked["folder"] / "outputs" / "model"
    schema = json.loads((model / "schema.json").read_text("utf-8"))
    digest = hashlib.sha256((model / "model.onnx").read_bytes()).hexdigest()
    assert schema["onnx"]["sha256"] == digest and "" in schema["missing_values"]
    assert tracked["serving"]["onnx_copy"] and tracked["serving"]["largest_difference"] < 1e-5
    assert tracked["serving"]["rows"] == tracked["rows"]["test"]
    shown = json.loads((model / "examples.json").read_text("utf-8"))
    assert len(shown["data"]) == len(shown["predictions"]) == len(shown["probabilities"]) == 20
    rows = pd.DataFrame(shown["data"])[schema["features"]]
    assert 0 < rows.isna().any(axis=1).sum() < 20  # some are complete, others not
    own = joblib.load(model / "model.joblib")
    rows = rows.astype({"Date Egg": "datetime64[s]"})
    assert own.predict(rows).tolist() == shown["predictions"]
    np.testing.assert_allclose(own.predict_proba(rows), shown["probabilities"])


def test_a_pickled_model_names_only_paths_that_are_a_promise(tracked: dict[str, Any]) -> None:
    """A model of this release loads with the next, and where the owner's package is not."""
    found: set[tuple[str, str]] = set()

    class Names(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.add((module, name))
            return super().find_class(module, name)

    model = joblib.load(tracked["folder"] / "outputs" / "model" / "model.joblib")
    Names(io.BytesIO(pickle.dumps(model))).load()
    lock = ("sklearn", "_loss", "numpy", "builtins")  # _loss is scikit-learn's
    others = {(module, name) for module, name in found if module.split(".")[0] not in lock}
    assert others == {("amlkit.tabular.features", "ExpandDates")}


def test_mlflow_has_the_run(tracked: dict[str, Any]) -> None:
    """Parameters, metrics, tags and figures, under the experiment of the environment."""
    with sqlite3.connect(tracked["database"]) as database:
        runs = database.execute(
            "select run_uuid, status, artifact_uri from runs join experiments using "
            "(experiment_id) where experiments.name = 'penguins'"
        ).fetchall()
        assert [status for _, status, _ in runs] == ["FINISHED"]
        metrics = dict(database.execute("select key, value from latest_metrics"))
        parameters = dict(database.execute("select key, value from params"))
        tags = dict(database.execute("select key, value from tags"))
    assert metrics == pytest.approx(tracked["metrics"])
    assert parameters["holdout"] == "0.2" and parameters["target"] == "Sex"
    assert tags["holdout"] == tracked["holdout"]
    assert runs[0][0] in tracked["log"]
    artifacts = tracked["folder"] / "mlruns"
    stored = {path.name for path in artifacts.rglob("*") if path.is_file()}
    drawn = {path.name for path in (tracked["folder"] / "outputs" / "figures").iterdir()}
    assert stored >= {"metrics.json", *drawn}


def test_the_same_again_is_the_same_to_the_last_digit(
    tracked: dict[str, Any], again: dict[str, Any]
) -> None:
    """Another process, the table from an asset's folder: the same rows, numbers and bar."""
    for key in ("metrics", "intervals", "baseline", "rows", "holdout"):
        assert again[key] == tracked[key]


def test_the_champion_is_measured_on_the_same_rows(
    tracked: dict[str, Any], again: dict[str, Any]
) -> None:
    """The same model has the same metrics, and no difference."""
    champion = again["champion"]
    assert (champion["version"], champion["metrics"]) == ("3", tracked["metrics"])
    assert champion["difference"] == {name: [0, 0] for name in tracked["intervals"]}


def test_tracking_that_fails_costs_no_model(again: dict[str, Any]) -> None:
    """One line of warning; the job ended well and its outputs are there."""
    warnings = [line for line in again["stderr"].splitlines() if line.startswith("warning:")]
    assert len(warnings) == 1 and "tracking failed" in warnings[0]
    assert (again["folder"] / "outputs" / "model" / "model.joblib").is_file()


def houses(path: Path, rows: int = 800) -> Path:
    """A table for a regression: numbers, texts, dates, true and false, and holes."""
    random = np.random.default_rng(0)
    size, town = random.normal(100, 30, rows).round(1), random.choice(list("ABCD"), rows)
    built = pd.Timestamp("1950-01-01") + pd.to_timedelta(random.integers(0, 25_000, rows), "D")
    price = 2 * size + 50 * (town == "B") + 0.002 * (built - pd.Timestamp(0)).days
    frame = pd.DataFrame(
        {
            "size": size,
            "town": town,
            "built": built.strftime("%d.%m.%Y"),
            "garden": random.choice(["true", "false"], rows),
            "price": (price + 5 * random.normal(size=rows)).round(2),
        }
    )
    for name in frame:
        frame.loc[random.random(rows) < 0.05, name] = None
    frame.to_csv(path, index=False, sep=";")
    return path


def test_a_regression_is_as_good_as_a_pipeline_written_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dates, texts and missing values; on the same held-out rows."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    table = houses(tmp_path / "houses.csv")
    outputs = tmp_path / "outputs"
    assert call("--data", str(table), "--target", "price", "--outputs", str(outputs)) == 0
    assert "not tracked: MLFLOW_TRACKING_URI is not set" in capsys.readouterr().out
    record = json.loads((outputs / "metrics.json").read_text("utf-8"))
    schema = json.loads((outputs / "model" / "schema.json").read_text("utf-8"))
    assert (schema["task"], schema["classes"]) == ("regression", None)
    types = {column["name"]: column["type"] for column in schema["columns"]}
    assert types == {"size": "number", "town": "category", "built": "date", "garden": "boolean"}

    read = read_table(table, open_asset(table, "price").schema)
    read = read.filter(read.column("price").is_valid())
    mask, _ = holdout_mask(read, "price", 0.2)
    frame = to_frame(read)
    frame["built"] = (frame["built"] - pd.Timestamp(0)).dt.days
    codes = make_column_transformer((OrdinalEncoder(), ["town"]), remainder="passthrough")
    plain = make_pipeline(codes, HistGradientBoostingRegressor(random_state=0))
    X, y = frame.drop(columns="price"), frame["price"]
    expected = r2_score(y[mask], plain.fit(X[~mask], y[~mask]).predict(X[mask]))
    assert record["rows"] == {"train": int((~mask).sum()), "test": int(mask.sum())}
    assert record["metrics"]["r2"] > expected - 0.02 > 0.8
    assert record["baseline"]["name"] == "mean" and record["baseline"]["difference"]["r2"][0] > 0


@pytest.fixture()
def champion(tracked: dict[str, Any], tmp_path: Path) -> Path:
    """A copy of the first model, to be spoilt."""
    return Path(shutil.copytree(tracked["folder"] / "outputs" / "model", tmp_path / "model"))


@pytest.fixture(scope="module")
def held_out() -> tuple[pd.DataFrame, Any]:
    """The held-out rows of the carried table and their target."""
    table = read_table(PENGUINS, open_asset(PENGUINS, "Sex").schema)
    table = table.filter(table.column("Sex").is_valid())
    frame = to_frame(table)[holdout_mask(table, "Sex", 0.2)[0]]
    return frame.drop(columns="Sex"), frame["Sex"].to_numpy()


def change(folder: Path, **values: Any) -> dict[str, Any]:
    """Write other values into a model's schema.json; return what was there."""
    path = folder / "schema.json"
    before: dict[str, Any] = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**before, **values}), encoding="utf-8")
    return before


def test_a_champion_of_another_schema_is_not_compared(
    champion: Path, held_out: tuple[pd.DataFrame, Any]
) -> None:
    """The words name each column, type and class that differs."""
    ours = change(champion)
    columns = [column for column in ours["columns"] if column["name"] != "Island"]
    columns[0] = {"name": "studyName", "type": "number", "format": None}
    columns.append({"name": "Wing", "type": "number", "format": None})
    change(champion, columns=columns, classes=["F", "M"], target="sex", task="regression")
    rival = evaluate_champion(champion, ours, *held_out, evaluate)
    reason = rival.error
    assert rival.evaluation is None and "\n" not in reason
    for words in (
        "new column 'Island'",
        "no column 'Wing'",
        "'studyName' was number and is now category",
        "target was 'sex' and is now 'Sex'",
        "task was 'regression' and is now 'classification'",
        "classes were F, M and are now FEMALE, MALE",
    ):
        assert words in reason
    change(champion, **{**ours, "columns": ours["columns"][::-1]})
    # order alone is no difference
    assert evaluate_champion(champion, ours, *held_out, evaluate).error == ""


class Stubborn:
    """A model of another package, which scikit-learn knows nothing of."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer

    def predict(self, X: pd.DataFrame) -> list[str]:
        """Always the same, or an error of two lines."""
        if self.answer is None:
            raise RuntimeError("first line\nit is out of order")
        return [self.answer] * len(X)


def test_a_champion_may_be_weaker_or_from_elsewhere(
    champion: Path, held_out: tuple[pd.DataFrame, Any]
) -> None:
    """Any object that predicts is measured by what can be measured of it."""
    ours = change(champion, features=None)
    joblib.dump(Stubborn("MALE"), champion / "model.joblib")
    found = evaluate_champion(champion, ours, *held_out, evaluate).evaluation
    assert found is not None
    assert found.metrics["accuracy"] == pytest.approx(np.mean(held_out[1] == "MALE"))
    assert "roc_auc" not in found.metrics


def test_a_champion_that_cannot_be_used_is_said_in_one_line(
    champion: Path, held_out: tuple[pd.DataFrame, Any]
) -> None:
    """It fails to predict, to load, is not there, or does not say what it takes."""
    ours = change(champion)
    answers = []
    joblib.dump(Stubborn(None), champion / "model.joblib")
    answers.append(evaluate_champion(champion, ours, *held_out, evaluate))
    (champion / "model.joblib").write_bytes(b"\x80\x04cnot_there\nModel\n.")
    answers.append(evaluate_champion(champion, ours, *held_out, evaluate))
    (champion / "model.joblib").unlink()
    answers.append(evaluate_champion(champion, ours, *held_out, evaluate))
    change(champion, columns=[1])
    answers.append(evaluate_champion(champion, ours, *held_out, evaluate))
    (champion / "schema.json").write_text("{", encoding="utf-8")
    answers.append(evaluate_champion(champion, ours, *held_out, evaluate))
    (champion / "schema.json").unlink()
    answers.append(evaluate_champion(champion, ours, *held_out, evaluate))
    assert [rival.evaluation for rival in answers] == [None] * 6
    expected = ["predict the held-out rows: RuntimeError: it is out of order", "not_there"]
    expected += ["No such file", "not what train.py writes", "cannot be read", "no schema.json"]
    for words, rival in zip(expected, answers, strict=True):
        assert words in rival.error and "\n" not in rival.error


@pytest.mark.parametrize(
    ("target", "given", "words"),
    [
        ("Sex", {"drop_columns": ["Specie"]}, "did you mean 'Species'"),
        ("Sex", {"estimator": "sklearn.svm.SVX"}, "no 'SVX' in sklearn.svm"),
        ("Sex", {"parameters": {"max_iter": "many"}}, "'max_iter' parameter"),
        ("Sex", {"min_class_rows": 1_000}, "class 'FEMALE'"),
        ("Sexx", {}, "Sexx"),
        (None, {}, "--target COLUMN"),
    ],
)
def test_data_and_settings_that_will_not_do_end_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str | None, given: Any, words: str
) -> None:
    """Exit code 1, the reason, no metrics.json."""
    named = ["--target", target] if target else []
    outputs = tmp_path / "outputs"
    arguments = ["--data", str(PENGUINS), *named, "--settings", json.dumps(given)]
    assert call(*arguments, "--outputs", str(outputs)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and error.count("\n") == 1
    assert not outputs.exists()


def test_settings_that_nobody_knows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the name."""
    for given, words in (('{"sed": 1}', "no setting 'sed'"), ("{", "not a JSON object")):
        with pytest.raises(SystemExit) as stop:
            call("--data", str(PENGUINS), "--settings", given)
        assert stop.value.code == 2 and words in capsys.readouterr().err
