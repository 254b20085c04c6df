"""Batch scoring where a table lies: what flags can mean, and parts that become one table."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amlkit import cli
from amlkit.flow.batch import ASSET, joined
from amlkit.flow.scoring import check
from conftest import Project

STORE = "azureml://datastores/store/paths"


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("azureml:a:b:c", "x.csv", "name a data asset"),
        ("azureml://datastores/store", "x.csv", "name a data asset"),
        ("azureml:a:1", "azureml:x", "name a folder"),
        ("azureml:a:1", "x.txt", "a .parquet or .csv file"),
        ("azureml:a:1", None, "needs --out"),
        ("here.csv", f"{STORE}/x", "a table that is there"),
    ],
)
def test_what_cannot_be_meant_is_refused(source: str, target: str | None, words: str) -> None:
    with pytest.raises(cli.ArgumentError, match=words):
        check(argparse.Namespace(batch=source, out=target, keep=[]))


@pytest.mark.parametrize("source", ["azureml:a", "azureml:a:1", "azureml:a@latest", f"{STORE}/p"])
@pytest.mark.parametrize("target", ["x.csv", "x.parquet", f"{STORE}/out"])
def test_what_can_be_meant_is_taken(source: str, target: str) -> None:
    check(argparse.Namespace(batch=source, out=target, keep=["a"]))


def test_an_asset_is_a_name_and_perhaps_a_version() -> None:
    found = ASSET.fullmatch("azureml:penguins-data:fed2ac330b29")
    assert found and found.groupdict() == {"name": "penguins-data", "version": "fed2ac330b29"}


def test_parts_become_one_table_in_their_order(tmp_path: Path) -> None:
    parts = []
    for number in range(3):
        parts.append(tmp_path / f"part-{number}.parquet")
        pq.write_table(pa.table({"row": [number * 2, number * 2 + 1]}), parts[-1])
    assert joined(parts, tmp_path / "all.parquet") == 6
    assert pq.read_table(tmp_path / "all.parquet")["row"].to_pylist() == list(range(6))


def test_parts_of_text_have_their_header_once(tmp_path: Path) -> None:
    parts = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, rows in zip(parts, ('"two\nlines",1\n', "b,2\n"), strict=True):
        path.write_text("name,n\n" + rows, encoding="utf-8")
    assert joined(parts[:1], tmp_path / "one.csv") == 1
    assert (tmp_path / "one.csv").read_bytes() == parts[0].read_bytes()
    assert joined(parts, tmp_path / "all.csv") == 2
    assert (tmp_path / "all.csv").read_text("utf-8").count("name,n") == 1


def test_this_machine_says_that_it_has_no_datastores(shared: Project) -> None:
    flags = ("--batch", "azureml:none:1", "--out", "x.csv", "--json")
    answer = shared.call("deploy", "--local", "--env", "test", *flags)
    assert answer.code == 2


@pytest.mark.parametrize("driver", ["environment", "model", "deploy", "pipeline"])
def test_export_is_of_sdk_v2(shared: Project, driver: str, tmp_path: Path) -> None:
    answer = shared.call(driver, "--local", "--export", str(tmp_path / "there"), "--json")
    assert answer.code == 2 and "comes with SDK v2" in answer.json["error"]
    assert not (tmp_path / "there").exists()
