"""How a column writes its numbers: an example of it, and the numbers that are read by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amlkit.tabular.table.schema import TableError

Strings: TypeAlias = "pa.StringArray | pa.ChunkedArray"

# The number 1234.5 in each way of writing it → what parts thousands, and the decimal mark.
BODIES = {
    "1234.5": ("", "."),
    "1234,5": ("", ","),
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234.5": (" ", "."),
    "1 234,5": (" ", ","),
    "1'234.5": ("'", "."),
    "1'234,5": ("'", ","),
}
_POINT, _COMMA = "1234.5", "1234,5"
# digits whose thousands are parted; India writes 12,34,567
_WHOLE = {
    "": r"\d+",
    ",": r"(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}|\d+)",
    **{mark: rf"(?:[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+|\d+)" for mark in ". '"},
}
_SHARES = {"%": "e-2", "‰": "e-3"}  # read as the fraction that they are
_CODES = (
    "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR JPY KRW MXN NOK NZD PLN RON RUB SAR "
    "SEK SGD THB TRY TWD USD ZAR"
)
SYMBOLS = "$¢£¥฿₡₦₩₪₫€₭₮₱₲₴₵₸₹₺₼₽₾"
CURRENCY = rf"(?:[A-Z]{{0,3}}[{SYMBOLS}]|{_CODES.replace(' ', '|')}|Rs\.?|kr\.?|Kč|zł|Fr\.)"
# a letter or a sign of degrees or inches first, so neither 5+ nor 12:00 nor 5'11 nor 1/2 has one
_UNIT = r"""(?:[%‰°″"]|/?[^\W\d_])[^()]{0,15}?"""
# what follows a number without being its unit: the half of a day, a month, a part of a year
_NO_UNIT = re.compile(
    r"[ap]\.?m\b|[qh][1-4]$|(jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)"
    r"(uary|ruary|ch|il|e|y|ust|tember|ober|ember)?\b",
    re.IGNORECASE,
)
_MARKS = "[-+( ]*"
_BODY = r"[\d.,](?:[\d.,' ]*\d)?(?:[eE][-+]?\d+)?"
_AROUND = re.compile(
    rf"{_MARKS}(?P<before>{CURRENCY})?{_MARKS}{_BODY} *(?P<after>{CURRENCY}|{_UNIT})?[-) ]*"
)
NUMBER_LIKE = rf"^{_MARKS}(?:{CURRENCY})?{_MARKS}\d[\d.,' ]*(?:[^\d].{{0,15}})?$"
# no-break, figure, thin and narrow spaces; apostrophes; the minus sign and the en dash
_TYPOGRAPHIC = (
    ("[\u00a0\u2007\u2009\u202f]", " "), ("[\u2019\u02bc]", "'"), ("[\u2212\u2013]", "-"),
)  # fmt: skip
_SIGNS = ("", "+", "-", "()")


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers.

    `body` is one of BODIES. `before` is a currency; `after` is a currency, a unit, % or ‰. A
    currency may be left out by a value or stand at its other end; a unit may not. A minus, also a
    typographic one or one at the end, a plus, brackets around what is negative, an exponent and
    no-break spaces are read in every format.
    """

    body: str = _POINT
    before: str = ""
    after: str = ""

    @classmethod
    @lru_cache(1024)
    def of(cls, spelling: str | None) -> NumberFormat:
        """Return the format of a `Column.format` or an example; TableError if it is none."""
        if spelling in (None, "", ","):
            return cls(_COMMA if spelling == "," else _POINT)
        text = plain_signs(pa.array([spelling]))[0].as_py()
        for body in BODIES:
            before, found, after = (part.strip() for part in text.partition(body))
            ends = (not before or is_currency(before), not after or is_end(after))
            if found and all(ends):
                return cls(body, before, after)
        raise TableError(
            f"{spelling!r} is no way of writing numbers known here; write 1234.5 as the column "
            f"would: {', '.join(BODIES)}, and what stands at its ends, such as $1,234.5 or "
            "1,234.5 kg or 1234,5 %"
        )

    @property
    def spelling(self) -> str | None:
        """What `Column.format` holds: the example, None for 1234.5 and "," for 1234,5."""
        if not self.before and not self.after and self.body in (_POINT, _COMMA):
            return "," if self.body == _COMMA else None
        return self.example

    @property
    def example(self) -> str:
        """The number 1234.5 as the column writes it."""
        before = self.before + " " * self.before[-1:].isalpha()
        after = " " * (is_currency(self.after) or self.after[:1].isalpha()) + self.after
        return f"{before}{self.body}{after}"

    @property
    def scale(self) -> str:
        """The exponent that makes a per cent its fraction; empty for other numbers."""
        return _SHARES.get(self.after, "")

    @property
    def bare(self) -> bool:
        """Whether nothing stands at the ends."""
        return not (self.before or self.after)

    @cached_property
    def dress(self) -> str:
        """The pattern of a whole value, with groups for its marks and its body."""
        currency = self.before or (self.after if is_currency(self.after) else "")
        sign = f"(?:{re.escape(currency)} *)?" if currency else ""
        unit = re.escape(self.after) if self.after and not is_currency(self.after) else ""
        lead, inner = f"(?P<lead>{_MARKS})", f"(?P<inner>{_MARKS})"
        return f"^{lead}{sign}{inner}(?P<body>{_BODY}) *{unit or sign}(?P<tail>[-) ]*)$"


def is_currency(text: str) -> bool:
    """Return whether the text is a currency's sign or code."""
    return re.fullmatch(CURRENCY, text) is not None


def is_end(text: str) -> bool:
    """Return whether the text can be the currency or the unit behind a number."""
    unit = re.fullmatch(_UNIT, text) is not None and not _NO_UNIT.match(text)
    return unit or is_currency(text)


def around(text: str) -> tuple[str, str] | None:
    """Return what stands before and after the number in a text; None if there is no number."""
    found = _AROUND.fullmatch(plain_signs(pa.array([text]))[0].as_py())
    if found is None:
        return None
    before, after = found["before"] or "", (found["after"] or "").rstrip()
    if after and not is_end(after):
        return None
    return before, "" if before and is_currency(after) else after


def parse_numbers(values: Strings, spelling: str | None = None) -> pa.Array | None:
    """Return the strings as float64, or None if one of them is no finite number so written."""
    form = NumberFormat.of(spelling)
    ends = _without_ends(values, form)
    numbers = None if ends is None else read_bodies(ends, form.body, form.scale)
    if numbers is not None:
        return numbers
    bodies = undressed(values, form)
    return None if bodies is None else read_bodies(bodies, form.body, form.scale)


def _without_ends(values: Strings, form: NumberFormat) -> Strings | None:
    """Return what is left without currency and unit where all are written alike; quick."""
    if form.before:
        if pc.all(pc.starts_with(values, form.before)).as_py() is False:
            return None
        values = pc.utf8_slice_codeunits(values, len(form.before))
    if form.after:
        if pc.all(pc.ends_with(values, form.after)).as_py() is False:
            return None
        values = pc.utf8_slice_codeunits(values, 0, -len(form.after))
    return values if form.bare else pc.utf8_trim(values, " ")


def undressed(values: Strings, form: NumberFormat) -> Strings | None:
    """Return what is left without currency, unit and spaces: "-1,234.5" of "($1,234.5)".

    None if one of the values is no number.
    """
    values = plain_signs(values)
    parts = pc.extract_regex(values, form.dress)
    if parts.null_count != values.null_count:
        return None
    lead, inner, body, tail = (pc.struct_field(parts, [place]) for place in range(4))
    signs = pc.replace_substring(pc.binary_join_element_wise(lead, inner, tail, ""), " ", "")
    if pc.all(pc.is_in(signs, pa.array([*_SIGNS, None]))).as_py() is False:
        return None
    negative = pc.is_in(signs, pa.array(["-", "()"]))
    return pc.binary_join_element_wise(pc.if_else(negative, "-", ""), body, "")


def read_bodies(bodies: Strings, body: str, scale: str = "") -> pa.Array | None:
    """Return signs and digits as float64 by one of BODIES, times `scale` ("e-2" for a per cent)."""
    mark, decimal = BODIES[body]
    if mark:
        pattern = number_pattern(body)
        if pc.all(pc.match_substring_regex(bodies, pattern)).as_py() is False:
            return None
        bodies = pc.replace_substring(bodies, mark, "")
    elif decimal == "," and holds(bodies, "."):
        return None
    if decimal == ",":
        bodies = pc.replace_substring(bodies, ",", ".")
    try:
        if scale:
            bodies = pc.binary_join_element_wise(bodies, scale, "")  # exact, as dividing is not
        numbers = pc.cast(bodies, pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers if all_finite(numbers) else None


@lru_cache
def number_pattern(body: str) -> str:
    """Return the pattern of signs and digits by one of BODIES."""
    mark, decimal = BODIES[body]
    point = re.escape(decimal)
    return rf"^[-+]?(?:{_WHOLE[mark]}(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?$"


def all_finite(numbers: pa.Array) -> bool:
    """Return whether no value is infinite or NaN (nulls aside)."""
    total = pc.sum(numbers).as_py()
    return total is None or bool(np.isfinite(total)) or bool(pc.all(pc.is_finite(numbers)).as_py())


def holds(values: Strings, sign: str) -> bool:
    """Return whether a sign occurs in the values; far quicker than asking each of them."""
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        _, ends, text = chunk.buffers()
        if text is not None and len(chunk):
            start, end = np.frombuffer(ends, np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
            if sign.encode() in text.slice(start, end - start).to_pybytes():
                return True
    return False


def plain_signs(values: Strings) -> Strings:
    """Return the strings with typographic spaces, apostrophes and minus signs as ASCII has them."""
    if pc.all(pc.string_is_ascii(values)).as_py() is not False:
        return values
    for signs, plain in _TYPOGRAPHIC:
        values = pc.replace_substring_regex(values, signs, plain)
    return values
