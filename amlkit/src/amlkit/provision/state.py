"""What was made, written down before and after: `.azure-bootstrap/`, which git ignores.

Nothing in it is secret. A file for each target: a change of the names in config.yml begins another.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from amlkit.content import read_json
from amlkit.provision.names import Names
from amlkit.provision.records import Refused

FOLDER = ".azure-bootstrap"
# What became of a step: `creating` is ours too, whatever came of it.
CREATING, CREATED, REMOVED = "creating", "created", "removed"


class State:
    """The file of one target, kept in step with what is done."""

    def __init__(self, path: Path, place: Mapping[str, str] | None = None) -> None:
        self.path = path
        try:
            kept = read_json(path)
        except ValueError:
            raise Refused(
                f"{FOLDER}/{path.name} is damaged: delete it and run this again; what is there is"
                " found by its name, but destroy will not know that it was made here",
                code=2,
            ) from None
        self._value: dict[str, Any] = kept or {
            **(place or {}),
            "generation": 0,
            "steps": {},
            "facts": {},
        }

    @classmethod
    def of(cls, root: Path, names: Names) -> State:
        """The notes on a target."""
        group = re.sub(r"[^A-Za-z0-9-]+", "-", names.resource_group).strip("-")[:40]
        place = {
            "subscription": names.subscription,
            "resource_group": names.resource_group,
            "workspace": names.workspace,
        }
        return cls(root / FOLDER / f"{group}-{names.key}.json", place)

    @property
    def workspace(self) -> str:
        """The target's workspace."""
        return str(self._value["workspace"])

    @property
    def facts(self) -> dict[str, str]:
        """What was found out: ids that commands need."""
        return dict(self._value["facts"])

    @property
    def generation(self) -> int:
        """How many times all of it was removed."""
        return int(self._value["generation"])

    def status(self, key: str) -> str:
        """What became of a step; "" where it was never ours to make."""
        return str(self._value["steps"].get(key, ""))

    def ours(self, key: str) -> bool:
        """Whether this repository made it, or began to."""
        return self.status(key) in (CREATING, CREATED)

    def note(self, key: str, status: str, facts: dict[str, str] | None = None) -> None:
        """Writes down what became of a step, and what was learned, before anything else happens."""
        self._value["steps"][key] = status
        self.learn(facts or {})

    def learn(self, facts: dict[str, str]) -> None:
        """Writes down what was found out."""
        self._value["facts"] |= facts
        self._write()

    def section(self, name: str) -> dict[str, Any]:
        """Another part's own notes, such as the ids of secrets; never a secret itself."""
        return dict(self._value.get(name) or {})

    def keep(self, name: str, notes: dict[str, Any]) -> None:
        """Writes down another part's notes."""
        self._value[name] = notes
        self._write()

    def sharing(self, fact: str) -> State | None:
        """The notes of another target of this repository that uses the same thing."""
        mine = self.facts.get(fact)
        for path in sorted(self.path.parent.glob("*.json")) if mine else []:
            other = State(path)
            if path != self.path and other.facts.get(fact) == mine:
                return other
        return None

    def end_generation(self) -> None:
        """Begins anew after everything was removed."""
        place = ("subscription", "resource_group", "workspace")
        kept = {key: self._value[key] for key in place}
        self._value = {**kept, "generation": self.generation + 1, "steps": {}, "facts": {}}
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        half = self.path.with_suffix(".half")
        with half.open("w", encoding="utf-8") as file:
            json.dump(self._value, file, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())  # a power cut leaves the old file or the new one
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
