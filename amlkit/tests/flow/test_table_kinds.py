"""One table in several kinds of file, from the driver that registers it to a job that reads it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from amlkit.tabular.asset import open_asset
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


@pytest.mark.parametrize("write", [as_parts, as_lines, as_archive])
def test_what_is_registered_is_what_was_given_and_a_job_reads_it(
    project: Project,
    tmp_path_factory: pytest.TempPathFactory,
    write: Callable[[pd.DataFrame, Path], Path],
) -> None:
    table, folder = pd.read_csv(PENGUINS), tmp_path_factory.mktemp("given")
    path = write(table, folder)
    done = project.call("data", "--local", "--json", "--path", str(path))
    assert done.code == 0, done.err
    data, given = done.json["data"], files_in(folder)
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
