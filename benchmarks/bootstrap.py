"""`infra/bootstrap.py apply` against a shell script of the same `az` commands, on the stand-in."""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import compare, cost, line
from benchmarks.rendered import render_only
from standin import StandIn
from standin.world.providers import TYPES
from tests.az.cloud import Cloud, Machine

ROUNDS = 3
PLAIN = Path(__file__).with_name("plain_bootstrap.sh")


@dataclass(frozen=True)
class Run:
    """What a run took."""

    seconds: float
    calls: int


def main() -> None:
    """Prints the ratio of wall time and the number of az processes, of a first and a second run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = render_only(folder)
        with Machine(folder / "machine", forked=False) as machine:
            ours, theirs = [], []
            for number in range(ROUNDS + 1):
                place = folder / str(number)
                ours.append(twice(machine, repository, place / "ours", plain=False))
                theirs.append(twice(machine, repository, place / "theirs", plain=True))
    for index, which in enumerate(("first", "second")):
        # The first round is to warm up: az keeps indexes of its commands.
        pairs = [(a[index], b[index]) for a, b in zip(ours[1:], theirs[1:], strict=True)]
        ratio, mine, plain = compare([(a.seconds, b.seconds) for a, b in pairs])
        calls = [statistics.median(run.calls for run in side) for side in zip(*pairs, strict=True)]
        detail = (
            f"{mine:.1f} s against {plain:.1f} s; az {calls[0]:.0f} times against {calls[1]:.0f}"
        )
        goal = None if index == 0 else 1.0
        print(line(f"bootstrap.py apply, {which} run: wall time", ratio, goal, detail), flush=True)


def twice(machine: Machine, repository: Path, folder: Path, *, plain: bool) -> tuple[Run, Run]:
    """A first run in an empty subscription, and a second one with everything there."""
    with StandIn(folder / "standin", empty=True) as standin:
        machine.forget()
        # As in a subscription that is in use: else az's own wait of 10 s would decide.
        standin.world.providers = {name.lower(): "Registered" for name in TYPES}
        cloud = Cloud.begin(machine, standin, repository, folder / "work")
        variables = {
            "subscription": standin.account.subscription_id,
            "suffix": f"plain{secrets.token_hex(4)}",
        }
        apply = [str(machine.python), "infra/bootstrap.py", "apply", "--yes", "--json"]
        command = ["sh", str(PLAIN)] if plain else apply
        return measured(cloud, command, variables), measured(cloud, command, variables)


def measured(cloud: Cloud, command: Sequence[str], variables: Mapping[str, str]) -> Run:
    """What a command took."""
    calls = len(cloud.machine.program.calls())
    begun = time.perf_counter()
    cost(command, cloud.project, env=cloud.environment(**variables))
    return Run(time.perf_counter() - begun, len(cloud.machine.program.calls()) - calls)


if __name__ == "__main__":
    main()
