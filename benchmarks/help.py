"""`python src/model.py --help`, against a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import line, paired
from benchmarks.rendered import render_only

ROUNDS = 21


def main() -> None:
    """Prints the seconds that the driver adds."""
    with tempfile.TemporaryDirectory() as folder:
        repository = render_only(Path(folder))

        def seconds(*arguments: str) -> float:
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments], cwd=repository, check=True, capture_output=True
            )
            return time.perf_counter() - began

        _, ours, bare = paired(
            lambda: seconds("src/model.py", "--help"), lambda: seconds("-c", "pass"), ROUNDS
        )
        print(line("model.py --help: seconds above a bare interpreter", ours - bare, 0.1, ""))


if __name__ == "__main__":
    main()
