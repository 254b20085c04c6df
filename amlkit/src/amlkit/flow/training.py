"""From a data asset to a verdict: the job that trains, the run that it equals, the gate's say."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from amlkit import content, gate
from amlkit.calls import Calls
from amlkit.champion import was_compared
from amlkit.flow.environment import environment_definition
from amlkit.flow.precheck import check_code
from amlkit.flow.search import search_of
from amlkit.records import FINISHED, DataAsset, Job, Model, Run, Search, WorkError
from amlkit.settings import Settings, SettingsError, Training
from amlkit.tracebacks import owners_error
from amlkit.workspace import Workspace

METRICS = "metrics.json"
LOG_LINES = 300  # of a failed run, to find its exception in
ALWAYS_TOLD = (
    *("task", "estimator", "parameters", "seed", "holdout", "drop_columns", "min_class_rows"),
)
SEARCH = ("search", "trials")  # told together, where something is searched
LONGEST_SCHEMA = 5000  # characters of the tag that names a model's columns


def training_job(
    settings: Settings,
    workspace: Workspace,
    calls: Calls,
    data: DataAsset,
    args: Namespace,
) -> Job:
    """The job that trains on a data asset, with the code as it is now.

    With --dry-run nothing is made but, for an export, the copy of the code: the job can be looked
    at, not submitted.

    Raises:
        SettingsError: there is no package, or no `train.py` in it.
    """
    package = settings.root / "src" / settings.project.package
    if not (package / "train.py").is_file():
        origin = settings.origin("project.package")
        raise SettingsError(f"{origin}: there is no {package / 'train.py'}")
    definition = environment_definition(settings)
    code_version, snapshot = code_snapshot(settings, copied=copies_code(args))
    environments = workspace.environments
    look = environments.get if args.dry_run else environments.create
    environment = look(definition)
    name = registered_name(settings, workspace, data.target)
    champion = workspace.models.champion(name)
    search = search_of(settings, workspace, calls, data)
    training = {key: value for key, value in asdict(settings.training).items() if key not in SEARCH}
    git = content.git_state(settings.root)
    job = Job(
        experiment=settings.experiment,
        code=snapshot,
        code_version=code_version,
        command=training_command(
            settings.project.package,
            data,
            told(settings, search),
            champion,
            sorted(search.space) if search and search.definition else (),
        ),
        inputs={"data": data, **({"champion": champion} if champion else {})},
        environment=environment,
        variables={"PYTHONHASHSEED": "0"},
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
        model_name=name,
        definition=calls.training_job,
        search=search,
    )
    # The champion is compared with, and decides nothing of the model: it is no part of it.
    decisive = [data.name, data.version, code_version, environment.version, training]
    decisive += [search.told()] if search else []
    shape = workspace.jobs.shape(job)
    return replace(job, identity=content.identity([*decisive, shape] if shape else decisive))


def registered_name(settings: Settings, workspace: Workspace, target: str) -> str:
    """The name that the target's models are registered by; that of another target is left to it."""
    name = settings.model_name(target)
    champion = workspace.models.champion(name)
    taken = champion is not None and champion.tags.get("target", target) != target
    return settings.model_name(target, told_apart=True) if taken else name


def training_command(
    package: str,
    data: DataAsset,
    training: Mapping[str, Any],
    champion: Model | None,
    trial: Sequence[str] = (),
) -> tuple[str, ...]:
    """The job's command line; inputs are named as Azure ML names them (docs/contract.md).

    `trial` are the parameters of which each trial of a sweep is told its own values.
    """
    command = ["python", "-m", f"{package}.train", "--data", "${{inputs.data}}"]
    if champion is not None:
        command += ["--champion", "${{inputs.champion}}", "--champion-version", champion.version]
    for name in trial:
        command += ["--trial", f"{name}=${{{{inputs.{name}}}}}"]
    settings = json.dumps(training, sort_keys=True)
    return (*command, "--target", data.target, "--settings", settings)


def told(settings: Settings, search: Search | None = None) -> dict[str, Any]:
    """What a job is told of the settings of the training, and of the search if there is one.

    A setting that has come since amlkit 0.2 is told where config.yml, a variable or a flag says it:
    a `train.py` of before it goes on.
    """
    said = {
        key: value
        for key, value in asdict(settings.training).items()
        if key in ALWAYS_TOLD or (f"training.{key}" in settings.origins and key not in SEARCH)
    }
    return said | ({"search": search.told()} if search else {})


def copies_code(args: Namespace) -> bool:
    """Whether the package is copied: an export holds it, although nothing else is made."""
    return args.export is not None or not args.dry_run


def code_snapshot(settings: Settings, *, copied: bool) -> tuple[str, Path]:
    """The package as it is now: (code version, folder of its copy, which is made if `copied`).

    Raises:
        WorkError: a file of it is no Python.
    """
    package = settings.root / "src" / settings.project.package
    files = content.code_files(package, settings.root / ".amlignore")
    check_code(files, settings)
    folder = settings.root / ".local-workspace" / "code"
    if copied:
        return content.snapshot(files, folder)
    version = content.files_identity(files)
    return version, folder / version


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
    """What became of a run: its metrics, the gate's decision, the model that it registered."""

    metrics: Mapping[str, Any]
    decision: gate.Decision
    model: Model | None
    created: bool
    """Whether this call registered it; False: an earlier one did, or none."""
    champion: Model | None = None
    """That of the moment when it was judged; None also where an earlier call judged it."""


def read_metrics(workspace: Workspace, run: Run) -> dict[str, Any]:
    """A run's `outputs/metrics.json`, normalised.

    Raises:
        WorkError: the run wrote none, or one that is no metrics.
    """
    raw = workspace.jobs.read(run.id, METRICS)
    if raw is None:
        raise WorkError(
            f"run {run.id} wrote no outputs/{METRICS}; train.py must (see docs/contract.md)"
        )
    try:
        return gate.normalise(json.loads(raw))
    except ValueError as error:
        raise WorkError(f"run {run.id}: {error}") from None


def find_equal(workspace: Workspace, job: Job) -> Run | None:
    """A run of the same job: under way, or done and its model registered or still to judge."""
    run = workspace.jobs.find(job.identity, job.experiment)
    if run is None or run.model_name != job.model_name:
        return None
    if run.status not in FINISHED or workspace.models.of_run(job.model_name, run.id):
        return run
    return run if was_compared(read_metrics(workspace, run), job.champion) else None


def why_it_ended(workspace: Workspace, settings: Settings, run: Run) -> str:
    """How a run has ended, with the owner's exception and its line, else its log's last line."""
    log = workspace.jobs.log(run.id, LOG_LINES)
    last = next((line.strip() for line in reversed(log) if line.strip()), "")
    said = last.removeprefix("error: ")
    if said == last and run.status == "Failed":  # it did not end in words of its own
        said = owners_error(log, settings.project.package) or last
    return f"the run {run.status.lower()}" + (f": {said}" if said else "")


def judge(workspace: Workspace, settings: Settings, run: Run, *, replace_champion: bool) -> Verdict:
    """Lets the gate decide on a finished run, and registers its model if it may be."""
    if not run.model_name:
        raise WorkError(f"run {run.id} was not started by src/model.py: nothing says what it is of")
    metrics = read_metrics(workspace, run)
    judged: list[tuple[gate.Decision, Model | None]] = []

    def accept(champion: Model | None) -> bool:
        decision = gate.decide(metrics, settings.gate, champion, replace_champion=replace_champion)
        judged.append((decision, champion))
        return decision.registered

    tags = {
        **run.tags,
        "metrics": json.dumps(metrics["metrics"], sort_keys=True),
        "holdout": str(metrics["holdout"] or ""),
        "task": str(metrics["task"] or ""),
        "schema": _columns(workspace.jobs.read(run.id, "model/schema.json")),
    }
    model = workspace.models.register(run, tags, accept)
    if judged:
        decision, champion = judged[-1]
        return Verdict(metrics, decision, model, model is not None, champion)
    if model is None:
        raise WorkError(f"run {run.id} was not judged; run this again")
    decision = gate.registered_earlier(metrics, settings.gate, model)
    return Verdict(metrics, decision, model, created=False)


def _columns(schema: bytes | None) -> str:
    """The model's input columns and their types, as a tag."""
    if schema is None:
        return ""
    try:
        columns = {column["name"]: column["type"] for column in json.loads(schema)["columns"]}
    except (ValueError, KeyError, TypeError):
        return ""
    text = json.dumps(columns, ensure_ascii=False)
    many = f"{len(columns)} columns: see schema.json beside the model"
    return text if len(text) <= LONGEST_SCHEMA else many
