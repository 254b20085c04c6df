"""Whatever goes wrong at whichever request: run again, a bootstrap ends complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.az.cloud import Machine
from tests.az.disturbances import KINDS
from tests.az.sweep import DESTROY, STEPS, Sweep
from tests.conftest import Bake

# In `make test` the kinds take turns at each sixth request; in `make sweep` at each, as often as
# there are kinds: each strikes each request. These rows share nothing, so any process runs them.
ROWS = [(0, 6)] + [
    pytest.param(n, 1, marks=[pytest.mark.sweep, pytest.mark.xdist_group(f"az-faults-{n}")])
    for n in range(len(KINDS))
]


@pytest.mark.parametrize(("first", "every"), ROWS)
def test_a_fault_at_every_request_is_survived(
    first: int,
    every: int,
    machine: Machine,
    bake: Bake,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A request is struck once, each run by one fault; the next run resumes from what it left.

    Printed: faults tried and survived. `python -m tests.az.faults` tries every kind at every
    request, each from an empty subscription.
    """
    outcomes = Sweep(machine, bake().path, tmp_path).chain(first, every)
    tried = outcomes[:-1]
    record_property("tried", len(tried))
    failed = [str(one) for one in outcomes if one.wrong]
    with capsys.disabled():
        print(f"\nfaults tried {len(tried)}, survived {sum(not one.wrong for one in tried)}")
    assert not failed, "\n".join(failed)
    assert len(tried) > 50 // every and {one.kind for one in tried} == set(KINDS)


@pytest.mark.parametrize(
    ("first", "every"), [(1, 6), *(pytest.param(n, 1, marks=pytest.mark.sweep) for n in range(7))]
)
def test_a_fault_at_every_request_of_a_destroy_is_survived(
    first: int,
    every: int,
    machine: Machine,
    bake: Bake,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the end nothing is left, from whichever clone it was run."""
    sweep = Sweep(machine, bake().path, tmp_path, steps=DESTROY)
    outcomes = sweep.chain(first, every, before=STEPS)
    tried = outcomes[:-1]
    failed = [str(one) for one in outcomes if one.wrong]
    with capsys.disabled():
        print(f"\ndestroy: faults tried {len(tried)}, survived {len(tried) - len(failed)}")
    assert not failed, "\n".join(failed)
    assert len(tried) > 20 // every
