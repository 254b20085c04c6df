"""Registering a CSV of 1 GB: seconds and peak memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import cost, line
from benchmarks.rendered import make_table, python, render

ROWS = 4_000_000  # about 270 bytes each


def main() -> None:
    """Prints the peak memory of the driver in MB, and how fast it went."""
    with tempfile.TemporaryDirectory() as folder:
        repository = render(Path(folder))
        table = Path(folder) / "big.csv"
        make_table(repository, table, ROWS)
        size = table.stat().st_size / 1e9
        command = [
            python(repository),
            "src/data.py",
            "--local",
            "--path",
            str(table),
            "--target",
            "bought",
        ]
        first, _ = cost(command, repository)
        again, _ = cost(command, repository)
        detail = f"{size:.2f} GB in {first.seconds:.0f} s; the second time {again.seconds:.0f} s"
        print(line("data.py on 1 GB: peak memory in MB", first.peak / 1e6, 500, detail), flush=True)


if __name__ == "__main__":
    main()
