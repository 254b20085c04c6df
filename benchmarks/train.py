"""`model.py --local` on 1,000,000 rows of 30 columns, against a plain script, same Pipeline."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path

from benchmarks.measure import Cost, cost, line
from benchmarks.rendered import PACKAGE, drive, make_table, python, render

ROWS, ROUNDS = 1_000_000, 3
PLAIN = Path(__file__).with_name("plain_training.py")


def main() -> None:
    """Prints the ratios of time and of peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        repository = render(Path(folder))
        table = Path(folder) / "table.csv"
        make_table(repository, table, ROWS)
        data = drive(repository, "data", "--path", str(table), "--target", "bought")["data"]
        schema = Path(str(data["source"]), "schema.json")  # type: ignore[index]

        def ours() -> Cost:
            """The driver and its job; figures, the ONNX copy and the champion apart."""
            command = [
                python(repository),
                "src/model.py",
                "--local",
                "--json",
                "--force",
                "--replace-champion",
            ]
            whole, out = cost(command, repository, mark=f"{PACKAGE}.train")
            run = repository / ".local-workspace" / "runs" / json.loads(out)["run_id"]
            metrics = json.loads((run / "outputs" / "metrics.json").read_text(encoding="utf-8"))
            stages = metrics["training"]["seconds"]
            apart = sum(stages.get(stage, 0.0) for stage in ("figures", "onnx_copy", "champion"))
            return Cost(whole.seconds - apart, whole.peak)

        def theirs() -> Cost:
            """The plain script."""
            env = {**os.environ, "PYTHONPATH": str(repository / "src")}
            command = [python(repository), str(PLAIN), str(table), "bought", str(schema), PACKAGE]
            return cost(command, repository, env=env)[0]

        pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
        a, b = (
            statistics.median(side.seconds for side in sides) for sides in zip(*pairs, strict=True)
        )
        time = statistics.median(x.seconds / y.seconds for x, y in pairs)
        memory = statistics.median(x.peak / y.peak for x, y in pairs)
        print(
            line(
                "model.py on 1,000,000 rows: wall time", time, 1.15, f"{a:.1f} s against {b:.1f} s"
            )
        )
        peaks = f"{pairs[0][0].peak / 1e6:.0f} MB against {pairs[0][1].peak / 1e6:.0f} MB"
        print(line("model.py on 1,000,000 rows: peak memory", memory, 1.2, peaks), flush=True)


if __name__ == "__main__":
    main()
