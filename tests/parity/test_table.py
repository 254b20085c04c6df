"""The table of scenarios and places is that of the tests."""

from __future__ import annotations

import os

from tests.parity import test_scenarios
from tests.parity.places import PLACES
from tests.parity.test_scenarios import CANNOT, TABLE

HEAD = """# The same wherever it runs

Each scenario is one function of `test_scenarios.py`, run on this machine (`--local`), by SDK v1 and
by SDK v2: the same flags, exit codes and records. `make test` runs every cell but four of v1's that
`tests/azure` has too, `make sweep` these.

"""


def table() -> str:
    """The page, as the tests have it."""
    names = [name[5:] for name in vars(test_scenarios) if name.startswith("test_")]
    lines = [f"| scenario | {' | '.join(PLACES)} |", "|---|" + "---|" * len(PLACES)]
    for name in names:
        cells = [CANNOT.get((name, place), "passes") for place in PLACES]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


def test_the_table_is_that_of_the_tests() -> None:
    if os.environ.get("RENEW_PARITY"):
        TABLE.write_text(table(), encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == table()
