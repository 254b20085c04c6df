"""How a table's text is written: its encoding and its delimiter, found out from the file."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from amlkit.tabular.table.packing import PIECE, unpacked
from amlkit.tabular.table.schema import TableError
from amlkit.tabular.table.source import Progress

DELIMITERS = (",", ";", "|", "\t")  # those first that values rather hold
_HEAD = 1 << 20  # bytes looked at for the delimiter
_HEAD_ROWS = 500
_LEGACY = "cp1252"  # tried when a file is not UTF-8
_MARKED = bytes(range(0x80, 0x100))  # its letters beyond ASCII
# Western words have a letter with a mark here and there. In another script there is nothing else,
# and where it was UTF-8 but for a damaged byte, they stand in pairs of a certain kind.
_NOT_WESTERN = re.compile(rb"[\x80-\xff]{3,}|[\xc2-\xdf][\x80-\xbf]")


class Undecodable(TableError):
    """A text that is not of the encoding it is read by; `line` is 0 where it is not known."""

    def __init__(self, file: str, why: str, line: int = 0) -> None:
        super().__init__(f"{file}: {why}")
        self.file, self.line = file, line

    @classmethod
    def at(cls, file: str, line: int) -> Undecodable:
        """Return the error for a line that is not in UTF-8, which the caller took it for."""
        return cls(file, f"line {line} is not in UTF-8, as the table was before; save it so", line)


def pieces(
    path: Path, encoding: str, size: int = PIECE, progress: Progress | None = None
) -> Iterator[bytes]:
    """Yield the file's text as UTF-8 bytes without a byte order mark, about `size` at a time.

    A compressed file is unpacked on the way. TableError if the bytes are not of that encoding.
    """
    # UTF-8 passes as it is: `find_encoding` or the caller has checked it
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
    first = True
    for raw in unpacked(path, size, progress):
        text = raw if decoder is None else _decoded(decoder, raw, path)
        if first:
            text = text.removeprefix(codecs.BOM_UTF8)
        if text:
            yield text
            first = False
    if decoder is not None:
        _decoded(decoder, b"", path)  # no character is cut off at the end


def _decoded(decoder: codecs.IncrementalDecoder, raw: bytes, path: Path) -> bytes:
    """Return the next bytes as UTF-8; none are the last."""
    try:
        return decoder.decode(raw, final=not raw).encode()
    except UnicodeError as error:
        raise Undecodable(path.name, f"the text cannot be decoded ({error})") from error


def find_unicode(path: Path) -> str:
    """Return "utf-16" where the file begins with its byte order mark, else "utf-8"."""
    head = next(unpacked(path, 4), b"")
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def find_encoding(path: Path) -> str:
    """Return "utf-8", "utf-16" or "cp1252" after decoding the whole file, in pieces.

    A wrong byte may come late, so the head alone does not tell. TableError for an empty file, for
    bytes that no text holds, and for a text of another encoding, as far as that can be told.
    """
    if find_unicode(path) == "utf-16":
        for _ in pieces(path, "utf-16"):
            pass
        return "utf-16"
    possible = ["utf-8", _LEGACY]
    decoders = {name: codecs.getincrementaldecoder(name)() for name in possible}
    lines, blank, wrong = 1, True, 0
    for piece in pieces(path, "utf-8"):
        if b"\0" in piece:
            lines += piece.count(b"\n", 0, piece.index(b"\0"))
            raise TableError(
                f"{path.name}: line {lines} holds a NUL byte, so this is not a text table; "
                "save it as CSV in UTF-8, or as Parquet"
            )
        blank = blank and not piece.strip()
        for name in list(possible):
            # nothing to decode in plain ASCII, unless a character is cut at the piece's edge
            if piece.isascii() and not decoders[name].getstate()[0]:
                continue
            try:
                decoders[name].decode(piece)
            except UnicodeDecodeError as error:
                possible.remove(name)
                wrong = wrong or lines + piece.count(b"\n", 0, error.start)
        lines += piece.count(b"\n")
    if blank:
        raise TableError(f"{path.name}: the file is empty; a header and rows are needed")
    if possible[:1] == ["utf-8"] and decoders["utf-8"].getstate()[0]:
        possible.remove("utf-8")
    if not possible or (possible == [_LEGACY] and not _is_western(path)):
        raise TableError(
            f"{path.name}: line {wrong or lines} is not in UTF-8, and the text is not of a Western "
            f"Windows ({_LEGACY}) either; save it as CSV in UTF-8"
        )
    return possible[0]


def _is_western(path: Path) -> bool:
    """Return whether a text that is not UTF-8 looks like one in a Western language."""
    marked = odd = 0
    for piece in pieces(path, "utf-8"):
        marked += len(piece) - len(piece.translate(None, _MARKED))
        odd += sum(map(len, _NOT_WESTERN.findall(piece)))
    return odd <= marked / 2


def read_head(path: Path, encoding: str) -> str:
    """Return about the first megabyte of the file as text; Undecodable if it is not in UTF-8."""
    head = next(pieces(path, encoding, size=_HEAD), b"")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)  # it may end in a letter
    except UnicodeDecodeError as error:
        raise Undecodable.at(path.name, 1 + head.count(b"\n", 0, error.start)) from error


def find_delimiter(head: str) -> tuple[str, str | None]:
    """Return the delimiter under which the most rows have as many fields as the header.

    Where another would part each row alike, it comes second: values are full of it.
    """
    lines = head.lstrip("\r\n")
    best, best_score, rival = DELIMITERS[0], (0.0, 0), None
    for delimiter in DELIMITERS:
        counts = []
        try:
            for row in csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter):
                if row:
                    counts.append(len(row))
                if len(counts) > _HEAD_ROWS:
                    break
        except csv.Error:
            pass  # a field too long for the csv module: judge by the rows before it
        if len(lines) >= _HEAD // 2 and len(counts) > 2:
            counts.pop()  # the last row may be cut off
        if counts and counts[0] > 1:
            score = (sum(n == counts[0] for n in counts) / len(counts), counts[0])
            if score[0] == best_score[0] == 1 and len(counts) > 1:
                rival = best if score >= best_score else delimiter
            if score >= best_score:
                best, best_score = delimiter, score
    return best, rival
