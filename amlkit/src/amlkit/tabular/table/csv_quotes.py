"""Quotes in the text of a CSV: where records end, and whether a quote is out of place."""

from __future__ import annotations

import numpy as np

_QUOTE = ord('"')


def stray_quote(text: bytes, delimiter: str) -> int | None:
    """Return the place of a quote that neither opens, closes nor is doubled in a value, or None.

    Quotes are taken in pairs, from a record's start. If each opening one follows a delimiter or a
    line's end (or the quote that it doubles), and each closing one stands before such, the pairs
    are the quoted fields; else the text could be read in more than one way.
    """
    if b'"' not in text:
        return None
    edges = np.zeros(256, bool)
    edges[[*delimiter.encode(), *b'\r\n"']] = True
    symbols = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(symbols == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    wrong = opening[(opening > 0) & ~edges[symbols[opening - 1]]]
    inside = closing[closing < len(text) - 1]
    stray = np.concatenate([wrong, inside[~edges[symbols[inside + 1]]]])
    return int(stray.min()) if len(stray) else None


def whole_records(text: bytes) -> int:
    """Return how many bytes at the front are whole records: up to a line end outside quotes."""
    cut = text.rfind(b"\n") + 1
    if b'"' not in text:
        return cut
    quotes = np.flatnonzero(np.frombuffer(text, np.uint8) == _QUOTE)
    while cut:
        before = int(np.searchsorted(quotes, cut))
        if before % 2 == 0:
            return cut
        cut = text.rfind(b"\n", 0, int(quotes[before - 1])) + 1
    return 0
