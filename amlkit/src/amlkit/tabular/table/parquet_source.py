"""A Parquet file: its columns, and its rows in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from amlkit.tabular.table.csv_dialect import Progress
from amlkit.tabular.table.schema import TableError, check_names, names_text, shorten

MAGIC = b"PAR1"


class ParquetSource:
    """A Parquet file whose columns are plain values; pandas' index columns are left out."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.name
        try:
            with pq.ParquetFile(path) as parquet:
                schema, self.rows = parquet.schema_arrow, parquet.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        fields = [field for field in schema if not field.name.startswith("__index_level_")]
        check_names(self.file, [field.name for field in fields])
        self.types = {field.name: field.type for field in fields}
        self.names = list(self.types)
        odd = [f"{name} ({type_})" for name, type_ in self.types.items() if not _plain(type_)]
        if odd:
            raise TableError(
                f"{self.file}: columns that are not plain values: {names_text(odd)}; "
                "flatten them, write them as text, or leave them out"
            )
        if len(self.names) < 2:
            raise TableError(
                f"{self.file}: a target and at least one more column are needed; "
                f"it has {names_text(self.names) or 'none'}"
            )

    def batches(
        self, names: Sequence[str], rows: int = 1 << 16, progress: Progress | None = None
    ) -> Iterator[pa.Table]:
        """Yield the named columns, at most `rows` rows at a time, in bounded memory."""
        total, done = self.path.stat().st_size, 0
        try:
            with pq.ParquetFile(self.path, pre_buffer=False) as parquet:
                for batch in parquet.iter_batches(batch_size=rows, columns=list(names)):
                    yield pa.Table.from_batches([batch]).select(list(names))
                    done += batch.num_rows
                    if progress is not None:
                        progress(total * done // max(self.rows, 1), total)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> TableError:
        return TableError(
            f"{self.file}: the Parquet file is damaged or not one ({shorten(error, 120)}); "
            "write it again"
        )


def _plain(type_: pa.DataType) -> bool:
    """Return whether a column of this type can be a number, a category, a boolean or a date."""
    t = pa.types
    return is_text(type_) or any(
        test(type_)
        for test in (
            *(t.is_integer, t.is_floating, t.is_decimal, t.is_boolean, t.is_null),
            *(t.is_date, t.is_timestamp),
        )
    )


def is_text(type_: pa.DataType) -> bool:
    """Return whether a column of this type holds text, dictionary-encoded or not."""
    if pa.types.is_dictionary(type_):
        return _plain(type_.value_type)
    return (
        pa.types.is_string(type_) or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
    )  # fmt: skip


def natural_type(type_: pa.DataType) -> str:
    """Return the type of Schema that a Parquet column has by itself."""
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        return "date"
    return "category" if is_text(type_) else "number"
