"""Variables at run time: macros, what a step's environment holds, and the masking of secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .errors import PipelineError

MACRO = re.compile(r"\$\(([^()\n]+)\)")
NAME = re.compile(r"[A-Za-z_][\w.\-]*")  # what only a variable is called; `$(cat x)` is the shell's
DEEPEST = 20
MASK = "***"


@dataclass(frozen=True)
class Variable:
    """A value, and whether it is a secret."""

    text: str
    secret: bool = False


class Secret(str):
    """The value of a secret variable, in a variable group."""


class Masker:
    """Knows the secrets of a run, and takes them out of what is logged."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secret: str) -> None:
        """A secret; each of its lines is one."""
        self._secrets.update(line for line in secret.splitlines() if line.strip())

    def mask(self, text: str) -> str:
        """The text without secrets, longest first."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    @property
    def secrets(self) -> frozenset[str]:
        """What is masked."""
        return frozenset(self._secrets)


class Variables(Mapping[str, str]):
    """Variables by name, in any case; as a mapping it shows expressions their texts."""

    def __init__(self, masker: Masker) -> None:
        self._found: dict[str, tuple[str, Variable]] = {}
        self.masker = masker

    def copy(self) -> Variables:
        """Variables of an inner scope, which begins with these."""
        made = Variables(self.masker)
        made._found = dict(self._found)
        return made

    def set(self, name: str, text: str, *, secret: bool = False) -> None:
        """Set a variable; once a secret, it stays one."""
        secret = secret or self.is_secret(name)
        if secret:
            self.masker.add(text)
        self._found[name.upper()] = (name, Variable(text, secret))

    def update(self, values: Mapping[str, str]) -> None:
        """Set several, of which those that are `Secret` are secrets."""
        for name, text in values.items():
            self.set(name, text, secret=isinstance(text, Secret))

    def is_secret(self, name: str) -> bool:
        """Whether a variable is a secret."""
        found = self._found.get(name.upper())
        return found is not None and found[1].secret

    def __getitem__(self, name: str) -> str:
        return self.expand(self._found[name.upper()][1].text)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(name for name, _ in self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def expand(self, text: str, depth: int = 0) -> str:
        """Fill in macros. One that names no variable stays, as on the service."""
        if depth > DEEPEST:
            raise PipelineError(f"variables refer to one another: {text}")

        def fill(match: re.Match[str]) -> str:
            found = self._found.get(match[1].upper())
            return match[0] if found is None else self.expand(found[1].text, depth + 1)

        return MACRO.sub(fill, text)

    def unknown(self, text: str) -> list[str]:
        """The macros of a text that name no variable."""
        left = MACRO.findall(self.expand(text))
        return [name for name in left if NAME.fullmatch(name)]

    def environment(self) -> dict[str, str]:
        """What every step of a script finds in its environment: all but secrets."""
        return {
            re.sub(r"[. ]", "_", name).upper(): self.expand(variable.text)
            for name, variable in self._found.values()
            if not variable.secret
        }


def leaks(texts: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> list[str]:
    """The names of those texts in which a secret stands."""
    wanted = [secret.encode() for secret in secrets if len(secret) > 3]
    return [name for name, data in texts if any(secret in data for secret in wanted)]
