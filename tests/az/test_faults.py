"""Whatever goes wrong at whichever request: run again, a bootstrap ends complete."""

from __future__ import annotations

import pytest

from tests.az.disturbances import KINDS
from tests.az.sweep import Sweep


@pytest.mark.parametrize(
    "first", [pytest.param(n, marks=pytest.mark.xdist_group(f"az-faults-{n}")) for n in (0, 3)]
)
def test_a_fault_at_every_request_is_survived(
    first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each request is struck once, each run by one fault; the next run takes up what it left.

    Printed: faults tried and survived. `python -m tests.az.faults` tries every kind at every
    request, each from an empty subscription.
    """
    with Sweep() as sweep:
        outcomes = sweep.chain(first)
    tried = outcomes[:-1]
    failed = [str(one) for one in outcomes if one.wrong]
    with capsys.disabled():
        print(f"\nfaults tried {len(tried)}, survived {sum(not one.wrong for one in tried)}")
    assert not failed, "\n".join(failed)
    assert len(tried) > 50 and {one.kind for one in tried} == set(KINDS)
