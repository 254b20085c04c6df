"""The served model against Azure ML's documented entry script: same server, same model.

One worker each, bound to the first core; the client to the second. Rounds alternate.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks.measure import line
from benchmarks.rendered import PACKAGE, drive, render, train_on_big_table
from tests.conftest import ROOT

ROUNDS, SECONDS = 7, 2.0
GOALS = {1: 5.0, 1_000: 2.0}
PLAIN = Path(__file__).with_name("plain_score.py")


@dataclass(frozen=True)
class Round:
    """What a client saw in some seconds."""

    rate: float
    """Requests per second."""
    middle: float
    """Half of the requests took at most this long (ms)."""
    slowest: float
    """99 of 100 requests took at most this long (ms)."""


def main() -> None:
    """Prints requests per second and latencies, as ratios and as they are."""
    with tempfile.TemporaryDirectory() as folder:
        repository = render(Path(folder))
        model = train_on_big_table(repository, Path(folder))
        drive(repository, "deploy", "--set", "endpoint.port=0")  # makes the serving environment
        drive(repository, "deploy", "--delete")
        row = complete_row(model)
        ours, theirs = repository / "src" / PACKAGE / "score.py", PLAIN
        with (
            server(repository, model, theirs, core=0) as plain,
            server(repository, model, ours, core=0) as served,
        ):
            pin(os.getpid(), 1)
            for rows, goal in GOALS.items():
                body = json.dumps({"data": [row] * rows}).encode()
                pairs = [(ask(served, body), ask(plain, body)) for _ in range(ROUNDS)]
                report(rows, goal, pairs)


def report(rows: int, goal: float, pairs: list[tuple[Round, Round]]) -> None:
    """Prints what came of a size of request."""
    rate = statistics.median(a.rate / b.rate for a, b in pairs)
    ours, theirs = (
        Round(*(statistics.median(values) for values in zip(*map(astuple, side), strict=True)))
        for side in zip(*pairs, strict=True)
    )
    what = f"score.py, {rows:,} row{'s' if rows > 1 else ''}"
    detail = f"{ours.rate:.0f} requests/s against {theirs.rate:.0f}"
    print(line(f"{what}: requests per second", rate, goal, detail, higher=True))
    for name, a, b in (("p50", ours.middle, theirs.middle), ("p99", ours.slowest, theirs.slowest)):
        print(line(f"{what}: {name}", a / b, None, f"{a:.2f} ms against {b:.2f} ms"), flush=True)


def complete_row(model: Path) -> dict[str, object]:
    """A row of the examples in which nothing is missing: pandas and JSON differ on that."""
    rows = json.loads((model / "examples.json").read_text(encoding="utf-8"))["data"]
    complete: dict[str, object] = next(row for row in rows if None not in row.values())
    return complete


@contextmanager
def server(repository: Path, model: Path, script: Path, core: int) -> Iterator[int]:
    """A server of that entry script with one worker; the port it listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    (python,) = repository.glob(".local-workspace/environments/*/bin/python")
    home = Path(tempfile.mkdtemp(dir=repository))
    variables = {
        **os.environ,
        "AZUREML_MODEL_DIR": str(model),
        "AML_APP_ROOT": str(home),
        "PYTHONPATH": str(repository / "src"),
    }
    starter = ROOT / "amlkit" / "src" / "amlkit" / "local" / "start_server.py"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), str(starter), "-", str(port), str(script)],
            cwd=home,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    pin(process.pid, core)
    try:
        wait_until_ready(port, process, home / "log")
        yield port
    finally:
        process.terminate()
        process.wait()


def pin(process: int, core: int) -> None:
    """Binds a process, and what it starts later, to one core where the system can."""
    if sys.platform == "linux" and len(os.sched_getaffinity(0)) > core:
        os.sched_setaffinity(process, {core})


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits for the first answer."""
    while True:
        if process.poll() is not None:
            sys.exit(f"the server ended:\n{log.read_text(encoding='utf-8')[-3000:]}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)


def ask(port: int, body: bytes) -> Round:
    """Sends the request again and again for some seconds, one after the other."""
    took: list[float] = []
    begin = time.perf_counter()
    while (start := time.perf_counter()) - begin < SECONDS or len(took) < 5:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/score", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status != 200:
            sys.exit(f"HTTP {answer.status}: {said[:300]!r}")
        took.append(time.perf_counter() - start)
    seconds = time.perf_counter() - begin
    parts = statistics.quantiles(took, n=100)
    return Round(len(took) / seconds, 1_000 * parts[49], 1_000 * parts[98])


if __name__ == "__main__":
    main()
