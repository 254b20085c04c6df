"""What a served model answers: to good requests, to odd ones, and to tables."""

from __future__ import annotations

import csv
import http.client
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator

from tests.generated.serving import Served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("serving"),  # the tests share an endpoint
    pytest.mark.skipif(os.name == "nt", reason="set up with make"),
]
# What the registered model itself says of a table, by scikit-learn alone.
BY_SKLEARN = """
import json, sys
from pathlib import Path
import joblib
from amlkit.tabular.asset import open_asset
from amlkit.tabular.model_files import request_rows
from amlkit.tabular.table import read_table, to_frame
model, data = Path(sys.argv[1]), Path(sys.argv[2])
asset = open_asset(data, None)
table = read_table(asset.path, asset.schema)
pipeline = joblib.load(model / "model.joblib")
features = json.loads((model / "schema.json").read_text("utf-8"))["features"]
frame = to_frame(table)[features]
answer = {"rows": request_rows(table, asset.schema)}
answer["predictions"] = pipeline.predict(frame).tolist()
answer["probabilities"] = pipeline.predict_proba(frame).tolist()
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def by_sklearn(served: Served) -> dict[str, Any]:
    """The sample table's rows, and what scikit-learn predicts for them."""
    _, answer = served.drive("data")
    done = served.project.run(
        *(served.project.python, "-c", BY_SKLEARN, str(served.model), answer["data"]["source"]),
        PYTHONPATH=str(served.project.path / "src"),
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_served_answers_are_those_of_the_registered_model(
    served: Served, by_sklearn: dict[str, Any]
) -> None:
    answer = served.score(by_sklearn["rows"])
    assert len(by_sklearn["rows"]) == 344
    assert answer["predictions"] == by_sklearn["predictions"]
    for ours, theirs in zip(answer["probabilities"], by_sklearn["probabilities"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)
    assert answer["model"] == {"name": "penguins-model-sex", "version": "1"}
    log = next(served.home.glob("deployments/*/server.log")).read_text(encoding="utf-8")
    assert "the scikit-learn model serves" not in log  # so it was the ONNX copy that answered


def test_lines_of_the_csv_are_read_as_the_table_is(
    served: Served, by_sklearn: dict[str, Any]
) -> None:
    """Texts, with the target and all other columns; and as Azure ML's clients send a frame."""
    table = served.project.path / "data" / "penguins.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert served.score(rows)["predictions"] == by_sklearn["predictions"]
    frame = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    status, raw = served.request(json.dumps({"input_data": frame}).encode())
    assert (status, json.loads(raw)["predictions"]) == (200, by_sklearn["predictions"])


def test_batch_says_the_same_in_the_same_order(
    served: Served, by_sklearn: dict[str, Any], tmp_path: Path
) -> None:
    table = served.project.path / "data" / "penguins.csv"
    with table.open(encoding="utf-8", newline="") as file:
        people = [row["Individual ID"] for row in csv.DictReader(file)]
    (tmp_path / "scored.csv").write_text("an older one", encoding="utf-8")
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"scored.{suffix}"
        flags = ("--batch", str(table), "--out", str(out), "--keep", "Individual ID")
        code, answer = served.drive("deploy", *flags)
        assert code == 0, answer
        assert answer["batch"]["rows"] == 344
        assert answer["batch"]["replaced"] is (suffix == "csv")
        read = "read_csv" if suffix == "csv" else "read_parquet"
        script = f"import pandas, sys; print(pandas.{read}(sys.argv[1]).to_json(orient='split'))"
        done = served.project.run(served.project.python, "-c", script, str(out))
        scored = json.loads(done.stdout)
        columns = dict(zip(scored["columns"], zip(*scored["data"], strict=True), strict=True))
        assert list(columns["prediction"]) == by_sklearn["predictions"]
        assert list(columns["Individual ID"]) == people
        expected = [row[0] for row in by_sklearn["probabilities"]]
        assert list(columns["probability_FEMALE"]) == pytest.approx(expected, abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scored.csv", "scored.parquet"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Island,Body Mass (g)\nDream,3000\n", "Culmen Length (mm)"),
        ("", "empty"),
        (None, "no such file"),
    ],
)
def test_table_that_cannot_be_scored_is_refused_in_a_line(
    served: Served, tmp_path: Path, text: str | None, words: str
) -> None:
    table, out = tmp_path / "in.csv", tmp_path / "out.csv"
    if text is not None:
        table.write_text(text, encoding="utf-8")
    code, answer = served.drive("deploy", "--batch", str(table), "--out", str(out))
    assert code == 2
    assert words in answer["error"]
    assert not out.exists()


@pytest.mark.parametrize("version", ["2", "3"])
def test_description_is_valid_and_its_example_is_answered_as_it_says(
    served: Served, version: str
) -> None:
    status, raw = served.request(b"", "GET", f"/swagger.json?version={version}")
    assert status == 200
    document = json.loads(raw)
    validator = {"2": OpenAPIV2SpecValidator, "3": OpenAPIV30SpecValidator}[version]
    assert [error.message for error in validator(document).iter_errors()] == []
    if version == "3":
        post = document["paths"]["/score"]["post"]
        schemas = document["components"]["schemas"]
        request, answer = (schemas[name]["example"] for name in ("ServiceInput", "ServiceOutput"))
        assert set(post["responses"]) >= {"200", "400", "413"}
        found = served.score(request["data"])
        assert found["predictions"] == answer["predictions"]
        assert found["model"] == answer["model"]


def changed(served: Served, **changes: Any) -> bytes:
    """A request of one row of the examples, some of its columns changed."""
    (row,) = json.loads((served.model / "examples.json").read_text("utf-8"))["data"][:1]
    names = {"mass": "Body Mass (g)", "date": "Date Egg", "island": "Island"}
    row |= {names.get(key, key): value for key, value in changes.items() if value != "absent"}
    for key, value in changes.items():
        if value == "absent":
            del row[names[key]]
    return json.dumps({"data": [row]}).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mass": "absent"}, "no column 'Body Mass (g)'"),
        ({"body mass": 1}, "did you mean 'Body Mass (g)'"),
        ({"mass": "heavy"}, "not a number"),
        ({"mass": True}, "not a number"),
        ({"mass": [1]}, "not a number"),
        ({"date": "yesterday"}, "not a date"),
        ({"date": "2007-02-30"}, "not a date"),
        ({"island": 5}, "not a text"),
    ],
)
def test_row_that_does_not_fit_is_refused_with_its_reason(
    served: Served, changes: dict[str, Any], words: str
) -> None:
    status, raw = served.request(changed(served, **changes))
    assert (status, words in json.loads(raw)["message"]) == (400, True), raw


@pytest.mark.parametrize(
    "changes",
    [{"island": "Atlantis"}, {"island": None}, {"mass": None}, {"mass": 1e300}, {"date": None}],
)
def test_unknown_missing_and_extreme_values_are_served(
    served: Served, changes: dict[str, Any]
) -> None:
    status, raw = served.request(changed(served, **changes))
    assert status == 200, raw
    assert json.loads(raw)["predictions"][0] in ("FEMALE", "MALE")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"data": []}', 400),
        (b'{"data": [1]}', 400),
        (b'{"data": {}}', 400),
        (b'{"rows": [{}]}', 400),
        (b'{"data": [{"Body Mass (g)": NaN}]}', 400),
        (b'{"data": [{"Body Mass (g)": 1e999}]}', 400),
        pytest.param(b"[" * 100_000, 400, id="deep"),
        pytest.param(b'{"data": "' + b"x" * (50 << 20) + b'"}', 413, id="large"),
    ],
)
def test_body_that_is_no_request_is_refused(served: Served, body: bytes, status: int) -> None:
    found, raw = served.request(body)
    assert found == status
    assert json.loads(raw)["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(served: Served, method: str) -> None:
    status, raw = served.request(changed(served), method)
    assert status == 405
    assert json.loads(raw)["message"]


def test_large_body_without_its_length_is_refused_too(served: Served) -> None:
    address = urlsplit(served.uri)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    pieces = (b"x" * (1 << 20) for _ in range(50))
    json_type = {"Content-Type": "application/json"}
    connection.request("POST", "/score", pieces, json_type, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["message"]
    connection.close()


def test_it_listens_on_this_machine_only(served: Served) -> None:
    server = served.server()
    sockets = [s for p in (server, *server.children()) for s in p.net_connections("inet")]
    listening = {connection.laddr.ip for connection in sockets if connection.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_the_same_again_is_answered_without_work(served: Served) -> None:
    before = served.server().pid
    answer = served.deploy()
    assert not answer["switched"]
    assert "serves already" in answer["reason"]
    assert served.server().pid == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--model-version", "99"), "no such version; it has version 1"),
        (("--out", "x.csv"), "belong to --batch"),
        (("--batch", "data/penguins.csv"), "needs --out"),
        (("--status", "--rollback"), "not allowed with"),
    ],
)
def test_wrong_flags_are_refused(served: Served, flags: tuple[str, ...], words: str) -> None:
    code, answer = served.drive("deploy", *flags)
    assert code == 2
    assert words in answer["error"]
