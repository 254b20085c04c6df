"""From settings to what a platform is asked for: an environment, a job, a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amlkit import content, gate
from amlkit.records import FINISHED, DataAsset, EnvironmentDefinition, Job, Model, Run, WorkError
from amlkit.settings import Settings, SettingsError, Training
from amlkit.workspace import Platform

METRICS = "metrics.json"


def environment_definition(settings: Settings, *, serving: bool = False) -> EnvironmentDefinition:
    """An environment's content, the training's or the endpoint's: the lock and the private wheels.

    Raises:
        SettingsError: there is no such lock.
    """
    which = settings.endpoint.environment if serving else settings.environment
    lock = settings.root / which.lock
    folder = settings.root / settings.environment.wheels
    if not lock.is_file():
        origin = settings.origin("endpoint.environment.lock" if serving else "environment.lock")
        raise SettingsError(f"{origin}: there is no lock {lock}; `make lock` writes it")
    wheels = tuple(sorted(folder.glob("*.whl")))
    version = content.environment_version(lock, wheels)
    return EnvironmentDefinition(which.name, lock, wheels, version, serving)


def training_job(
    settings: Settings, platform: Platform, data: DataAsset, *, dry_run: bool = False
) -> Job:
    """The job that trains on a data asset, with the code as it stands.

    With `dry_run` nothing is copied or made: the job can be looked at, not submitted.

    Raises:
        SettingsError: there is no package.
    """
    package = settings.root / "src" / settings.project.package
    if not (package / "train.py").is_file():
        raise SettingsError(
            f"{settings.origin('project.package')}: there is no {package / 'train.py'}"
        )
    definition = environment_definition(settings)
    code_version, snapshot = code_snapshot(settings, dry_run=dry_run)
    if dry_run:
        environment = platform.find_environment(definition)
    else:
        environment = platform.ensure_environment(definition)
    training = asdict(settings.training)
    git = content.git_state(settings.root)
    return Job(
        experiment=settings.experiment,
        package=settings.project.package,
        snapshot=snapshot,
        code_version=code_version,
        data=data,
        environment=environment,
        settings=training,
        champion=platform.champion(settings.model_name(data.target)),
        identity=content.identity(
            [data.name, data.version, code_version, environment.version, training]
        ),
        tags={
            "data_name": data.name,
            "data_version": data.version,
            "target": data.target,
            "environment_name": environment.name,
            "environment_version": environment.version,
            "code_version": code_version,
            "settings": json.dumps(changed_settings(settings)),
            "git_commit": git["commit"] if git else "",
            "git_dirty": str(git["dirty"]).lower() if git else "",
        },
    )


def code_snapshot(settings: Settings, *, dry_run: bool) -> tuple[str, Path]:
    """The package as it stands: (code version, folder of its copy); a dry run copies nothing."""
    package = settings.root / "src" / settings.project.package
    files = content.code_files(package, settings.root / ".amlignore")
    folder = settings.root / ".local-workspace" / "code"
    if dry_run:
        version = content.files_identity(files)
        return version, folder / version
    return content.snapshot(files, folder)


def changed_settings(settings: Settings) -> dict[str, Any]:
    """The settings of the training that are not the defaults, by their dotted keys."""
    usual = asdict(Training())
    return {
        f"training.{key}": value
        for key, value in asdict(settings.training).items()
        if value != usual[key]
    }


@dataclass(frozen=True)
class Verdict:
    """What became of a run: its metrics, what the gate said, the model it registered."""

    metrics: Mapping[str, Any]
    decision: gate.Decision
    model: Model | None
    created: bool
    """Whether this call registered it; False: an earlier one did, or none."""


def read_metrics(platform: Platform, run: Run) -> dict[str, Any]:
    """A run's `outputs/metrics.json`, normalised.

    Raises:
        WorkError: the run wrote none, or one that is no metrics.
    """
    raw = platform.read_output(run.id, METRICS)
    if raw is None:
        raise WorkError(
            f"run {run.id} wrote no outputs/{METRICS}; train.py must (see docs/contract.md)"
        )
    try:
        return gate.normalise(json.loads(raw))
    except ValueError as error:
        raise WorkError(f"run {run.id}: {error}") from None


def find_equal(platform: Platform, job: Job, model_name: str) -> Run | None:
    """An equal run that answers: under way, or done and its model registered or still to judge."""
    run = platform.find_run(job.identity, job.experiment)
    if run is None or run.model_name != model_name:
        return None
    if run.status not in FINISHED or platform.find_model(model_name, run.id):
        return run
    return run if gate.was_compared(read_metrics(platform, run), job.champion) else None


def judge(platform: Platform, settings: Settings, run: Run, *, replace_champion: bool) -> Verdict:
    """Lets the gate decide on a finished run, and registers its model if it may be."""
    if not run.model_name:
        raise WorkError(f"run {run.id} was not started by src/model.py: nothing says what it is of")
    metrics = read_metrics(platform, run)
    decisions: list[gate.Decision] = []

    def accept(champion: Model | None) -> bool:
        decisions.append(
            gate.decide(metrics, settings.gate, champion, replace_champion=replace_champion)
        )
        return decisions[-1].registered

    schema = platform.read_output(run.id, "model/schema.json")
    tags = {
        **run.tags,
        "metrics": json.dumps(metrics["metrics"], sort_keys=True),
        "holdout": str(metrics["holdout"] or ""),
        "task": str(metrics["task"] or ""),
        "schema": _columns(schema),
    }
    model = platform.register_model(run, run.model_name, tags, accept)
    if decisions:
        return Verdict(metrics, decisions[-1], model, created=model is not None)
    if model is None:
        raise WorkError(f"run {run.id} was not judged; run this again")
    # An earlier call registered it: the gate said yes then.
    decision = gate.decide(metrics, settings.gate, None)
    reason = f"registered earlier as {model.name}:{model.version}"
    measured = metrics.get("champion")
    decision = gate.Decision(True, reason, decision.checks, decision.primary_metric, measured)
    return Verdict(metrics, decision, model, created=False)


def report_facts(platform: Platform, run: Run, verdict: Verdict) -> dict[str, Any]:
    """What the report says of a run."""
    raw = platform.read_output(run.id, "figures.json")
    figures = []
    for figure in json.loads(raw) if raw else []:
        svg = platform.read_output(run.id, figure["file"])
        if svg is not None:
            text = svg.decode("utf-8", "replace")
            figures.append((text, figure["title"], figure["alt"], figure.get("caption", "")))
    data = platform.find_data(run.tags["data_name"], run.tags["data_version"])
    model = {"name": run.model_name, "version": verdict.model.version if verdict.model else None}
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
        },
        "environment": {
            "name": run.tags["environment_name"],
            "version": run.tags["environment_version"],
        },
        "code_version": run.tags["code_version"],
        "settings": json.loads(run.tags.get("settings", "{}")),
        "git": {"commit": commit, "dirty": run.tags.get("git_dirty") == "true"} if commit else None,
        "model": model,
        "decision": verdict.decision.to_dict(),
        "metrics": verdict.metrics,
        "figures": figures,
        "profile": platform.read_profile(data) or None if data else None,
        "log_tail": "\n".join(platform.log_tail(run.id, 40)),
    }


def _columns(schema: bytes | None) -> str:
    """The model's input columns and their types, as a tag."""
    if schema is None:
        return ""
    try:
        columns = {column["name"]: column["type"] for column in json.loads(schema)["columns"]}
    except (ValueError, KeyError, TypeError):
        return ""
    text = json.dumps(columns, ensure_ascii=False)
    return (
        text if len(text) <= 5000 else f"{len(columns)} columns: see schema.json beside the model"
    )


def write_report(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes the report of a run."""
    from amlkit.report import page as report

    report.write_report(path, dict(facts))
