"""Scripts by shellcheck, and scripts of several lines that go on after one that failed."""

from __future__ import annotations

import json
import subprocess

from tests.pipelines.runner.variables import MACRO, NAME

from .expanded import Expanded

# Variables that come from outside the script; a word that is meant to be split.
OUTSIDE = ("SC2154", "SC2086")


def scripts(expanded: Expanded) -> list[str]:
    """What shellcheck says of every script, its macros filled in as the agent does."""
    problems = []
    for _, _, step in expanded.steps():
        if not step.script:
            continue
        text = MACRO.sub(lambda m: "value" if NAME.fullmatch(m[1]) else m[0], step.script)
        done = subprocess.run(
            ["shellcheck", "--shell=bash", "--format=json", f"--exclude={','.join(OUTSIDE)}", "-"],
            input=text,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        problems += [f"{step.where}: {item['message']}" for item in json.loads(done.stdout)]
        lines = [line for line in text.strip().splitlines() if line and not line.startswith("#")]
        if len(lines) > 1 and not lines[0].startswith("set -e"):
            problems.append(f"{step.where}: several lines, and the first is not set -e")
    return problems
