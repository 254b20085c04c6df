"""An empty subscription of each test's own, whose every answer is held to what was published."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from standin import StandIn
from standin.specifications.witness import watched
from tests.az.world.caller import Caller, administrator


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """An empty subscription of the test's own; every answer is held to what was published."""
    with watched() as witness, StandIn(empty=True) as running:
        yield running
        assert not witness.violations, f"answers that are not as published: {witness.violations}"
        broken = [e.error for e in running.journal.entries if e.error]
        assert not broken, broken[0]


@pytest.fixture
def owner(standin: StandIn) -> Caller:
    """Who owns the subscription."""
    return administrator(standin)
