"""What runs in the job of a batch deployment: hands the files to the scoring script, in batches.

Started by the job's own interpreter as a file: `python batch_driver.py SETTINGS.json`. The contract
is that of "Author scoring scripts for batch deployments": `init()` once in each process, `run()`
with a list of paths, `shutdown()` where there is one; a table's rows or a list's items are appended
to one file, the columns of a row parted by a blank.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import queue
import sys
import threading
import traceback
from typing import Any


class Lost(Exception):
    """A process that ended, or did not answer in time."""


def work(script: str, pipe: Any) -> None:
    """One process: the script's functions, called as the pipe says."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    try:
        spec = importlib.util.spec_from_file_location("scoring_script", script)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.init()
    except BaseException:
        pipe.send(("init", traceback.format_exc()))
        return
    pipe.send(("ready", None))
    while (batch := pipe.recv()) is not None:
        try:
            pipe.send(("scored", lines_of(module.run(batch))))
        except getattr(module, "ENDS_THE_JOB", ()) as error:
            pipe.send(("ended", str(error)))
        except BaseException:
            pipe.send(("failed", traceback.format_exc()))
    getattr(module, "shutdown", lambda: None)()


def lines_of(result: Any) -> tuple[list[str], int]:
    """The lines for the file, and how many items were scored."""
    if result is None:
        raise TypeError("run() returned nothing: a table or a list is due")
    if hasattr(result, "to_csv"):
        text = result.to_csv(sep=" ", header=False, index=False, lineterminator="\n")
        return text.splitlines(), len(result)
    lines = [" ".join(map(str, one)) if isinstance(one, (list, tuple)) else str(one)
             for one in result]  # fmt: skip
    return lines, len(lines)


class Worker:
    """A process that scores, started again when it is lost."""

    def __init__(self, script: str, seconds: float) -> None:
        self.script, self.seconds = script, seconds
        self.process: Any = None
        self.pipe: Any = None

    def start(self) -> None:
        """Starts the process; its script is initialised. SystemExit where that fails."""
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(self.script, other), daemon=True)
        self.process.start()
        other.close()
        kind, value = self._receive(None)
        if kind == "init":
            raise SystemExit(f"init() of the scoring script failed:\n{value}")

    def _receive(self, seconds: float | None) -> tuple[str, Any]:
        try:
            if self.pipe.poll(seconds):
                kind, value = self.pipe.recv()
                return kind, value
        except (EOFError, OSError):
            raise Lost("the process ended") from None
        raise Lost(f"run() took longer than {seconds:g} seconds")

    def score(self, batch: list[str]) -> tuple[list[str], int]:
        """What `run()` made of a batch. RuntimeError with what it raised, SystemExit, Lost."""
        if self.process is None:
            self.start()
        try:
            self.pipe.send(batch)
            kind, value = self._receive(self.seconds)
        except Lost:
            self.process.kill()
            self.process = None
            raise
        if kind == "failed":
            raise RuntimeError(value)
        if kind == "ended":
            raise SystemExit(value)
        lines, count = value
        return lines, count

    def end(self) -> None:
        """Lets the process shut down."""
        if self.process is not None:
            self.pipe.send(None)
            self.process.join(30)


class Scoring:
    """All batches of a job, shared by its processes; what failed is counted."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.lock = threading.Lock()
        self.batches: queue.Queue[list[str]] = queue.Queue()
        self.lines: list[str] = []
        self.failed, self.error = 0, ""

    def loop(self) -> None:
        """One process until there are no more batches, or too much has failed."""
        worker = Worker(self.settings["script"], self.settings["seconds"])
        try:
            while not self.error:
                self.one(worker, self.batches.get_nowait())
        except queue.Empty:
            worker.end()
        except SystemExit as error:
            self.error = self.error or str(error)

    def one(self, worker: Worker, batch: list[str]) -> None:
        """A batch, tried again as often as the settings say."""
        for attempt in range(self.settings["retries"] + 1):
            try:
                lines, count = worker.score(batch)
            except (RuntimeError, Lost) as error:
                print(f"Mini batch of {len(batch)} files, attempt {attempt + 1}: {error}")
                continue
            with self.lock:
                self.lines += lines
            self.miss(max(len(batch) - count, 0))
            return
        self.miss(len(batch))

    def miss(self, count: int) -> None:
        """Counts items that were not scored."""
        with self.lock:
            self.failed += count
            most = self.settings["error_threshold"]
            if 0 <= most < self.failed:
                self.error = f"The number of failed items, {self.failed}, is above {most}."


def files_below(path: str, below: bool = True) -> list[str]:
    """A file, or all files of a folder, sorted; those of its folders, too, unless not `below`."""
    if os.path.isfile(path):
        return [path]
    if not below:
        return sorted(entry.path for entry in os.scandir(path) if entry.is_file())
    found = [os.path.join(top, name) for top, _, names in os.walk(path) for name in names]
    return sorted(found)


def main(settings_file: str) -> None:
    """Scores everything; ends with an error where the script, or too many items, failed."""
    with open(settings_file, encoding="utf-8") as stream:
        settings = json.load(stream)
    files, size = files_below(settings["input"], settings["below"]), settings["mini_batch_size"]
    scoring = Scoring(settings)
    for start in range(0, len(files), size):
        scoring.batches.put(files[start : start + size])
    count = min(settings["processes"], scoring.batches.qsize())
    print(f"{len(files)} files, mini batches of {size}, {count} processes")
    threads = [threading.Thread(target=scoring.loop) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(scoring.lines)} rows, {scoring.failed} failed items")
    if scoring.error:
        raise SystemExit(scoring.error)
    if settings["append_row"]:
        with open(settings["output"], "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in scoring.lines)


if __name__ == "__main__":
    main(sys.argv[1])
