"""Which deployments of an endpoint of this machine a rollback took away: a file beside them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from amlkit.content import read_json, write_json
from amlkit.records import Deployment, Withdrawal

FILE = "withdrawn.json"


def withdrawals(home: Path) -> list[Withdrawal]:
    """Those of an endpoint's folder, the oldest first."""
    return [Withdrawal(**mark) for mark in read_json(home / FILE) or []]


def withdraw(home: Path, deployment: Deployment) -> None:
    """Adds one."""
    mark = Withdrawal(deployment.model, deployment.model_version, deployment.identity)
    _write(home, [*(one for one in withdrawals(home) if one != mark), mark])


def restore(home: Path, identities: Collection[str]) -> None:
    """Takes away those of some identities."""
    _write(home, [one for one in withdrawals(home) if one.identity not in identities])


def _write(home: Path, marks: list[Withdrawal]) -> None:
    write_json(home / FILE, [asdict(mark) for mark in marks])
