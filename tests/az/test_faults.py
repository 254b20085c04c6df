"""Whatever goes wrong at whichever request: run again, a bootstrap ends complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.az.cloud import Machine
from tests.az.disturbances import KINDS
from tests.az.sweep import Sweep
from tests.conftest import Bake


@pytest.mark.parametrize(
    "first",
    # Of the seven rows in which the kinds take turns, one in `make test`, all in `make sweep`.
    [0, *[pytest.param(n, marks=pytest.mark.sweep) for n in range(1, len(KINDS))]],
)
def test_a_fault_at_every_request_is_survived(
    first: int,
    machine: Machine,
    bake: Bake,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each request is struck once, each run by one fault; the next run resumes from what it left.

    Printed: faults tried and survived. `python -m tests.az.faults` tries every kind at every
    request, each from an empty subscription.
    """
    outcomes = Sweep(machine, bake().path, tmp_path).chain(first)
    tried = outcomes[:-1]
    record_property("tried", len(tried))
    failed = [str(one) for one in outcomes if one.wrong]
    with capsys.disabled():
        print(f"\nfaults tried {len(tried)}, survived {sum(not one.wrong for one in tried)}")
    assert not failed, "\n".join(failed)
    assert len(tried) > 50 and {one.kind for one in tried} == set(KINDS)
