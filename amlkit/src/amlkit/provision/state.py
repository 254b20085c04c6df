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
from amlkit.provision.cloud.failures import Refused
from amlkit.provision.plan.names import Names

FOLDER = ".azure-bootstrap"


class State:
    """The file of one target below a repository's folder; `facts` are ids that commands need."""

    def __init__(self, root: Path, names: Names) -> None:
        group = re.sub(r"[^A-Za-z0-9-]+", "-", names.resource_group).strip("-")[:40]
        self.path = root / FOLDER / f"{group}-{names.key}.json"
        try:
            kept = read_json(self.path)
        except ValueError:
            kept = {}  # it only spares looks
        facts = kept.get("facts") if isinstance(kept, dict) else None
        self.facts: Mapping[str, str] = dict(facts) if isinstance(facts, dict) else {}

    def learn(self, facts: Mapping[str, str]) -> None:
        """Writes down what was found out."""
        if {**self.facts, **facts} != self.facts:
            self._write({**self.facts, **facts})

    def forget(self) -> None:
        """Everything was removed."""
        self._write({})

    def _write(self, facts: Mapping[str, str]) -> None:
        self.facts = facts
        self.path.parent.mkdir(exist_ok=True)
        half = self.path.with_suffix(".half")
        half.write_text(json.dumps({"facts": facts}, indent=2), encoding="utf-8")
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
    """Takes the file for this process; False where another one holds it.

    By hand: the bootstrap runs where nothing but PyYAML is installed.
    """
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
