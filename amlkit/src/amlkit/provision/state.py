"""Ids that were found out, kept in `.azure-bootstrap/`, which git ignores: they spare a look.

What was made here Azure itself tells. Nothing in it is secret. A file for each target: a change of
the names in config.yml begins another.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from amlkit.content import read_json
from amlkit.provision.names import Names
from amlkit.provision.records import Refused

FOLDER = ".azure-bootstrap"


class State:
    """The file of one target."""

    def __init__(self, path: Path, key: str = "") -> None:
        self.path, self.key = path, key
        try:
            kept = read_json(path) or {}
        except ValueError:
            kept = {}  # it only spares looks
        facts = kept.get("facts") if isinstance(kept, dict) else None
        self._facts: dict[str, str] = dict(facts) if isinstance(facts, dict) else {}

    @classmethod
    def of(cls, root: Path, names: Names) -> State:
        """The notes on a target."""
        group = re.sub(r"[^A-Za-z0-9-]+", "-", names.resource_group).strip("-")[:40]
        return cls(root / FOLDER / f"{group}-{names.key}.json", names.key)

    @property
    def facts(self) -> dict[str, str]:
        """What was found out: ids that commands need."""
        return dict(self._facts)

    def learn(self, facts: Mapping[str, str]) -> None:
        """Writes down what was found out."""
        if {**self._facts, **facts} != self._facts:
            self._facts |= facts
            self._write()

    def forget(self) -> None:
        """Everything was removed."""
        self._facts = {}
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        half = self.path.with_suffix(".half")
        half.write_text(json.dumps({"facts": self._facts}, indent=2), encoding="utf-8")
        os.replace(half, self.path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps a second process from working on the same target; the system ends it with ours.

        Raises:
            Refused: another one is at work.
        """
        self.path.parent.mkdir(exist_ok=True)
        with self.path.with_suffix(".lock").open("a+b") as file:
            if not _locked(file):
                raise Refused(
                    "another `infra/bootstrap.py` is at work on the same resources: wait for it,"
                    " then run this again"
                )
            yield


def _locked(file: IO[bytes]) -> bool:
    """Takes the file for this process; False where another one holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
