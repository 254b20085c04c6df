"""Data assets on Azure ML: content decides, nothing is sent twice."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from standin import StandIn
from tests.azure.conftest import AzureProject

BLOB = r"\.blob\."


def table(path: Path, shift: int = 0, rows: int = 60) -> Path:
    """A small table with a target of two classes."""
    lines = ["size,colour,good"]
    for n in range(rows):
        lines.append(
            f"{n * 7 % 31 + shift},{'red' if n % 3 else 'blue'},{'yes' if n % 2 else 'no'}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def puts(standin: StandIn, mark: int) -> list[str]:
    """Blobs that were written since a mark."""
    found = standin.journal.find(method="PUT", host=BLOB, path_regex="", since=mark)
    return [entry.path for entry in found]


def files(paths: list[str]) -> list[str]:
    """Their last parts."""
    return [path.rpartition("/")[2] for path in paths]


def test_content_that_comes_back_is_its_old_version(
    project: AzureProject, standin: StandIn, tmp_path: Path
) -> None:
    a, b = table(tmp_path / "t.csv"), table(tmp_path / "u.csv", shift=1)
    flags = ("--target", "good", "--name", "returns")
    first = project.done("data", "--path", str(a), *flags)["data"]
    second = project.done("data", "--path", str(b), *flags)["data"]
    assert second["version"] != first["version"]
    mark = standin.journal.mark()
    third = project.done("data", "--path", str(a), *flags)["data"]
    assert (third["version"], third["number"], third["created"]) == (
        first["version"],
        first["number"],
        False,
    )
    # It is the current one again, as its record says to SDK v2: a training would take it.
    assert files(puts(standin, mark)) == [f"{first['version']}.json"]
    said = project.done("model", "--dry-run", "--set", "data.name=returns")
    assert said["data"]["version"] == first["version"]


def test_a_table_in_a_datastore_is_registered_where_it_lies(
    project: AzureProject, standin: StandIn, tmp_path: Path
) -> None:
    path = table(tmp_path / "customers.csv")
    container = standin.azure.datastores.container_of("workspaceblobstore")
    standin.blobs.put(container, "landing/2026/customers.csv", path.read_bytes())
    flags = ["--datastore", "workspaceblobstore", "--datastore-path", "landing/2026/customers.csv"]
    flags += ["--target", "good", "--name", "landed"]
    mark = standin.journal.mark()
    first = project.done("data", *flags)["data"]
    assert (first["rows"], first["created"]) == (60, True)
    assert files(puts(standin, mark)) == [f"{first['version']}.json"]  # its record alone
    again = project.done("data", *flags)["data"]
    assert (again["version"], again["created"]) == (first["version"], False)
    trained = project.done("model", "--set", "data.name=landed", "--set", "training.seed=1")
    assert trained["status"] == "Completed"
    # The same place with another content is another version.
    standin.blobs.put(
        container, "landing/2026/customers.csv", table(path, shift=3, rows=70).read_bytes()
    )
    changed = project.done("data", *flags)["data"]
    assert (changed["rows"], changed["created"]) == (70, True)
    assert changed["version"] != first["version"]


def parts(folder: Path) -> Path:
    """A table in two Parquet files, beside what Spark leaves."""
    folder.mkdir()
    for part in range(2):
        rows = range(30 * part, 30 * part + 30)
        columns = {
            "size": [n * 7 % 31 for n in rows],
            "good": ["yes" if n % 2 else "no" for n in rows],
        }
        pq.write_table(pa.table(columns), folder / f"part-{part}.parquet")
    (folder / "_SUCCESS").touch()
    return folder


def test_a_folder_of_parts_is_one_table(
    project: AzureProject, standin: StandIn, tmp_path: Path
) -> None:
    """Sent as it is, once; or registered where it lies, and trained on there."""
    folder = parts(tmp_path / "parts")
    mark, flags = standin.journal.mark(), ("--target", "good", "--name", "parted")
    sent = project.done("data", "--path", str(folder), *flags)["data"]
    assert (sent["rows"], sent["created"]) == (60, True)
    written = {path.rpartition(f"/{sent['version']}")[2] for path in puts(standin, mark)}
    tables = {f"/parts/part-{part}.parquet" for part in range(2)}
    assert written == {*tables, "/schema.json", "/profile.json", ".json"}
    assert not project.done("data", "--path", str(folder), *flags)["data"]["created"]

    container = standin.azure.datastores.container_of("workspaceblobstore")
    for path in folder.iterdir():
        standin.blobs.put(container, f"landing/parts/{path.name}", path.read_bytes())
    place = ("--datastore", "workspaceblobstore", "--datastore-path", "landing/parts")
    mark = standin.journal.mark()
    found = project.done("data", *place, "--target", "good", "--name", "lying")["data"]
    assert (found["rows"], found["created"]) == (60, True)
    assert files(puts(standin, mark)) == [f"{found['version']}.json"]
    trained = project.done("model", "--set", "data.name=lying", "--set", "training.seed=2")
    assert trained["status"] == "Completed"


@pytest.mark.sweep
def test_a_job_reads_a_folder_with_an_mltable(project: AzureProject, tmp_path: Path) -> None:
    """SDK v1 has no such asset: the job is given the folder, and reads it by the same reader."""
    folder = parts(tmp_path / "parts")
    said = "paths: [{pattern: './*.parquet'}]\ntransformations: [read_parquet]\n"
    (folder / "MLTable").write_text(said, encoding="utf-8")
    sent = project.done("data", "--path", str(folder), "--target", "good", "--name", "described")
    assert sent["data"]["rows"] == 60
    trained = project.done("model", "--set", "data.name=described", "--set", "training.seed=3")
    assert trained["status"] == "Completed"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--datastore", "workspaceblobstore"), "go together"),
        (("--datastore", "nowhere", "--datastore-path", "a.csv"), "nowhere"),
        (("--datastore", "workspaceblobstore", "--datastore-path", "no/such"), "found: nothing"),
    ],
)
def test_a_wrong_place_is_named(flags: tuple[str, ...], words: str, project: AzureProject) -> None:
    answer = project.drive("data", *flags, "--target", "good")
    assert answer.code == 2, answer.said
    assert words in answer.record["error"]


def test_an_interrupted_upload_goes_on_where_it_ended(
    project: AzureProject, standin: StandIn, tmp_path: Path
) -> None:
    big = tmp_path / "big.csv"
    row = "1.5,red,yes\n2.5,blue,no\n"
    big.write_text("size,colour,good\n" + row * 1_600_000, encoding="utf-8")  # 38 MB: 5 blocks
    flags = ("--path", str(big), "--target", "good", "--name", "big")
    standin.fault(
        path="big.csv",
        method="PUT",
        host=BLOB,
        status=403,
        code="AuthorizationFailure",
        after=3,
        count=50,
    )
    answer = project.drive("data", *flags)
    assert answer.code == 1, answer.said
    standin.clear_faults()
    mark = standin.journal.mark()
    assert project.done("data", *flags)["data"]["rows"] == 3_200_000
    sent = list(standin.journal.find(method="PUT", host=BLOB, path_regex="big.csv", since=mark))
    blocks = [entry for entry in sent if "comp=block&" in entry.query + "&"]
    assert 1 <= len(blocks) <= 3, [entry.query for entry in sent]


def test_storage_without_keys_says_what_to_do(
    project: AzureProject, standin: StandIn, tmp_path: Path
) -> None:
    standin.blobs.forbid_shared_key()
    try:
        path = table(tmp_path / "keyless.csv", shift=9)
        answer = project.drive("data", "--path", str(path), "--target", "good", "--name", "keyless")
    finally:
        standin.blobs.forbid_shared_key(False)
    assert answer.code == 1
    assert "--datastore-path" in answer.record["error"]
