"""What words of a command line that no flag of a driver takes may have meant."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Collection, Sequence

DRIVERS = ("data", "environment", "model", "deploy")


def explain_unknown(words: Sequence[str], own: Collection[str]) -> str:
    """A line for words that a driver does not know.

    Args:
        words: as argparse leaves them over, the first of them the one to explain.
        own: the driver's own flags.
    """
    word, flag = words[0], words[0].partition("=")[0]
    if not word.startswith("-"):
        table = f"; the table is given by --path: --path {word}" if "--path" in own else ""
        return f"no flag takes {word!r}{table}"
    if others := [f"src/{driver}.py" for driver in DRIVERS if flag in flags_of(driver)]:
        return f"{flag} is a flag of {' and '.join(others)}, not of this driver"
    elsewhere = {other: driver for driver in DRIVERS for other in flags_of(driver)}
    if not (near := difflib.get_close_matches(flag, [*own, *elsewhere], 1)):
        return f"there is no flag {flag}"
    of = "" if near[0] in own else f", a flag of src/{elsewhere[near[0]]}.py"
    return f"there is no flag {flag}; did you mean {near[0]}{of}?"


def flags_of(driver: str) -> Collection[str]:
    """All flags of a driver."""
    flags: Collection[str] = importlib.import_module(f"amlkit.flow.{driver}").arguments().flags
    return flags
