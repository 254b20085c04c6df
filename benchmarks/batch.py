"""`deploy.py --local --batch` on 2,000,000 rows of 29 columns, against a plain pandas loop."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.measure import Cost, compare, cost, line
from benchmarks.rendered import drive, make_table, python, render, train_on_big_table

ROWS, ROUNDS = 2_000_000, 3
PLAIN = Path(__file__).with_name("plain_batch.py")


def main() -> None:
    """Prints the ratio of time and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        repository = render(Path(folder))
        model = train_on_big_table(repository, Path(folder))
        table, out = Path(folder) / "table.csv", Path(folder) / "out.parquet"
        make_table(repository, table, 1_000)
        drive(repository, "deploy", "--batch", str(table), "--out", str(out))  # once: environment
        make_table(repository, table, ROWS)

        def ours() -> Cost:
            """The driver and the process that scores."""
            command = [python(repository), "src/deploy.py", "--local", "--json"]
            command += ["--batch", str(table), "--out", str(out)]
            return cost(command, repository, mark="amlkit.serving.batch")[0]

        def theirs() -> Cost:
            """The plain loop."""
            env = {**os.environ, "PYTHONPATH": str(repository / "src")}
            command = [python(repository), str(PLAIN), str(table), str(model), str(out)]
            return cost(command, repository, env=env)[0]

        pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
        speed, a, b = compare([(ROWS / x.seconds, ROWS / y.seconds) for x, y in pairs])
        rates = f"{a:,.0f} rows/s against {b:,.0f}"
        print(line("deploy.py --batch, 2,000,000 rows: rows per second", speed, None, rates))
        peak = max(x.peak for x, _ in pairs) / 1e6
        print(line("deploy.py --batch: peak memory (MB)", peak, 1_000, ""), flush=True)


if __name__ == "__main__":
    main()
