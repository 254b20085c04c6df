"""`model.py` on Azure ML against a plain script with the same SDK calls, both on the stand-in."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import compare, cost, line
from benchmarks.rendered import PACKAGE, SLUG, python, render
from standin import StandIn

ROUNDS = 9
PLAIN = Path(__file__).with_name("plain_workspace.py")
DRIVER = ("src/model.py", "--json", "--force")


def main() -> None:
    """Prints the ratio of wall time, and the number of requests of each."""
    with tempfile.TemporaryDirectory() as folder, StandIn(Path(folder) / "standin") as standin:
        repository = render(Path(folder))
        subprocess.run(["make", "setup-azure"], cwd=repository, check=True, capture_output=True)
        environment = standin.caller

        def run(command: Sequence[str]) -> tuple[float, int]:
            """Seconds and requests of a client; what the job asks for is its own."""
            mark = standin.journal.mark()
            seconds = cost([python(repository), *command], repository, env=environment)[0].seconds
            entries = standin.journal.since(mark)
            jobs = {"/mlflow/", "/metric/"}
            own = [e for e in entries if not any(job in e.path for job in jobs)]
            return seconds, len(own)

        run(["src/data.py"])
        run(["src/environment.py"])
        found = python_says(repository, environment)
        name, version, snapshot = found.split()
        number = iter(range(1000))

        def ours() -> tuple[float, int]:
            """The driver; a model name of its own, so that there is no reigning model to score."""
            return run([*DRIVER, "--set", f"model.name=ours{next(number)}"])

        def theirs() -> tuple[float, int]:
            """The plain script."""
            words = [f"{SLUG}-data", name, version, snapshot, PACKAGE, f"theirs{next(number)}"]
            return run([str(PLAIN), *words])

        ours(), theirs()
        pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
        ratio, a, b = compare([(mine[0], plain[0]) for mine, plain in pairs])
        print(line("model.py on Azure ML: wall time", ratio, 1.10, f"{a:.1f} s against {b:.1f} s"))
        asked = [statistics.median(side[1] for side in sides) for sides in zip(*pairs, strict=True)]
        detail = f"{asked[0]:.0f} requests against {asked[1]:.0f}"
        print(line("model.py on Azure ML: requests", asked[0] / asked[1], None, detail), flush=True)


def python_says(repository: Path, environment: dict[str, str]) -> str:
    """The training environment's name and version, and the folder of the snapshot."""
    script = (
        "import json, subprocess, sys; "
        "ask = lambda driver: json.loads(subprocess.run([sys.executable, f'src/{driver}.py', "
        "'--json', '--dry-run'], capture_output=True, check=True).stdout); "
        "e = ask('environment')['environment']; c = ask('model')['code_version']; "
        "print(e['name'], e['version'], f'.local-workspace/code/{c}')"
    )
    done = subprocess.run(
        [python(repository), "-c", script],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
