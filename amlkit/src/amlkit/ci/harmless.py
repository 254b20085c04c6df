"""Texts of others, unable to command whoever reads a step's log.

What is a command is told by the runners' own parsers, each of which reads line by line:

- Azure Pipelines (`Command.TryParse` of azure-pipelines-agent): `##vso[` anywhere in a line; its
  page formats a line that begins with `##[`.
- GitHub Actions (`ActionCommand` of actions/runner): `::` at the start of a line, white space
  before it passed over (`TryParseV2`), and `##[` anywhere in a line (`TryParse`).

Both search by culture, so that characters that show nothing may stand between those that count.
"""

from __future__ import annotations

import re
import unicodedata

_PREFIX = re.compile(r"##(vso)?\[", re.IGNORECASE)
# What ends a line for any reader, and white space before the mark: .NET's TrimStart passes it over.
_MARK = re.compile(r"(^|[\n\r\v\f\x85\u2028\u2029])(\s*):(?=:)")


def harmless(text: str) -> str:
    """The text, unable to command a runner. One that cannot is returned as it is.

    A text that commands loses what may stand unseen between its signs: zero-width spaces, soft
    hyphens, NULs, combining marks.
    """
    plain = text
    if not text.isascii() or not text.isprintable():
        plain = "".join(sign for sign in text if sign in _KEPT or not _passed_over(sign))
    if not _PREFIX.search(plain) and not _MARK.search(plain):
        return text
    return _MARK.sub(r"\1\2: ", re.sub("#(?=#)", "# ", plain))


_KEPT = frozenset("\t\n\r\v\f\x85")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")


def shows_nothing(sign: str) -> bool:
    """Whether a character is a control, a format (bidirectional, zero-width), half of a pair."""
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs")


def _passed_over(sign: str) -> bool:
    """Whether a search by culture may pass over a character: marks and fillers, too."""
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Mn", "Me") or sign in _FILLERS
