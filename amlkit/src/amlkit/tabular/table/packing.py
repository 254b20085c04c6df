"""The bytes of a file, unpacked on the way where it is compressed, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from amlkit.tabular.table.schema import TableError, names_text, shorten
from amlkit.tabular.table.source import Progress

PIECE = 4 << 20  # bytes read at a time
SUFFIXES = (".gz", ".bz2", ".zst", ".xz", ".zip")
_BEGINNINGS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"PK\3\4": "zip",
}
_BAD_ZIP = (BadZipFile, NotImplementedError)  # the second of one that is packed in another way
_LOCKED = 1  # the bit of a zip entry's flags


def packing(path: Path) -> str | None:
    """Return how the file is compressed, told from what it begins with; None if it is not."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((kind for mark, kind in _BEGINNINGS.items() if head.startswith(mark)), None)


def unpacked(path: Path, size: int = PIECE, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the file's bytes, at most `size` at a time; TableError if it cannot be unpacked.

    `progress` hears (bytes read, bytes in all) of the file as it is.
    """
    kind, total = packing(path), path.stat().st_size
    damaged = _damages(kind)
    with path.open("rb") as file:
        stream: Any = None
        while True:
            try:
                stream = stream or _opened(kind, file, path)
                piece = stream.read(size)
            except damaged as error:
                raise TableError(
                    f"{path.name}: the {kind} file is damaged, or not one that can be unpacked "
                    f"here ({shorten(error, 120)})"
                ) from error
            if not piece:
                return
            yield piece
            if progress is not None:
                progress(file.tell(), total)


def unpacked_name(path: Path) -> str:
    """Return the name of the file, or of what is packed in it."""
    if packing(path) == "zip":
        try:
            with ZipFile(path) as archive:
                return PurePosixPath(_member(archive, path).filename).name
        except _BAD_ZIP:
            return path.stem  # said when it is read
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def archived(path: Path) -> list[str]:
    """Return the names of all that a zip archive holds; none if the file is no such archive."""
    if packing(path) != "zip":
        return []
    try:
        with ZipFile(path) as archive:
            return archive.namelist()
    except _BAD_ZIP:
        return []


def _opened(kind: str | None, file: IO[bytes], path: Path) -> Any:
    """Return a stream of what is packed in `file`. Each library is loaded where it is needed."""
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=file)
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(file)
    if kind == "xz":
        import lzma

        return lzma.LZMAFile(file)
    if kind == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    if kind == "zip":
        archive = ZipFile(file)
        return archive.open(_member(archive, path))
    return file


def _damages(kind: str | None) -> tuple[type[Exception], ...]:
    """Return the errors that a damaged file of that kind gives."""
    if kind is None:
        return ()
    if kind == "xz":
        import lzma

        return (EOFError, lzma.LZMAError)
    known = (EOFError, OSError, zlib.error)
    return (*known, *_BAD_ZIP) if kind == "zip" else known


def _member(archive: ZipFile, path: Path) -> ZipInfo:
    """Return the one file of an archive; macOS adds some of its own."""
    files = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
        and not PurePosixPath(entry.filename).name.startswith(".")
    ]  # fmt: skip
    if len(files) != 1:
        held = names_text([entry.filename for entry in files]) or "no file"
        raise TableError(
            f"{path.name}: a zip archive of one table is expected, this one holds {held}; "
            "unpack it and name the table's file"
        )
    if files[0].flag_bits & _LOCKED:
        raise TableError(f"{path.name}: the zip archive has a password; unpack it with that first")
    return files[0]
