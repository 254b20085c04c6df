"""What each column is, once the whole table has passed by, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from amlkit.tabular.table.date_formats import DATE_FORMATS
from amlkit.tabular.table.number_formats import BODIES, NumberFormat, is_currency, parse_numbers
from amlkit.tabular.table.number_scan import COMMA, POINT, NumberScan
from amlkit.tabular.table.scan import TextScan, TypedScan
from amlkit.tabular.table.schema import Column, names_text, shorten

Scan = TextScan | TypedScan

_LIST_WORDS = "to read the others as numbers, list those words among the missing values"


@dataclass(frozen=True)
class Elsewhere:
    """What the file as a whole tells where a column alone does not."""

    delimiter: str  # "" if it is no CSV
    decimals: frozenset[str]  # the decimal marks of the columns that show theirs
    day_order: str | None  # "%d/%m" or "%m/%d", if the columns that tell agree on it

    @classmethod
    def of(cls, scans: Sequence[Scan], delimiter: str) -> Elsewhere:
        """Ask the columns that can be read in one way only."""
        marks: set[str] = set()
        orders: set[str] = set()
        for scan in scans:
            if not isinstance(scan, TextScan) or scan.missing == scan.rows:
                continue
            if "number" in scan.alive and scan.numbers.seen:
                marks |= scan.numbers.decimals if len(scan.numbers.decimals) == 1 else set()
            slashed = {form[:5] for form in scan.alive if form[:5] in ("%d/%m", "%m/%d")}
            orders |= slashed if len(slashed) == 1 else set()
        return cls(delimiter, frozenset(marks), orders.pop() if len(orders) == 1 else None)


def decide(scans: Sequence[Scan], delimiter: str = "") -> tuple[list[Column], list[str]]:
    """Return each column, and what a reader should know of how its type was found out."""
    elsewhere = Elsewhere.of(scans, delimiter)
    columns: list[Column] = []
    notes: list[str] = []
    blank: list[str] = []
    wordy: list[str] = []
    for scan in scans:
        if isinstance(scan, TypedScan):
            column = Column(scan.name, scan.type)
        else:
            column, note = _text_column(scan, elsewhere)
            notes += [note] if note else []
            if scan.blanks and column.type != "category":
                blank.append(f"{scan.name!r} ({scan.blanks} rows)")
            if column.type == "category" and (odd := scan.words_among_numbers()):
                wordy.append(f"{scan.name!r} ({', '.join(map(repr, odd))})")
        columns.append(column)
        if scan.missing == scan.rows:
            notes.append(f"{scan.name!r} is missing in every row")
        elif scan.infinite:
            notes.append(_infinite(scan.name, column.type))
    if blank:
        notes.append(f"only a dash, dots or asterisks is read as missing: {names_text(blank)}")
    if wordy:
        words = names_text(wordy)
        notes.append(f"numbers but for a few words are read as a category: {words}; {_LIST_WORDS}")
    return columns, notes


def _infinite(name: str, type_: str) -> str:
    words = f"{name!r} holds numbers that are not finite (inf, nan): "
    if type_ == "number":
        return f"{words}they are read as missing"
    return f"{words}read as a {type_}; {_LIST_WORDS}"


def _text_column(scan: TextScan, elsewhere: Elsewhere) -> tuple[Column, str]:
    """Return a column of text as the first of what it can still be, and a note, if any."""
    category = Column(scan.name, "category")
    if scan.missing + scan.blanks == scan.rows:
        number = not scan.blanks and not scan.stored and "number" in scan.alive
        return (scan.column if scan.forced or not number else Column(scan.name, "number")), ""
    if not scan.alive:
        return category, ""
    first = scan.alive[0]
    if first == "number":
        note = choose_format(scan.numbers, scan.name, elsewhere)
        form = scan.numbers.form.spelling
        text = scan.numbers.all_trailing or (scan.stored and form in (None, ","))
        if text and not scan.forced:
            return category, ""
        return Column(scan.name, "number", form), note
    if first in DATE_FORMATS:
        return _date(scan, elsewhere)
    return Column(scan.name, first), ""


def _date(scan: TextScan, elsewhere: Elsewhere) -> tuple[Column, str]:
    """Return a column of dates, and how day and month were told apart where both could be first."""
    form = scan.alive[0]
    if len(scan.alive) == 1:
        return Column(scan.name, "date", form), ""
    sure, why = scan.order.certain(), "the dates are then in order of time"
    if sure is None and elsewhere.day_order is not None:
        sure = next(form for form in scan.alive if form.startswith(elsewhere.day_order))
        why = "as in the other columns of the file"
    if sure is None:
        sure, why = form, "nothing in the file tells"
    order = "day/month" if sure.startswith("%d") else "month/day"
    other = Column(scan.name, "date", next(form for form in scan.alive if form != sure))
    note = f"{scan.name!r} could be day/month or month/day: read as {order} ({why}); "
    return Column(scan.name, "date", sure), f"{note}for the other set {other.setting}"


def choose_format(numbers: NumberScan, name: str, elsewhere: Elsewhere) -> str:
    """Choose the column's format among the readings that are left; return a note, if any."""
    forms = {mark: _widest(numbers, mark) for mark in sorted(numbers.decimals)}
    mark, why = _decimal_mark(numbers, elsewhere)
    numbers.form = forms.pop(mark)
    example = numbers.doubtful if why else numbers.example
    usual = numbers.form.spelling == "," and elsewhere.delimiter not in ("", ",")
    if example is None or (usual and not why):
        return ""
    words = f"{name!r} is read as numbers: {shorten(example)!r} is {_value(example, numbers.form)}"
    if not why:
        return words
    (other,) = forms.values()
    line = Column(name, "number", other.example).setting
    return f"{words} ({why}); for {_value(example, other)} set {line}"


def _widest(numbers: NumberScan, mark: str) -> NumberFormat:
    """Return the format of a decimal mark, thousands allowed where something is at the ends."""
    bodies = [body for body in numbers.readings if BODIES[body][1] == mark]
    if not numbers.form.bare:
        bodies = [body for body in bodies if BODIES[body][0]] or bodies
    return NumberFormat(bodies[0], numbers.form.before, numbers.form.after)


def _decimal_mark(numbers: NumberScan, elsewhere: Elsewhere) -> tuple[str, str]:
    """Return the decimal mark, and why where a value could be read in two ways."""
    if len(numbers.decimals) == 1:
        return next(iter(numbers.decimals)), ""
    told, semicolons = elsewhere.decimals, elsewhere.delimiter == ";"
    plain = numbers.form.bare and POINT in numbers.readings  # as a program may have written it
    if not numbers.ambiguous:
        comma = told == {","} or (semicolons and not told and not plain)
        return "," if comma else ".", ""
    money = bool(numbers.form.before) or is_currency(numbers.form.after)
    thousands = "," if POINT in numbers.readings else "."  # the mark of decimals then
    if len(told) == 1:
        (mark,) = told
        sure = mark == "." if plain else money and mark == thousands
        return mark, "" if sure else "as the file's other columns"
    if money:  # has no thousandths
        return thousands, ""
    if plain:
        return ".", "nothing in the file tells" if semicolons else ""
    if semicolons:
        return ",", "as is usual beside semicolons"
    return ".", "three digits always follow" if COMMA in numbers.readings else "as is usual"


def _value(example: str, form: NumberFormat) -> str:
    numbers = parse_numbers(pa.array([example]), form.spelling)
    return "no number" if numbers is None else f"{numbers[0].as_py():.15g}"
