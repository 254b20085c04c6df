"""Write an answer, which is any text, into a file of some format so that it stays that text."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

# Absolute, since cookiecutter goes to another folder after it has imported this.
TEMPLATE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

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


def as_json(answers: Mapping[str, Any]) -> str:
    """Return the answers as ASCII JSON, fit for a raw triple-quoted Python string.

    JSON escapes every quote inside a string and ends with a brace, so three quotes never meet.
    The template's folder is absolute in it: a hook runs in another folder than the one where
    somebody typed `cookiecutter ../aml-template`.
    """
    return json.dumps({**answers, "_repo_dir": TEMPLATE})


def spdx(license_name: Any) -> str:
    """Return the SPDX expression of a `license` answer."""
    return "LicenseRef-Proprietary" if license_name == "Proprietary" else str(license_name)
