"""One table in several kinds of file, from the driver that registers it to a job that reads it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from amlkit.tabular.asset import open_asset
from amlkit.tabular.parts import is_mltable
from amlkit.tabular.table import read_frame
from conftest import PENGUINS, Project


def as_parts(table: pd.DataFrame, folder: Path) -> Path:
    """A folder of a partition for each year."""
    parts = folder / "parts"
    for year, rows in table.groupby(table["Date Egg"].str[:4]):
        (parts / f"season={year}").mkdir(parents=True)
        rows.to_parquet(parts / f"season={year}" / "part-0.parquet")
    return parts


def as_lines(table: pd.DataFrame, folder: Path) -> Path:
    """JSON lines, packed."""
    path = folder / "t.jsonl.gz"
    path.write_bytes(gzip.compress(table.to_json(orient="records", lines=True).encode()))
    return path


def as_archive(table: pd.DataFrame, folder: Path) -> Path:
    """A CSV with an index, in a zip archive."""
    table.to_csv(folder / "t.zip", sep=";")
    return folder / "t.zip"


def as_mltable(table: pd.DataFrame, folder: Path) -> Path:
    """Two files and one that says how they are read."""
    home = folder / "described"
    home.mkdir()
    for place, rows in enumerate((table[:200], table[200:])):
        rows.to_csv(home / f"{place}.csv", sep=";", index=False, encoding="utf-16")
    said = "paths: [{pattern: ./*.csv}]\ntransformations:\n- read_delimited:\n"
    (home / "MLTable").write_text(f"{said}    delimiter: ;\n    encoding: utf16\n", "utf-8")
    return home


@pytest.mark.parametrize("write", [as_parts, as_lines, as_archive, as_mltable])
def test_what_is_registered_is_what_was_given_and_a_job_reads_it(
    project: Project,
    tmp_path_factory: pytest.TempPathFactory,
    write: Callable[[pd.DataFrame, Path], Path],
) -> None:
    table, folder = pd.read_csv(PENGUINS), tmp_path_factory.mktemp("given")
    path = write(table, folder)
    done = project.call("data", "--local", "--json", "--path", str(path))
    assert done.code == 0, done.err
    # An MLTable lies in the asset itself, as Azure ML has it; another folder is a part of one.
    data, given = done.json["data"], files_in(path if is_mltable(path) else folder)
    home = Path(data["source"])
    assert files_in(home) - {"schema.json", "profile.json"} == given
    asset = open_asset(home, None)
    assert (asset.schema.target, asset.profile.rows, data["rows"]) == ("Sex", 344, 344)
    read = read_frame(asset.path, asset.schema)["Sex"]
    assert read.value_counts().to_dict() == table["Sex"].value_counts().to_dict()
    again = project.call("data", "--local", "--json", "--path", str(path)).json["data"]
    assert (again["version"], again["created"]) == (data["version"], False)


def files_in(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.mark.parametrize(
    ("said", "beside", "words"),
    [
        ("- filter: 'col(\"x\") > 1'", "t.csv", "described/MLTable: filter: not read here"),
        ("- drop_columns: [x]", "profile.json", "profile.json lies beside MLTable"),
        ("- drop_columns: [x]", "Schema.JSON", "Schema.JSON lies beside MLTable"),
    ],
)
def test_an_mltable_that_will_not_do_is_refused_before_anything_is_kept(
    project: Project, tmp_path: Path, said: str, beside: str, words: str
) -> None:
    home = tmp_path / "described"
    home.mkdir()
    (home / "t.csv").write_text("x,Sex\n1,a\n", "utf-8")
    (home / beside).touch()
    (home / "MLTable").write_text(
        f"paths: [{{file: t.csv}}]\ntransformations:\n- read_delimited\n{said}\n", "utf-8"
    )
    refused = project.call("data", "--local", "--path", str(home), "--name", "described")
    assert refused.code == 2 and words in refused.err
    assert "table from --path" in refused.err and not list(project.root.rglob("asset.json"))


def test_a_table_called_as_what_is_known_of_it_is_refused(project: Project, tmp_path: Path) -> None:
    """It would be written over, on Windows and macOS whatever its letters."""
    (tmp_path / "Schema.json").write_text('{"x": 1, "Sex": "a"}\n' * 30, "utf-8")
    refused = project.call("data", "--local", "--path", str(tmp_path / "Schema.json"))
    assert refused.code == 2 and "Schema.json: a data asset keeps what is known" in refused.err
