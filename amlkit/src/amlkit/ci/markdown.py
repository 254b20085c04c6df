"""Words of anybody's in a page of Markdown: shown as they are, never markup.

The pages of Azure Pipelines and GitHub render GitHub's Markdown with HTML in it, link bare
addresses, and GitHub links `@names` and `#numbers` in the text that results.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from amlkit.ci.harmless import harmless, shows_nothing

# An underscore inside a word is none of Markdown's.
_MARKUP = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[\\`*\[\]|~!$]|#(?!\d)")
_START = re.compile(r"^(?:[-+](?=[-\s]|$)|=|\d+(?=[.)](?:\s|$)))")
# What is linked by itself: a comment within keeps a renderer from seeing it whole.
_LINKED = re.compile(r"@|#(?=\d)|:(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_BREAK = "<!-- -->"
_ADDRESS = re.compile(r"https://[A-Za-z0-9][\w.:/?&=%~+-]*", re.ASCII)


def text(words: Any) -> str:
    """Words as Markdown shows them: on one line, no markup, no link, nobody mentioned."""
    plain = html.escape(" ".join(seen(str(words)).split()), quote=False)
    plain = _MARKUP.sub(lambda found: "\\" + found[0], plain)
    plain = _LINKED.sub(lambda found: found[0] + _BREAK, plain)
    return _START.sub(_at_start, plain)


def _at_start(found: re.Match[str]) -> str:
    """What begins a list or underlines a heading, escaped."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def seen(words: str) -> str:
    """The words without characters that show nothing or turn others round."""
    return "".join(" " if sign in "\t\r\n\v\f" else sign for sign in words if _is_seen(sign))


def _is_seen(sign: str) -> bool:
    return sign in "\t\r\n\v\f" or not shows_nothing(sign)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A table's lines, its cells any words; none without rows."""
    lines = ["| " + " | ".join(text(cell) or " " for cell in row) + " |" for row in rows]
    if not lines:
        return []
    return ["", f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines]


def bullets(items: Iterable[Any]) -> list[str]:
    """A list's lines; none without items."""
    lines = [f"- {text(item)}" for item in items]
    return ["", *lines] if lines else []


def link(words: str, address: Any) -> str:
    """Our words, linked to an address; empty where that is none to follow."""
    found = _ADDRESS.fullmatch(str(address or ""))
    return f"[{words}]({found[0]})" if found else ""


def block(lines: Sequence[str]) -> list[str]:
    """Lines of a log as they are, in a fence that none of them can end; none without lines."""
    if not lines:
        return []
    inside = [harmless(seen(line)) for line in lines]
    longest = max((len(run) for line in inside for run in re.findall("`+", line)), default=0)
    fence = "`" * max(4, longest + 1)
    return ["", f"{fence}text", *inside, fence]
