"""`model.py` on Azure ML against a plain script with the same SDK calls, both on the stand-in."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import compare, cost, line
from benchmarks.rendered import PACKAGE, SLUG, python, render
from standin import StandIn
from tests.azure.changes import changes

ROUNDS = 9
# What a person would write with each SDK.
PLAIN = {"v1": "plain_workspace.py", "v2": "plain_workspace_v2.py"}
# What the job's MLflow asks for without saying so: its client's name is in all else.
OF_JOB = re.compile(
    r"/metadata/endpoints|/history/.*/artifacts/batch/|/dcid\.[^/]+/(metrics|figures)\b"
)
DRIVER = ("src/model.py", "--json", "--force")


def main(sdk: str = "v1") -> None:
    """Prints the ratio of wall time, the number of requests of each, what a second run changes."""
    plain_script = str(Path(__file__).with_name(PLAIN[sdk]))
    with tempfile.TemporaryDirectory() as folder, StandIn(Path(folder) / "standin") as standin:
        repository = render(Path(folder), "setup-azure", azureml_sdk=sdk)
        interpreter = python(repository, ".venv-azure")
        environment = standin.caller

        def run(command: Sequence[str]) -> tuple[float, int]:
            """Seconds and requests of a client; what the job asks for is its own."""
            mark = standin.journal.mark()
            seconds = cost([interpreter, *command], repository, env=environment)[0].seconds
            entries = standin.journal.since(mark)
            own = [e for e in entries if "mlflow" not in e.client and not OF_JOB.search(e.path)]
            return seconds, len(own)

        def changed() -> int:
            """What the three drivers change: uploads, versions, jobs, images."""
            mark, built = standin.journal.mark(), len(standin.azure.images.builds)
            for driver in ("data", "environment", "model"):
                run([f"src/{driver}.py"])
            return len(changes(standin, mark)) + len(standin.azure.images.builds) - built

        title = f"model.py by SDK {sdk}"
        first, second = changed(), changed()
        detail = f"what is uploaded, made or built, against {first} by the first"
        print(line(f"{title}: second run", second, 0, detail), flush=True)
        found = python_says(interpreter, repository, environment)
        name, version, snapshot = found.split()
        number = iter(range(1000))

        def ours() -> tuple[float, int]:
            """The driver; a model name of its own, so that there is no champion to score."""
            return run([*DRIVER, "--set", f"model.name=ours{next(number)}"])

        def theirs() -> tuple[float, int]:
            """The plain script."""
            words = [f"{SLUG}-data", name, version, snapshot, PACKAGE, f"theirs{next(number)}"]
            return run([plain_script, *words])

        ours(), theirs()
        pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
        ratio, a, b = compare([(mine[0], plain[0]) for mine, plain in pairs])
        print(line(f"{title}: wall time", ratio, 1.10, f"{a:.1f} s against {b:.1f} s"))
        asked = [statistics.median(side[1] for side in sides) for sides in zip(*pairs, strict=True)]
        detail = f"{asked[0]:.0f} requests against {asked[1]:.0f}"
        print(line(f"{title}: requests", asked[0] / asked[1], 1.3, detail), flush=True)


def python_says(interpreter: str, repository: Path, environment: dict[str, str]) -> str:
    """The training environment's name and version, and the folder of the snapshot."""
    script = (
        "import json, subprocess, sys; "
        "ask = lambda driver: json.loads(subprocess.run([sys.executable, f'src/{driver}.py', "
        "'--json', '--dry-run'], capture_output=True, check=True).stdout); "
        "e = ask('environment')['environment']; c = ask('model')['code_version']; "
        "print(e['name'], e['version'], f'.local-workspace/code/{c}')"
    )
    done = subprocess.run(
        [interpreter, "-c", script],
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
