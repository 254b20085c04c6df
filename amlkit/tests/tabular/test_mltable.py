"""Folders with a file MLTable: read as Azure ML reads them, or refused in one line.

The files are of the kinds that Azure/azureml-examples and Microsoft's reference show (a comment
says which); what they hold was compared with what the package mltable 1.6 makes of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from amlkit.tabular.asset import open_asset
from amlkit.tabular.table import TableError, file_kind, read_frame
from amlkit.tabular.table.kinds import open_source
from amlkit.tabular.table.profile import profile_table

A, B = "a,b,c\n1,x,2020-01-02\n2,,2020-03-04\n", "a,b,c\n3,z,2021-01-02\n"
ROWS_A, ROWS_B = [["1", "x", "2020-01-02"], ["2", None, "2020-03-04"]], [["3", "z", "2021-01-02"]]
CSV = "paths: [{file: ./a.csv}]\ntransformations:\n- read_delimited:"
Files = dict[str, str | bytes]


def folder(home: Path, said: str, files: Files) -> Path:
    """A folder with an MLTable and files beside it."""
    made = home / "given"
    for name, content in {"MLTable": said, **files}.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return made


def rows(path: Path) -> tuple[list[str], list[list[Any]]]:
    """A table's columns, and its rows as the files have them, what is empty as None."""
    source = open_source(path)
    parts = [part.columns(source.names, [""]) for part in source.parts(source.names)]
    table = pa.concat_tables(parts)
    return table.column_names, [list(row.values()) for row in table.to_pylist()]


def refusal(ask: Callable[..., object], *given: object) -> str:
    """The words in which a table is refused."""
    with pytest.raises(TableError) as refused:
        ask(*given)
    return str(refused.value)


READ = {
    # cli/assets/data/local-mltable
    "one file, its schema named": (
        "$schema: https://azuremlschemas.azureedge.net/latest/MLTable.schema.json\n\npaths:\n"
        '    - file: ./a.csv\n\ntransformations:\n  - read_delimited:\n      delimiter: ","\n'
        "      header: from_first_file\n      encoding: utf8\n",
        {"a.csv": A},
        ROWS_A,
    ),
    # sdk/python/assets/data/sample-mltable
    "files by a pattern, columns dropped": (
        "paths:\n- pattern: ./*validated.csv\ntransformations:\n- read_delimited:\n"
        '    delimiter: ","\n    header: all_files_same_headers\n- drop_columns: ["b"]\n',
        {"2_validated.csv": B, "1_validated.csv": A, "1_error.csv": "no,table\n"},
        [["1", "2020-01-02"], ["2", "2020-03-04"], ["3", "2021-01-02"]],
    ),
    # the tables of the AutoML samples, whose files are UTF-8 though they say ascii
    "ascii that is UTF-8": (
        f"{CSV}\n    encoding: 'ascii'\n",
        {"a.csv": "a,b\n1,é\n"},
        [["1", "é"]],
    ),
    # sdk/python/assets/data/sample_data
    "empty values": (
        f"{CSV}\n    empty_as_string: false\n    header: from_first_file\n",
        {"a.csv": A},
        ROWS_A,
    ),
    # what mltable's own `save` writes
    "saved by the package": (
        f"type: mltable\n{CSV}\n    delimiter: ','\n    include_path_column: false\n"
        "    infer_column_types: true\n    partition_size: 20971520\n    path_column: Path\n"
        "    support_multi_line: true\nmetadata: {}\n",
        {"a.csv": 'a,b\n1,"x\ny"\n'},
        [["1", "x\ny"]],
    ),
    # reference-yaml-mltable.md: folders, patterns, JSON
    "a folder": (
        "paths: [{folder: ./d}]\ntransformations: [read_delimited]",
        {"d/a.csv": A, "d/e/b.csv": B, "c.csv": "no,table\n"},
        ROWS_A + ROWS_B,
    ),
    "folders by a pattern": (
        "paths: [{pattern: './**/*.csv'}]\ntransformations: [read_delimited]",
        {"d/a.csv": A, "d/e/b.csv": B, "c.csv": B},
        ROWS_B + ROWS_A + ROWS_B,
    ),
    "files in the order of their paths": (
        "paths: [{file: ./b.csv}, {file: ./a.csv}]\ntransformations: [read_delimited]",
        {"a.csv": A, "b.csv": B},
        ROWS_B + ROWS_A,
    ),
    "names with a tilde": (
        "paths: [{file: '~a.csv'}, {file: ./~b.csv}]\ntransformations: [read_delimited]",
        {"~a.csv": A, "~b.csv": B},
        ROWS_A + ROWS_B,
    ),
    "any folders, none too": (
        "paths: [{pattern: '**/**/d/**/a.csv'}]\ntransformations: [read_delimited]",
        {"d/a.csv": A, "x/d/y/z/a.csv": A, "x/a.csv": "no,table\n", "d/a.csv.old": "no,table\n"},
        ROWS_A + ROWS_A,
    ),
    "a header in the first file alone": (
        "paths: [{file: a.csv}, {file: b.csv}]\n"
        "transformations: [{read_delimited: {header: from_first_file}}]",
        {"a.csv": A, "b.csv": "9,q,2022-01-01\n"},
        [*ROWS_A, ["9", "q", "2022-01-01"]],
    ),
    "Latin-1": (
        f"{CSV}\n    encoding: iso-8859-1\n    delimiter: ';'\n",
        {"a.csv": "a;b\n1;é\n".encode("latin-1")},
        [["1", "é"]],
    ),
    "UTF-16": (
        f"{CSV}\n    encoding: utf16",
        {"a.csv": "a,b\n1,€\n".encode("utf-16")},
        [["1", "€"]],
    ),
    "JSON lines with other keys": (
        "paths: [{file: ./a.jsonl}, {file: ./b.jsonl}]\n"
        "transformations: [{read_json_lines: {encoding: utf8, invalid_lines: error}}]",
        {"a.jsonl": '{"a":1,"b":"x"}\n{"a":2}\n', "b.jsonl": '{"a":2.5,"c":true}\n'},
        [[1.0, "x", None], [2.0, None, None], [2.5, None, True]],
    ),
    "columns kept": (
        f"{CSV}\n    delimiter: ','\n- keep_columns: [c, a]\n- drop_columns: c\n",
        {"a.csv": A},
        [["1"], ["2"]],
    ),
}


@pytest.mark.parametrize("case", READ)
def test_a_table_is_read_as_its_mltable_says(tmp_path: Path, case: str) -> None:
    said, files, expected = READ[case]
    path = folder(tmp_path, said, files)
    assert file_kind(path) == "mltable"
    assert rows(path)[1] == expected


def test_a_pattern_of_many_folders_takes_no_time(tmp_path: Path) -> None:
    """Each way to share a path's folders among the `**` would be tried otherwise: hours."""
    pattern = "**/a/" * 14 + "b.csv"
    deep = folder(tmp_path, of(f"pattern: '{pattern}'"), {"a/" * 26 + "c.csv": A})
    with pytest.raises(TableError, match=r"paths: pattern: there is no \*\*/a"):
        open_source(deep)


@pytest.mark.skipif(sys.platform == "win32", reason="no file is called so there")
def test_a_file_whose_name_has_a_colon_lies_in_the_folder(tmp_path: Path) -> None:
    said = "paths: [{file: 't:1.csv'}, {folder: './t:'}]\ntransformations: [read_delimited]"
    assert rows(folder(tmp_path, said, {"t:1.csv": A, "t:/b.csv": B}))[1] == ROWS_A + ROWS_B


def test_a_file_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    path = folder(tmp_path, f"{CSV} {{header: no_header}}", {"a.csv": "9,q\n8,r\n"})
    assert rows(path) == (["Column1", "Column2"], [["9", "q"], ["8", "r"]])


def test_parquet_by_the_name_of_its_reader_alone(tmp_path: Path) -> None:
    """The tables of azureml-examples' responsible-ai; a folder's name makes no column of it."""
    said = "type: mltable\npaths:\n  - folder: ./d\ntransformations:\n  - read_parquet\n"
    path = folder(tmp_path, said, {})
    (path / "d" / "year=2024").mkdir(parents=True)
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_parquet(path / "d" / "year=2024" / "p.parquet")
    (path / "d" / "_SUCCESS").touch()
    assert rows(path) == (["a", "b"], [[1, "x"], [2, "y"]])


def test_types_that_an_mltable_gives_are_those_of_the_profile(tmp_path: Path) -> None:
    """As azureml-examples' hardware-perf; what data.types says comes first."""
    said = (
        f"{CSV} {{infer_column_types: false}}\n- convert_column_types:\n"
        "  - {columns: size, column_type: int}\n  - columns: [when, never]\n    column_type:\n"
        "      datetime: {formats: ['%d/%m/%Y']}\n  - columns: good\n    column_type:\n"
        "      boolean: {true_values: ['yes'], false_values: ['no'], mismatch_as: error}\n"
        "- drop_columns: never\n"
    )
    lines = [f"{n},{n % 7},03/04/20{n:02d},,{'yes' if n % 2 else 'no'}" for n in range(10, 40)]
    text = "\n".join(["code,size,when,never,good", *lines]) + "\n"
    path = folder(tmp_path, said, {"a.csv": text})
    profile = profile_table(path, "good")
    assert {column.name: column.words for column in profile.schema.columns} == {
        "code": "category",
        "size": "number",
        "when": "date %d/%m/%Y",
        "good": "boolean",
    }
    assert profile.rows == 30
    assert read_frame(path, profile.schema)["when"].max().isoformat() == "2039-04-03T00:00:00"
    own = profile_table(path, "good", types={"code": "number"})
    assert own.schema.columns[0].type == "number"
    assert open_asset(path, "good").profile == profile


# Bytes that the encoding does not have: in the header, below it, in JSON.
OTHERWISE: dict[str, tuple[str, bytes, str]] = {
    "a header": (CSV, "größe,b\n1,2\n".encode("latin-1"), "read_delimited.encoding: a.csv is not "
                 "utf8 (line 1); say windows1252 or utf16"),
    "a row": (CSV, "a,b\n1,é\n".encode("latin-1"), "read_delimited.encoding: a.csv is not utf8 "
              "(line 2)"),
    "UTF-8 that says UTF-16": (f"{CSV} {{encoding: utf16}}", b"a,b\n1,2\n", "read_delimited."
                               "encoding: a.csv is not utf16; say windows1252 or utf8"),
    "JSON": ("paths: [{file: ./a.csv}]\ntransformations:\n- read_json_lines",
             '{"a": 1}\n{"a": "é"}\n'.encode("latin-1"), "read_json_lines.encoding: a.csv is not "
             "utf8 (line 2)"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERWISE)
def test_another_encoding_than_the_one_that_is_said_is_refused(tmp_path: Path, case: str) -> None:
    said, content, words = OTHERWISE[case]
    path = folder(tmp_path, said, {"a.csv": content})
    assert refusal(rows, path).startswith(f"given/MLTable: {words}")


NUMBERED = ",a,b\n" + "".join(f"{n},{n % 2},{n % 7}\n" for n in range(60))
INDEX = "the first column has no name"


@pytest.mark.parametrize(
    ("steps", "names", "noted"),
    [
        ("", ["a", "b"], True),
        ("- keep_columns: ['Unnamed: 0', a]", ["Unnamed: 0", "a"], False),
        ("- keep_columns: [a, b]", ["a", "b"], False),
        ("- drop_columns: ['Unnamed: 0']", ["a", "b"], False),
        ("- convert_column_types: [{columns: 'Unnamed: 0', column_type: int}]",
         ["Unnamed: 0", "a", "b"], False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("infer", ["true", "false"])
def test_an_unnamed_first_column_is_taken_where_it_is_named(
    tmp_path: Path, steps: str, names: list[str], noted: bool, infer: str
) -> None:
    said = f"{CSV} {{infer_column_types: {infer}}}\n{steps}\n"
    profile = profile_table(folder(tmp_path, said, {"a.csv": NUMBERED}), "a")
    assert [column.name for column in profile.schema.columns] == names
    assert any(note.startswith(INDEX) for note in profile.notes) == noted


@pytest.mark.parametrize(
    ("steps", "delimiter", "words"),
    [
        ("- drop_columns: [b]", ",", "given/MLTable: drop_columns: a is left of Unnamed: 0, a, b"),
        ("- drop_columns: [a, b, 'Unnamed: 0']", ",", "given/MLTable: drop_columns: none is left"),
        ("- keep_columns: b", ",", "given/MLTable: keep_columns: b is left of"),
        ("- keep_columns: ['Unnamed: 0', b]", ",", "given/MLTable: keep_columns: 'a' is not kept, "
         "and it is the target"),
        ("", ";", "given/MLTable: read_delimited.delimiter: parted at ';', a.csv has only one "
         "column (,a,b); line 1 is no header"),
        ("- drop_columns: q", ",", "given/MLTable: drop_columns: there is no column 'q'"),
    ],
)  # fmt: skip
def test_too_few_columns_are_laid_to_what_left_them_out(
    tmp_path: Path, steps: str, delimiter: str, words: str
) -> None:
    said = f"{CSV} {{delimiter: '{delimiter}'}}\n{steps}\n"
    path = folder(tmp_path, said, {"a.csv": NUMBERED})
    assert refusal(profile_table, path, "a").startswith(words)


HTTP = "https://account.blob.core.windows.net/datasets/iris.csv?sig=c2VjcmV0"
READER = "transformations: [{read_delimited: {delimiter: ','}}"


def of(path: str, more: str = "") -> str:
    """An MLTable of one path, read by READER and what comes behind it."""
    return f"paths: [{{{path}}}]\n{READER}{more}]"


REFUSED = {
    # reference-yaml-mltable.md
    "an address": (of(f"file: '{HTTP}'"), "paths: file: https://account"),
    "a datastore": (
        of("pattern: 'azureml://datastores/d/paths/p/*.csv'"),
        "does not lie in the MLTable's folder, and that alone is registered",
    ),
    "outside": (of("folder: ../other"), "paths: folder: ../other"),
    "a place of Linux": (of("file: /data/a.csv"), "/data/a.csv does not lie"),
    "a home": (of("file: ~/a.csv"), "~/a.csv does not lie"),
    "an address that lacks a slash": (
        of(f"file: '{HTTP.replace('//', '/')}'"),
        "blob.core.windows.net/datasets/iris.csv does not lie",
    ),
    "a colon alone": (of("file: 't:1.csv'"), "there is no t:1.csv in given"),
    "an asset": (of("folder: 'azureml:t:1'"), "azureml:t:1 does not lie"),
    "a drive of Windows": (of("file: 'C:\\a.csv'"), "does not lie"),
    "a drive": (of("file: 'C:/a.csv'"), "C:/a.csv does not lie"),
    "Delta Lake": (
        "paths: [{folder: ./d}]\ntransformations: [{read_delta_lake: {version_as_of: 1}}]",
        "read_delta_lake: not read here; write the table as Parquet",
    ),
    "a filter": (of("file: a.csv", ", {filter: 'col(\"a\") > 32'}"), "filter: not read here"),
    "a sample": (
        of("file: a.csv", ", {take_random_sample: {probability: 0.5}}"),
        "take_random_sample: not read here",
    ),
    # azureml-examples: tables of text for named entities, of pictures
    "no reader": ("paths: [{file: a.csv}]\ntransformations: [{take: 1}]", "take: not read here"),
    "no transformation": ("paths:\n  - file: ./0.png\n", "transformations: a list is expected"),
    "pictures by address": (
        "paths: [{file: a.jsonl}]\ntransformations: [{read_json_lines: {encoding: utf8}}, "
        "{convert_column_types: [{columns: image_url, column_type: stream_info}]}]",
        "convert_column_types.column_type: 'stream_info' is not read here",
    ),
    # mltable's own tests of what is invalid
    "another key": (f"path: [{{file: a.csv}}]\n{READER}]", "path: no key of an MLTable"),
    "a dummy header": (f"{CSV} {{header: dummy_value}}", "read_delimited.header: 'dummy_value'"),
    # what would be read otherwise
    "where a row comes from": (
        f"{CSV} {{include_path_column: 'true'}}",
        "read_delimited.include_path_column",
    ),
    "empty texts": (f"{CSV} {{empty_as_string: true}}", "read_delimited.empty_as_string"),
    "lines left out": (
        "paths: [{file: a.jsonl}]\ntransformations: [{read_json_lines: {invalid_lines: drop}}]",
        "read_json_lines.invalid_lines",
    ),
    "two characters": (f"{CSV} {{delimiter: '\\t'}}", 'one character is expected, a tab as "\\t"'),
    **{
        f"a delimiter of {what}": (f"{CSV} {{delimiter: {one}}}", "read_delimited.delimiter: ")
        for what, one in (("lines", '"\\n"'), ("Macs", '"\\r"'), ("C", '"\\0"'), ("quotes", "'\"'"))
    },
    "its own folder": (of("folder: ./"), "takes in MLTable"),
    "what is written beside": (
        "paths: [{pattern: './*.json'}]\ntransformations: [read_json_lines]",
        "takes in schema.json",
    ),
    "a file that is not there": (of("file: b.csv"), "there is no b.csv"),
    "a file twice": (
        f"paths: [{{file: a.csv}}, {{pattern: '*.csv'}}]\n{READER}]",
        "a.csv is named twice",
    ),
    "a column that is not there": (
        of("file: a.csv", ", {drop_columns: [q]}"),
        "drop_columns: there is no column 'q'",
    ),
    "other columns": (of("pattern: '*.*v'"), "d.tsv has the columns c, b"),
    "a key twice": (
        "paths: [{file: a.csv}]\n" + of("file: b.csv"),
        "line 2: no YAML (the key paths is there twice)",
    ),
    **{
        f"no word that is true here, {what}": (
            of(
                "file: a.csv",
                ", {convert_column_types: [{columns: a, column_type: {boolean: {true_values: "
                f"[{one}]}}}}}}]}}",
            ),
            "convert_column_types.column_type: a boolean is read here as one of",
        )
        for what, one in (("a blank before", "' yes'"), ("a list", "[yes]"))
    },
    "no YAML": ("paths: [", "line 1: no YAML"),
    "anchors upon anchors": (
        "paths:\n- &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"- &{n} [{','.join([f'*{m}'] * 9)}]\n"
            for m, n in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + f"{READER}]",
        "one of file, folder, pattern is expected",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_read_otherwise_is_refused_by_its_key(tmp_path: Path, case: str) -> None:
    said, words = REFUSED[case]
    files: Files = {"a.csv": A, "a.jsonl": '{"a": 1}\n', "d.tsv": "c,b\n9,8\n"}
    line = refusal(open_source, folder(tmp_path, said, files))
    assert words in line and line.startswith("given")
    assert "\n" not in line and "c2VjcmV0" not in line and len(line) < 400


def test_the_folder_is_named_and_its_file_called_mltable(tmp_path: Path) -> None:
    path = folder(tmp_path, f"{CSV} {{}}", {"a.csv": A})
    with pytest.raises(TableError, match="name the folder that holds it"):
        file_kind(path / "MLTable")
    (path / "MLTable").rename(path / "MLTable.yaml")
    with pytest.raises(TableError, match="one of them is called MLTable"):
        file_kind(path)
