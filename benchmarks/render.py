"""Rendering, against an empty one-file template: what is added to cookiecutter's own time."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.measure import line, paired
from benchmarks.rendered import render_command
from tests.conftest import clone

ROUNDS = 15


def main() -> None:
    """Prints the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        empty = work / "empty"
        (empty / "{{cookiecutter.name}}").mkdir(parents=True)
        (empty / "cookiecutter.json").write_text('{"name": "empty"}', encoding="utf-8")
        (empty / "{{cookiecutter.name}}" / "README.md").write_text("empty\n", encoding="utf-8")
        ours = clone(work / "ours")

        def render(template: Path) -> float:
            target = Path(tempfile.mkdtemp(dir=work))
            command = render_command(template, target)
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds = time.perf_counter() - began
            shutil.rmtree(target)
            return seconds

        ratio, a, b = paired(lambda: render(ours), lambda: render(empty), ROUNDS)
        print(line("render: wall time", ratio, 1.20, f"{a:.2f} s against {b:.2f} s"), flush=True)


if __name__ == "__main__":
    main()
