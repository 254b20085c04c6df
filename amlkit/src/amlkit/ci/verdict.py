"""Says what became of a training: on the run's page, and as outputs for the stages that follow.

`python -m amlkit.ci.verdict results/model.json`
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from amlkit.ci import agent
from amlkit.ci.summary import training_summary
from amlkit.records import FINISHED


def main(argv: list[str] | None = None) -> int:
    """Shows the summary and sets the outputs; fails for a run that is still going."""
    parser = argparse.ArgumentParser(
        prog="python -m amlkit.ci.verdict", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("answer", type=Path, help="what model.py answered")
    args = parser.parse_args(argv)
    if not args.answer.is_file():
        print(f"there is no {args.answer}: the step before this one has failed, and said why")
        return 0
    answer = json.loads(args.answer.read_text(encoding="utf-8"))
    page = args.answer.with_name("summary.md")
    page.write_text(training_summary(answer), encoding="utf-8")
    agent.summary(page)
    keep_report(answer, args.answer.parent)
    if answer.get("status") == "Completed":
        agent.set_variable("registered", str(answer["registered"]).lower(), output=True)
        version = answer["model"]["version"] if answer["created"] else ""
        agent.set_variable("new_version", version, output=True)
        print(answer["reason"])
        if not answer["registered"]:
            agent.warning(f"nothing is deployed: {answer['reason']}")
        return 0
    if answer.get("run_id") and answer.get("status") not in FINISHED:
        agent.error(
            f"run {answer['run_id']} is still going, and the waits are used up: run "
            f"pipelines/training.yml with runId {answer['run_id']} to take it up"
        )
        return 1
    return 0  # the step that waited has failed, and said why


def keep_report(answer: dict[str, Any], folder: Path) -> None:
    """Copies the report beside the answer, where the artifact is made of."""
    report = answer.get("report")
    if report and Path(report).is_file():
        shutil.copy2(report, folder / "report.html")


if __name__ == "__main__":
    sys.exit(main())
