"""Says which stages of a pipeline have something to do, as outputs `true` or `false`.

A stage runs when its inputs changed since the last run on this branch that succeeded, when it is
asked for, or when nobody knows what changed. Away from the main branch nothing reaches Azure unless
asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

from amlkit.ci import agent
from amlkit.ci.builds import NoAnswer, last_success
from amlkit.ci.inputs import changed_files, changed_keys, matches, stage_inputs
from amlkit.cli import ROOT
from amlkit.settings import SettingsError, load_settings

STAGES = ("ci", "data", "environment", "training", "deployment")


def main(argv: list[str] | None = None) -> int:
    """Sets an output for each stage and says why."""
    parser = argparse.ArgumentParser(
        prog="python -m amlkit.ci.changes", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--asked", choices=("nothing", *STAGES, "everything"), default="nothing")
    parser.add_argument("--main-branch", default="refs/heads/main", metavar="REF")
    args = parser.parse_args(argv)
    try:
        reasons = why_each_runs(args.asked, args.main_branch, os.environ)
    except SettingsError as error:
        agent.error(str(error))
        return 2
    for stage in STAGES:
        why = reasons.get(stage)
        print(agent.harmless(f"{stage:12} {'runs: ' + why if why else 'nothing to do'}"))
        agent.set_variable(stage, "true" if why else "false", output=True)
    return 0


def why_each_runs(asked: str, main_branch: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The stages that run, each with its reason."""
    reason = environ.get("BUILD_REASON", "")
    if reason == "PullRequest":
        return {"ci": "a pull request"}
    reasons = what_changed(environ)
    if environ.get("BUILD_SOURCEBRANCH") != main_branch:
        reasons = {stage: why for stage, why in reasons.items() if stage == "ci"}
    if reason == "Schedule":
        reasons.setdefault("training", "the schedule")
    for stage in STAGES:
        if asked in (stage, "everything"):
            reasons.setdefault(stage, "asked for")
    return reasons


def what_changed(environ: Mapping[str, str]) -> dict[str, str]:
    """The stages whose inputs changed since the last success; all of them where that is unknown."""
    settings = load_settings(ROOT)
    try:
        base = last_success(environ)
        files, keys = changed_files(ROOT, base), changed_keys(ROOT, base)
    except (NoAnswer, LookupError) as error:
        return dict.fromkeys(STAGES, agent.harmless(str(error)))
    print(f"compared with {base}, the last run here that succeeded: {len(files)} files differ")
    reasons = {"ci": _words(files)} if files else {}
    for stage, inputs in stage_inputs(settings).items():
        if found := matches(inputs, files, keys):
            reasons[stage] = _words(found)
    return reasons


def _words(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
