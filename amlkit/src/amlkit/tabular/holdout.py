"""Which rows are held out for the test: decided by a hash of the row, never by chance or position.

The side of a row depends on its values alone. So a table that grows moves no row, rows that are
equal fall on the same side, and rows that a champion was trained on never reach a challenger's
test. There is no seed here on purpose: with one, each run would test on rows that another run
trained on.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.util import hash_array

Hashes = NDArray[np.uint64]

# Changing any of these moves rows between the sides: every champion would have seen the test.
HASH_KEY = "aml-holdout-v1.0"  # 16 characters, as pandas asks
MISSING = np.uint64(0x7FF8000000000000)  # one value for null and NaN, whatever the column's type
NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
BOOLEANS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}  # as read_table takes them
BLOCK = 65_536  # rows at a time: the arithmetic stays in the processor's cache


def holdout_mask(table: pa.Table, target: str, share: float) -> tuple[NDArray[np.bool_], Hashes]:
    """True for each row that is held out, and the hash of each row; both as long as the table.

    All columns but the target count, also those that no feature is made of.
    """
    hashes = row_hashes(table, target)
    return below(hashes, share), hashes


def below(hashes: Hashes, share: float) -> NDArray[np.bool_]:
    """True where the hash, as a part of 2^64, is below `share`."""
    mask: NDArray[np.bool_] = hashes < np.uint64(min(int(share * 2.0**64), 2**64 - 1))
    return mask


def holdout_identity(
    hashes: Hashes, target: pa.ChunkedArray, part: NDArray[Any] | None = None
) -> str:
    """12 hexadecimal digits that name the held-out rows and their target values, in any order.

    Equal identities mean that two runs measured their models on the same test; with `part` (rows,),
    in the same folds too.
    """
    columns = [hashes, _column_bits(target)]
    columns += [] if part is None else [part.astype(np.uint64)]
    rows = np.stack(columns, axis=1)[np.lexsort(columns[::-1])].astype("<u8")
    return hashlib.sha256(rows.tobytes()).hexdigest()[:12]


def value_hashes(column: pa.ChunkedArray) -> Hashes:
    """One hash for each value of a column, the same under another name or type of the column."""
    return _mix(_column_bits(column))


def row_hashes(table: pa.Table, target: str) -> Hashes:
    """One hash for each row, whatever the order of the columns or of the other rows."""
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for name in table.column_names:
        if name == target:
            continue
        salt = _text_hashes([name])[0]
        bits = _column_bits(table.column(name))
        for start in range(0, len(bits), BLOCK):
            block = slice(start, start + BLOCK)
            total[block] += _mix(bits[block] ^ salt)  # a sum: no order among the columns
    for start in range(0, len(total), BLOCK):
        total[start : start + BLOCK] = _mix(total[start : start + BLOCK])
    return total


def _mix(values: Hashes) -> Hashes:
    """The finishing step of splitmix64: each bit of the input reaches each bit of the output."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _column_bits(column: pa.ChunkedArray | pa.Array) -> Hashes:
    """64 bits for each value; the same for the same value under another type."""
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
    parts: list[Hashes] = []
    dictionary = None
    dictionary_bits: Hashes = np.empty(0, dtype=np.uint64)
    for chunk in column.chunks:
        if pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type):
            chunk = chunk.dictionary_encode()
        if not pa.types.is_dictionary(chunk.type):
            parts.append(_number_bits(chunk))
            continue
        if dictionary is None or not dictionary.equals(chunk.dictionary):
            dictionary = chunk.dictionary
            dictionary_bits = np.append(_text_bits(dictionary), MISSING)
        indices = pc.fill_null(chunk.indices, len(dictionary)).to_numpy(zero_copy_only=False)
        parts.append(dictionary_bits[indices])
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def _number_bits(chunk: pa.Array) -> Hashes:
    """The bits of each value as float64; dates count as seconds since 1970, booleans as 0 and 1."""
    if pa.types.is_temporal(chunk.type):
        chunk = chunk.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    values = chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    bits: Hashes = (values + 0.0).view(np.uint64)  # adding zero makes -0.0 and 0.0 the same
    bits[np.isnan(values)] = MISSING
    return bits


def _text_bits(dictionary: pa.Array) -> Hashes:
    """Each text's hash; one that reads as a finite number or a boolean counts as that.

    So a column of numbers that a late "unknown" turns into categories moves no row.
    """
    parts = [
        _block_bits(dictionary.slice(start, BLOCK)) for start in range(0, len(dictionary), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def _block_bits(texts: pa.Array) -> Hashes:
    bits = _text_hashes(texts.to_pylist())
    booleans = pc.index_in(pc.utf8_lower(texts), pa.array(list(BOOLEANS)))
    numbers = pc.take(pa.array(list(BOOLEANS.values())), booleans).to_numpy(zero_copy_only=False)
    numeric = pc.fill_null(pc.match_substring_regex(texts, NUMBER), False)
    places = np.flatnonzero(numeric.to_numpy(zero_copy_only=False))
    if len(places):
        numbers = np.array(numbers)
        numbers[places] = [float(text) for text in texts.take(pa.array(places)).to_pylist()]
    finite = np.isfinite(numbers)
    bits[finite] = (numbers[finite] + 0.0).view(np.uint64)
    bits[texts.is_null().to_numpy(zero_copy_only=False)] = MISSING
    return bits


def _text_hashes(texts: list[str]) -> Hashes:
    """A keyed hash of each text's UTF-8 bytes (SipHash: the same on every platform)."""
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return np.asarray(hash_array(values, hash_key=HASH_KEY, categorize=False), dtype=np.uint64)
