"""What the report of a run is made of: what the run wrote, and what is known around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlkit.flow.training import Verdict
from amlkit.records import DataAsset, Model, Run
from amlkit.report.data_changes import data_changes
from amlkit.workspace import Workspace

FIGURES = "figures.json"
ANALYSIS = "analysis.json"


def read_analysis(workspace: Workspace, run: Run, *, rows: bool) -> dict[str, Any]:
    """A run's `outputs/analysis.json`; empty where it wrote none, or no object.

    Without `rows` no row of the table is in it.
    """
    try:
        found = json.loads(workspace.jobs.read(run.id, ANALYSIS) or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if rows or key != "worst_rows"}


def data_checks(analysis: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the run found in its table; what is no object is none."""
    found = analysis.get("data_checks")
    return [check for check in found if isinstance(check, dict)] if isinstance(found, list) else []


def read_figures(workspace: Workspace, run: Run) -> list[tuple[str, str, str, str]]:
    """A run's figures: (SVG, title, what is seen, caption) of each that is there.

    Raises:
        ValueError: `outputs/figures.json` is no list of them.
    """
    raw = workspace.jobs.read(run.id, FIGURES)
    found = []
    try:
        for figure in json.loads(raw) if raw else []:
            svg = workspace.jobs.read(run.id, figure["file"])
            if svg is not None:
                words = (figure["title"], figure["alt"], figure.get("caption", ""))
                found.append((svg.decode("utf-8", "replace"), *words))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"outputs/{FIGURES} is no list of file, title and alt (see docs/contract.md)"
        ) from None
    return found


def report_facts(
    workspace: Workspace, run: Run, verdict: Verdict, analysis: Mapping[str, Any], root: Path
) -> dict[str, Any]:
    """What the report says of a run beside its figures; `root` is where commands are typed."""
    data = workspace.data.get(run.tags["data_name"], run.tags["data_version"])
    profile = workspace.data.profile(data) if data else None
    commit = run.tags.get("git_commit")
    return {
        "run_id": run.id,
        "experiment": run.experiment,
        "status": run.status,
        "created": run.created,
        "seconds": run.seconds,
        "data": {
            "name": run.tags["data_name"],
            "version": run.tags["data_version"],
            "rows": data.rows if data else None,
            "target": run.tags["target"],
            "path": _table(data, profile, root),
        },
        "environment": {
            "name": run.tags["environment_name"],
            "version": run.tags["environment_version"],
        },
        "code_version": run.tags["code_version"],
        "trial": run.trial or None,
        "settings": json.loads(run.tags.get("settings", "{}")),
        "git": {"commit": commit, "dirty": run.tags.get("git_dirty") == "true"} if commit else None,
        "model": {
            "name": run.model_name,
            "version": verdict.model.version if verdict.model else None,
        },
        "decision": verdict.decision.to_dict(),
        "metrics": verdict.metrics,
        "analysis": analysis,
        "data_changes": _since_champion(workspace, run, verdict.champion, profile),
        "profile": profile or None,
        "log_tail": "\n".join(workspace.jobs.log(run.id, 40)),
    }


def _table(data: DataAsset | None, profile: Mapping[str, Any] | None, root: Path) -> str | None:
    """The registered table's path as seen from `root`; None where it is not on this machine."""
    if not data or not profile or not profile.get("file"):
        return None
    path = Path(data.source, str(profile["file"]))
    if not path.exists():
        return None
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _since_champion(
    workspace: Workspace, run: Run, champion: Model | None, profile: Mapping[str, Any] | None
) -> list[str]:
    """How the data differs from what the champion learned from."""
    if champion is None or not profile:
        return []
    name, version = champion.tags.get("data_name"), champion.tags.get("data_version")
    if not name or not version or version == run.tags["data_version"]:
        return []
    before = workspace.data.get(name, version)
    return data_changes(profile, workspace.data.profile(before) or {}) if before else []
