"""Write an answer, which is any text, into a file of some format so that it stays that text."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["escaped", "markdown", "oneline", "oneline_escaped", "spdx"]

# Legal inside a JSON string, but line breaks or unprintable to YAML and to editors.
_RISKY = (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)
_ESCAPED = {code: f"\\u{code:04x}" for code in _RISKY}
_MARKDOWN = {ord(mark): f"\\{mark}" for mark in "\\`*_[]<>#|~&$"}


def oneline(value: Any) -> str:
    """Return the text on one line: every run of white space becomes one space."""
    return " ".join(str(value).split())


def escaped(value: Any) -> str:
    """Return the text as it stands between double quotes in TOML, YAML, JSON and Python alike.

    Emoji are written as they are: JSON's surrogate pairs are no characters to TOML and YAML.
    """
    return json.dumps(str(value), ensure_ascii=False)[1:-1].translate(_ESCAPED)


def oneline_escaped(value: Any) -> str:
    """Return the text on one line, as it stands between double quotes."""
    return escaped(oneline(value))


def markdown(value: Any) -> str:
    """Return the text as one line of Markdown in which nothing is markup."""
    text = oneline(value).translate(_MARKDOWN)
    start = text.lstrip("0123456789")
    number = text[: len(text) - len(start)]
    return f"{number}\\{start}" if start.startswith(tuple("-+=.)")) else text


def spdx(license_name: Any) -> str:
    """Return the SPDX expression of a `license` answer."""
    return "LicenseRef-Proprietary" if license_name == "Proprietary" else str(license_name)
