"""Requests that nobody would write by hand: no 5xx, no crash, memory steady.

`make sweep` sends 10,000, `make test` a tenth of them. One half is made by schemathesis from the
endpoint's own OpenAPI description, right and wrong ones; the other by changing real requests, down
to single bytes.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generated.serving import Served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("fuzz"),
    pytest.mark.skipif(os.name == "nt", reason="set up with make"),
]
HOW_MANY = [100, pytest.param(5_000, marks=pytest.mark.sweep)]
# What a worker may grow once it has answered its first thousand requests (bytes).
GROWTH = 32 << 20
QUICK: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
}


@pytest.fixture
def steady(served: Served) -> Iterator[Counter[int]]:
    """Count statuses in it; afterwards the worker must be the same, and about as large."""
    (worker,) = served.server().children()
    row = json.loads((served.model / "examples.json").read_text(encoding="utf-8"))["data"][0]
    # The one number has the scikit-learn model loaded beside its ONNX copy, once.
    assert served.score([row | {"Body Mass (g)": 1e300}])
    for _ in range(1_000):
        served.score([row])
    before = worker.memory_info().rss
    statuses: Counter[int] = Counter()
    yield statuses
    assert worker.is_running(), "the worker was replaced"
    assert worker.status() != psutil.STATUS_ZOMBIE
    assert worker.memory_info().rss - before < GROWTH
    assert not [status for status in statuses if status >= 500], statuses
    share = sum(statuses.values()) // 25  # of good and of bad requests: both are met often
    assert min(statuses[200], statuses[400]) >= share, statuses


@pytest.mark.parametrize("how_many", HOW_MANY)
def test_requests_made_from_the_description(
    how_many: int,
    served: Served,
    steady: Counter[int],
    record_property: Callable[[str, object], None],
) -> None:
    import schemathesis  # half a second, which every worker's collection would take

    raw = json.loads(served.request(b"", "GET", "/swagger.json?version=3")[1])
    description = schemathesis.openapi.from_dict(raw)
    operation = description["/score"]["POST"]
    modes = schemathesis.GenerationMode
    for mode in (modes.POSITIVE, modes.NEGATIVE):

        @settings(max_examples=how_many // 2, **QUICK)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
            status, said = served.request(body)
            steady[status] += 1
            check(status, said)

        ask()
    record_property("tried", sum(steady.values()))
    assert sum(steady.values()) >= how_many


def check(status: int, said: bytes) -> None:
    """An answer is predictions, or the reason why not."""
    answer = json.loads(said)
    if status == 200:
        assert answer["predictions"], said
        assert all(label in ("FEMALE", "MALE") for label in answer["predictions"]), said
        for row in answer["probabilities"]:
            assert abs(sum(row) - 1) < 1e-3, said
    else:
        assert 400 <= status < 500, said
        assert answer["message"], said


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", " ", "NA", "1e5", "nan", "2007-11-11", "0001-01-01", "\x00", "٣", "😀"]),
    st.sampled_from([1e308, -1e308, 5e-324, 2**53 + 1, 2**64, 10**400, -0.0, 1e30, 1.0000001e30]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@pytest.mark.parametrize("how_many", HOW_MANY)
def test_requests_made_from_real_ones(
    how_many: int,
    served: Served,
    steady: Counter[int],
    record_property: Callable[[str, object], None],
) -> None:
    rows = json.loads((served.model / "examples.json").read_text(encoding="utf-8"))["data"]
    names = sorted(rows[0])

    @settings(max_examples=how_many, **QUICK)
    @given(
        row=st.sampled_from(rows),
        changes=st.dictionaries(st.sampled_from([*names, "more"]), VALUES, max_size=3),
        dropped=st.sets(st.sampled_from(names), max_size=1),
        noise=st.one_of(st.none(), st.integers(0, 2**32)),
    )
    def ask(
        row: dict[str, Any], changes: dict[str, Any], dropped: set[str], noise: int | None
    ) -> None:
        changed = {key: value for key, value in (row | changes).items() if key not in dropped}
        body = bytearray(json.dumps({"data": [changed]}).encode())
        if noise is not None and noise % 3 == 0:
            chance = random.Random(noise)
            for _ in range(chance.randint(1, 4)):
                body[chance.randrange(len(body))] = chance.randrange(256)
        status, said = served.request(bytes(body))
        steady[status] += 1
        check(status, said)

    ask()
    record_property("tried", sum(steady.values()))
    assert sum(steady.values()) >= how_many
