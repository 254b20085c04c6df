"""Which columns are learned from, and what the pipeline makes of them for any estimator."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sample_model.features import build_pipeline
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from amlkit.tabular.estimators import make_estimator
from amlkit.tabular.features import ExpandDates, learned_columns, select_features
from amlkit.tabular.onnx_copy.convert import Unknown, check_steps
from amlkit.tabular.table import Column, Schema, TableError, to_frame
from amlkit.tabular.words import Words

SCHEMA = Schema(
    (
        Column("amount", "number"),
        Column("town", "category"),
        Column("member", "boolean"),
        Column("since", "date", "%d.%m.%Y"),
        Column("y", "category"),
    ),
    "y",
)
NAMES = ["amount", "town", "member", "since"]
ENSEMBLE = "sklearn.ensemble."
LOGISTIC = "sklearn.linear_model.LogisticRegression"


def table_of(rows: int = 600, seed: int = 0) -> pa.Table:
    """A target that depends on each column; every column but the target has missing values."""
    random = np.random.default_rng(seed)
    amount, member = random.normal(size=rows), random.integers(0, 2, rows)
    town = random.choice(["Ålesund", "Bonn", "Cork", "Delft"], rows)
    days = random.integers(10_000, 20_000, rows)
    score = amount + 2 * np.isin(town, ["Bonn", "Delft"]) + member + (days > 15_000)
    label = np.where(score + 0.5 * random.normal(size=rows) > 2, "yes", "no")

    def holes(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.array(values, mask=random.random(rows) < 0.1).cast(kind)

    return pa.table(
        {
            "amount": holes(amount, pa.float64()),
            "town": holes(town, pa.string()).dictionary_encode(),
            "member": holes(member, pa.float64()),
            "since": holes(days * 86_400, pa.timestamp("s")),
            "y": pa.array(label).dictionary_encode(),
        }
    )


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, Any, pd.DataFrame, Any]:
    """X and y to train on, X and y to test with."""
    train, test = to_frame(table_of()), to_frame(table_of(seed=1))
    return train[NAMES], train["y"].to_numpy(), test[NAMES], test["y"].to_numpy()


def pipeline_of(
    estimator: str, names: list[str] = NAMES, parameters: dict[str, Any] | None = None
) -> Pipeline:
    """The owner's pipeline over the columns `names`."""
    columns = [column for column in SCHEMA.features if column.name in names]
    return build_pipeline(columns, make_estimator(estimator, parameters or {}, "classification", 0))


def by_hand() -> Any:
    """What one would write for this table without any of this."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)

    def days(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(since=(frame["since"] - pd.Timestamp(0)) / pd.Timedelta(days=1))

    encoded = make_column_transformer((codes, ["town"]), remainder="passthrough")
    model = HistGradientBoostingClassifier(random_state=0)
    return make_pipeline(FunctionTransformer(days), encoded, model)


@pytest.fixture(scope="module")
def yardstick(rows: tuple[Any, ...]) -> float:
    """The area under the curve of what is written by hand."""
    X, y, X_test, y_test = rows
    return float(roc_auc_score(y_test, by_hand().fit(X, y).predict_proba(X_test)[:, 1]))


@pytest.mark.parametrize(
    "estimator",
    ["auto", ENSEMBLE + "RandomForestClassifier", LOGISTIC, "sklearn.naive_bayes.GaussianNB"],
)
def test_any_estimator_learns_as_well_as_a_pipeline_written_by_hand(
    rows: tuple[Any, ...], yardstick: float, estimator: str
) -> None:
    """Trees take missing values, a linear model does not, naive Bayes takes no sparse rows."""
    X, y, X_test, y_test = rows
    model = pipeline_of(estimator).fit(X, y)
    score = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    assert score > yardstick - (0.01 if estimator == "auto" else 0.05)
    assert yardstick > 0.85


@pytest.mark.parametrize("estimator", ["auto", LOGISTIC])
def test_a_row_may_hold_anything(rows: tuple[Any, ...], estimator: str) -> None:
    """Unknown texts, nothing at all, other columns in another order: each row gets its answer."""
    X, y, X_test, _ = rows
    model = pipeline_of(estimator).fit(X, y)
    odd = X_test.head(6).copy()
    odd.loc[0, "town"] = "Nowhere"
    odd.loc[1, "town"] = np.nan
    odd.loc[2, ["amount", "member"]] = np.nan
    odd.loc[3, "since"] = pd.NaT
    odd.loc[4, "amount"] = 1e30
    odd.loc[5, "since"] = pd.Timestamp("1900-01-01 13:00")
    expected = model.predict_proba(odd)
    assert np.isfinite(expected).all()
    shuffled = odd[NAMES[::-1]].assign(unheard_of="x")
    assert np.array_equal(model.predict_proba(shuffled), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(odd), expected)  # noqa: S301
    one_by_one = np.vstack([model.predict_proba(odd.iloc[[i]]) for i in range(len(odd))])
    assert np.allclose(one_by_one, expected)


def test_an_estimator_that_takes_no_sparse_rows_gets_none(rows: tuple[Any, ...]) -> None:
    """One text of few categories, each apart, would be mostly zeros."""
    X, y, X_test, _ = rows
    path = "sklearn.naive_bayes.GaussianNB"
    model = pipeline_of(path, ["town"])
    assert len(model.fit(X[["town"]], y).predict(X_test)) == len(X_test)


def test_a_date_becomes_its_parts() -> None:
    """Year to weekday and days since 1970; the hour only where the file's format can hold one."""
    dates = pd.Series(["1970-01-02", "2024-02-29 18:00", None], dtype="datetime64[s]")
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "d": dates, "t": dates})
    step = ExpandDates(["d", "t"], ["t"]).fit(frame)
    parts = step.transform(frame)
    assert list(parts) == [
        *("a", "d_year", "d_month", "d_day", "d_weekday", "d_days"),
        *("t_year", "t_month", "t_day", "t_weekday", "t_hour", "t_days"),
    ]
    assert list(step.get_feature_names_out()) == list(parts)
    assert parts.filter(like="d_").iloc[0].tolist() == [1970, 1, 2, 4, 1]
    assert parts.filter(like="t_").iloc[1].tolist() == [2024, 2, 29, 3, 18, 19782.75]
    assert parts.drop(columns="a").iloc[2].isna().all()
    assert (parts.dtypes == "float64").all()
    assert ExpandDates().fit(frame).transform(frame) is frame  # no date, no copy


# As 0.2.0 pickled `ExpandDates(["d"], [])`.
PICKLED = (
    b"ccopy_reg\n_reconstructor\np0\n(camlkit.tabular.features\nExpandDates\np1\nc__builtin__\n"
    b"object\np2\nNtp3\nRp4\n(dp5\nVcolumns\np6\n(lp7\nVd\np8\nasVtimed\np9\n(lp10\nsb."
)


def test_a_model_of_an_earlier_release_loads() -> None:
    """Its path is a promise; a model of before amlkit names the class in the owner's package."""
    frame = pd.DataFrame({"d": pd.Series(["2024-02-29"], dtype="datetime64[s]")})
    for pickled in (PICKLED, PICKLED.replace(b"amlkit.tabular", b"sample_model")):
        step = pickle.loads(pickled)  # noqa: S301
        assert step.fit(frame).transform(frame)["d_day"].tolist() == [29.0]


def test_columns_that_say_nothing_are_left_out_and_named() -> None:
    """Constant, all missing, identifiers and those of the settings go; all others stay."""
    rows = 200
    columns = {
        "same": pa.array([5.0] * rows),
        "void": pa.array([None] * rows, pa.float64()),
        "word": pa.array(["x"] * rows).dictionary_encode(),
        "id": pa.array([f"id-{i}" for i in range(rows)]).dictionary_encode(),
        "number": pa.array([float(i) for i in range(rows)]),
        "some": pa.array([None, "x"] * (rows // 2)).dictionary_encode(),
        "few": pa.array(
            [f"w{i % 49}" if i < 50 else None for i in range(rows)]
        ).dictionary_encode(),
        "town": pa.array([f"t{i % 50}" for i in range(rows)]).dictionary_encode(),
        "out": pa.array([float(i) for i in range(rows)]),
    }
    types = dict.fromkeys(("word", "id", "some", "few", "town"), "category")
    schema = Schema(tuple(Column(n, types.get(n, "number")) for n in columns), "y")
    # the table in pieces, as a large file is read
    table = pa.concat_tables([pa.table(columns).slice(i, 50) for i in range(0, rows, 50)])
    names, notes = select_features(table, schema, ["out"])
    assert names == ["number", "some", "few", "town"]
    words = {"same": "always", "void": "missing", "word": "always", "id": "200", "out": "drop"}
    assert len(notes) == len(words)
    for note, (name, word) in zip(notes, words.items(), strict=True):
        assert repr(name) in note and word in note
    with pytest.raises(TableError, match=r"no column 'twon'.*did you mean 'town'"):
        select_features(table, schema, ["twon"])
    with pytest.raises(TableError, match="no column is left to learn from"):
        select_features(table, schema, [*names, "out"])


REVIEWS = Schema(tuple(Column(n, "category") for n in ("review", "author", "y")), "y")


def reviews(rows: int = 400) -> pa.Table:
    """Texts of eight words, two of which tell the class; names that say nothing; some missing."""
    random = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(200)])
    good = random.random(rows) < 0.5
    texts = [
        " ".join([*random.choice(words, 7), "splendid" if known else "dreadful"]) for known in good
    ]
    columns = {
        "review": [None if i % 40 == 0 else text for i, text in enumerate(texts)],
        "author": [f"Ann {i}" for i in range(rows)],
        "y": np.where(good, "yes", "no").tolist(),
    }
    return pa.table({n: pa.array(v, pa.string()).dictionary_encode() for n, v in columns.items()})


def test_free_text_is_told_from_names() -> None:
    """By its words: the note says how many, and how not to learn from it."""
    table = reviews()
    names, notes = select_features(table, REVIEWS)
    assert names == ["review"]
    assert "'author': 400 different texts in 400 rows: an identifier" in notes[1]
    assert "'review' is free text, 8 words" in notes[0] and "drop_columns: ['review']" in notes[0]
    assert learned_columns(table, REVIEWS, names) == (Column("review", "text"),)
    towns = pa.table({"y": table["y"], "review": table["y"], "author": table["author"]})
    assert learned_columns(towns, REVIEWS, ["review"]) == (Column("review", "category"),)


@pytest.mark.parametrize("estimator", ["auto", LOGISTIC, ENSEMBLE + "RandomForestClassifier"])
def test_free_text_is_learned_from_by_its_words(estimator: str) -> None:
    """By any estimator; a row may hold no text, or only words that nobody has seen."""
    frame = to_frame(reviews())
    X, y = frame[["review"]], frame["y"].to_numpy()
    model = make_estimator(estimator, {}, "classification", 0)
    pipeline = build_pipeline([Column("review", "text")], model).fit(X[:300], y[:300])
    known = X[300:]["review"].notna().to_numpy()
    answers = pipeline.predict(X[300:])
    assert (answers == y[300:])[known].mean() > 0.9
    odd = pd.DataFrame({"review": [np.nan, "", "\N{SNOWMAN} unheard of", "!"]})
    loaded = pickle.loads(pickle.dumps(pipeline))  # noqa: S301
    assert np.isfinite(loaded.predict_proba(odd)).all()
    one_by_one = [loaded.predict_proba(X.iloc[[i]])[0] for i in range(300, 310)]
    assert np.array_equal(loaded.predict_proba(X[300:310]), one_by_one)
    with pytest.raises(Unknown, match=r"free text, which training\.drop_columns leaves out"):
        check_steps(pipeline)


def test_the_words_of_free_text_are_bounded() -> None:
    """However many there are; fewer words than parts are no failure."""
    many = pd.DataFrame({"a": [f"w{i} w{i + 1} w{i + 2}" for i in range(0, 9_000, 2)], "b": "x"})
    assert Words().fit_transform(many).shape == (len(many), 5_000)
    few = pd.DataFrame({"a": ["a b", "b c"] * 5})
    assert Words(parts=30).fit_transform(few).shape == (10, 3)


class Majority:
    """An estimator of one's own, with nothing of scikit-learn's."""

    def __init__(self, bias: float = 0.0) -> None:
        self.bias = bias

    def fit(self, X: Any, y: Any) -> Majority:
        """Count."""
        values, counts = np.unique(y, return_counts=True)
        self.answer = values[counts.argmax()]
        return self

    def predict(self, X: Any) -> Any:
        """Always the same."""
        return np.full(X.shape[0], self.answer)


@pytest.mark.filterwarnings("ignore:.*:Warning:sklearn")
def test_an_estimator_of_ones_own(rows: tuple[Any, ...]) -> None:
    """Any class with fit and predict will do."""
    X, y, X_test, _ = rows
    path = f"{__name__}.Majority"
    model = pipeline_of(path, NAMES, {"bias": 1.0}).fit(X, y)
    assert set(model.predict(X_test)) == {max(y, key=list(y).count)}


def test_a_search_is_given_what_its_estimator_takes() -> None:
    """Gradient boosting takes missing numbers as they are, also inside a search."""
    columns = [column for column in SCHEMA.features if column.name in NAMES]
    for inner, ready in ((HistGradientBoostingClassifier(), str), (LogisticRegression(), Pipeline)):
        model = build_pipeline(columns, GridSearchCV(inner, {}))
        numbers = {name: part for name, part, _ in model["columns"].transformers}["numbers"]
        assert isinstance(numbers, ready)


def test_each_random_state_left_open_is_seeded() -> None:
    """Inner estimators too; a value of one's own stays."""
    own = make_estimator("auto", {"random_state": 3}, "classification", 7)
    assert own.random_state == 3
    parameters = {"estimator": HistGradientBoostingClassifier()}
    bagging = make_estimator(ENSEMBLE + "BaggingClassifier", parameters, "classification", 7)
    assert (bagging.random_state, bagging.estimator.random_state) == (7, 7)


@pytest.mark.parametrize(
    ("path", "parameters", "words"),
    [
        ("RandomForestClassifier", {}, "needs its module in front"),
        (ENSEMBLE + "RandomForestClasifier", {}, "mean sklearn.ensemble.RandomForestClassifier"),
        ("skleran.ensemble.X", {}, "cannot be imported: No module named 'skleran'"),
        ("sklearn.model_selection.HalvingGridSearchCV", {}, "experimental .* explicitly import"),
        (ENSEMBLE + "RandomForestRegressor", {}, "is not for classification"),
        ("sklearn.preprocessing.StandardScaler", {}, "has no fit and predict"),
        ("auto", {"max_itr": 5}, "no 'max_itr'; did you mean 'max_iter'. Valid: .*learning_rate"),
        ("auto", {"max_iter__x": 5}, "cannot be made"),
    ],
)
def test_a_wrong_estimator_is_refused_in_one_line(
    path: str, parameters: dict[str, Any], words: str
) -> None:
    """The line names what is wrong and what to type."""
    with pytest.raises(TableError, match=words) as error:
        make_estimator(path, parameters, "classification", 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("estimator", ["auto", LOGISTIC, ENSEMBLE + "RandomForestClassifier"])
def test_only_parts_that_convert_to_onnx_with_the_same_numbers(estimator: str) -> None:
    """skl2onnx gets others silently wrong, such as missing values in a forest."""
    model = pipeline_of(estimator)
    numbers = {name: part for name, part, _ in model["columns"].transformers}["numbers"]
    assert (numbers == "passthrough") == (estimator == "auto")
    for name, value in model.get_params(deep=True).items():
        assert not (name.endswith("max_categories") and value is not None), name
        assert not (name.endswith("categorical_features") and value != "from_dtype"), name
