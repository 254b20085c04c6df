"""A driver inside a pipeline: what it prints cannot command the runner, and what it did is said.

Away from a pipeline nothing of this does anything.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

from amlkit.ci.harmless import harmless
from amlkit.ci.provider import detect, open_provider
from amlkit.redaction import without_secrets

Conclude = Callable[[int, Mapping[str, Any]], int]
"""Says what became of a driver: (exit code, its `--json` record) → exit code."""

# What Azure Pipelines leaves in place of a variable that is not there.
_UNSET = re.compile(r"\$\(([\w.]+)\)")
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")


class Guard(io.TextIOBase):
    """A text stream that hands over whole lines, without secrets and without commands.

    A line is handed over at its end (`\\n` or `\\r`, as runners read lines), so that nothing can
    be put together of several writes; `close` hands over what is left of the last one. There is no
    `buffer` to write past it.
    """

    def __init__(self, stream: TextIO, hide: Callable[[str], str]) -> None:
        self.stream, self.hide = stream, hide
        self._begun = ""

    def write(self, text: str) -> int:
        """Takes a text; returns its length."""
        self._begun += text
        end = 0
        for line in _LINES.finditer(self._begun):
            self.stream.write(self._clean(line[0]))
            end = line.end()
        self._begun = self._begun[end:]
        return len(text)

    def flush(self) -> None:
        """Flushes the lines that are whole."""
        if not self.closed:
            self.stream.flush()

    def close(self) -> None:
        """Hands over what is left of a line; the stream below stays open."""
        if not self.closed:
            self.stream.write(self._clean(self._begun))
            self._begun = ""
            self.stream.flush()
        super().close()

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The file below: a process that is started with it writes past the guard."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream below."""
        return self.stream.encoding

    def _clean(self, line: str) -> str:
        return harmless(self.hide(line))


@contextmanager
def step(driver: str, environ: MutableMapping[str, str] = os.environ) -> Iterator[Conclude]:
    """Runs a driver as a step of Azure Pipelines or GitHub Actions, if it is one.

    In a pipeline stdout and stderr are guarded, and a variable that the pipeline mapped from one
    that is not there counts as not set.

    Args:
        driver: `data`, `environment`, `model` or `deploy`.
        environ: tells by TF_BUILD and GITHUB_ACTIONS whether this is a pipeline.

    Yields:
        A function to call once, last: it sets the step's outputs, shows summary and error on the
        run's page and returns the exit code, which is 1 too for a wait that ended before its run
        did, and for a status that cannot tell what is due.
    """
    usual = sys.stdout, sys.stderr
    # To stderr, which the runner reads as well: --json has stdout for itself.
    provider = open_provider(environ, usual[1])
    if provider is None:
        yield lambda code, record: code
        return
    from amlkit.ci.outcome import conclude

    unset = unset_variables(environ)
    for name in unset:
        del environ[name]
    hide = hider(environ, provider.secrets)
    for name in provider.secrets:
        provider.mask(environ.get(name, ""))
    guards = Guard(usual[0], hide), Guard(usual[1], hide)

    def say(code: int, record: Mapping[str, Any]) -> int:
        error = str(record.get("error") or "")
        missed = [source for name, source in unset.items() if name in error]  # others: not needed
        return conclude(provider, driver, code, cleaned(record, hide), missed)

    sys.stdout, sys.stderr = guards
    try:
        yield say
    finally:
        for guard in guards:
            guard.close()
        sys.stdout, sys.stderr = usual


def unset_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that were mapped from one that is not there, and what that is called.

    Azure Pipelines leaves `$(Name)` in its place, GitHub Actions leaves nothing.
    """
    from amlkit.settings import ENVIRONMENT_VARIABLES

    found: dict[str, str] = {}
    emptied = detect(environ) == "github-actions"
    for name in ENVIRONMENT_VARIABLES:
        value = environ.get(name)
        if match := _UNSET.fullmatch(value or ""):
            found[name] = match[1]
        elif value == "" and emptied:
            found[name] = name
    return found


def hider(environ: Mapping[str, str], names: Iterable[str]) -> Callable[[str], str]:
    """What takes secrets out of a text: those that are so named, and whatever looks like one."""
    secrets = {
        form
        for name in names
        for line in environ.get(name, "").splitlines()
        if line.strip()
        for form in (line, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1])
    }

    def hide(text: str) -> str:
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return without_secrets(text)

    return hide


def cleaned(value: Any, hide: Callable[[str], str]) -> Any:
    """A JSON value, its texts without secrets, its keys too."""
    if isinstance(value, Mapping):
        return {hide(str(key)): cleaned(inside, hide) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(inside, hide) for inside in value]
    return hide(value) if isinstance(value, str) else value


def plain_json(record: Mapping[str, Any]) -> str:
    """A record as JSON on one line, in which no text can look like a command to a runner."""
    text = json.dumps(record, ensure_ascii=False, default=str)
    if harmless(text) == text:
        return text
    escaped = json.dumps(record, default=str)  # with nothing left that shows nothing
    return escaped.replace("##", "#\\u0023").replace("::", ":\\u003a")
