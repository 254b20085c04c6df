"""What a connection to a workspace is with either SDK, and how its five parts use it."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from amlkit.azure.errors import explain, is_passing, status_of
from amlkit.azure.identity import credential
from amlkit.interrupts import waiting
from amlkit.settings import Settings

# How long Azure ML may be away during a wait (s): a job is not lost to an outage.
PATIENCE = 1800.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
LOOKS = 60


class SharedConnection:
    """A workspace, the caller's credential, and what was looked up by them."""

    def __init__(self, settings: Settings, say: Callable[[str], None], folder: Path) -> None:
        self.settings = settings
        self.say = say
        azure = settings.azure
        self.folder = folder / azure.subscription_id / azure.workspace_name
        self._kept: dict[tuple[str, ...], Any] = {}

    @property
    def workspace(self) -> Any:
        """The SDK's workspace; says who asks for it."""
        return self.kept(("workspace",), self._open)

    @property
    def credential(self) -> Any:
        """The caller's credential for storage without keys."""
        return self.kept(("credential",), lambda: credential(self.settings.azure))

    def kept(self, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        """What was asked for once in a command, until `sign_in_again`; None is asked for anew."""
        if self._kept.get(key) is None:
            self._kept[key] = ask()
        return self._kept[key]

    def forget(self, *kind: str) -> None:
        """Asks anew for what is kept under keys that begin so."""
        for key in [key for key in self._kept if key[: len(kind)] == kind]:
            del self._kept[key]

    def sign_in_again(self) -> None:
        """Forgets the workspace and what came from it: the SDK keeps a token to its written end."""
        self._kept.clear()

    def patiently(self, ask: Callable[[], Any]) -> Any:
        """Asks until it is answered, as long as what fails may pass."""
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            try:
                return ask()
            except Exception as error:
                if not is_passing(error) or time.monotonic() - began > PATIENCE:
                    raise
                if status_of(error) == 401:
                    self.sign_in_again()
                self.say(f"{explain(error, self.settings)}; asking again")
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _open(self) -> Any:
        """Asks for the workspace."""
        raise NotImplementedError


class Connected(Protocol):
    """A part of a workspace."""

    @property
    def connection(self) -> SharedConnection:
        """What it shares with the others."""


Part = TypeVar("Part", bound=Connected)
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def on_azure(
    verb: Callable[Concatenate[Part, Asked], Answer],
) -> Callable[Concatenate[Part, Asked], Answer]:
    """Decorates a part's verb: what the SDK raises leaves it as an error of ours."""

    @functools.wraps(verb)
    def told(self: Part, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        try:
            with quiet():
                _ = self.connection.workspace  # first: a missing workspace is no missing asset
                return verb(self, *args, **kwargs)
        except Exception as error:
            explained = explain(error, self.connection.settings)
            if explained is error:
                raise
            raise explained from error

    return told


def watch(
    look: Callable[[], str],
    pause: float,
    is_over: Callable[[str], bool],
    limit: float = float("inf"),
) -> str:
    """Looks until it is over, `limit` seconds at most; returns the last state seen.

    Soon at first, then every `pause` seconds. Outages are outlived: `LOOKS` in a row may fail by
    what may pass.
    """
    began, failures, state, soon = time.monotonic(), 0, "", FIRST_PAUSE
    with waiting() as wait:
        while not is_over(state) and time.monotonic() - began < limit:
            wait.sleep(soon)
            soon = min(soon * 1.5, pause)
            try:
                state, failures = look(), 0
            except Exception as error:
                failures += 1
                if failures > LOOKS or not is_passing(error):
                    raise
    return state


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What the SDK prints goes nowhere: a driver's stdout may be one JSON object.

    It logs each error that it also raises, and warns of what is meant so: for the whole process,
    since it does that in threads, too.
    """
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        yield
