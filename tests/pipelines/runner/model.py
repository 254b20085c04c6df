"""What an expanded pipeline is made of. A key that is not known here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .documents import Place, Text, where
from .errors import NotPlayed, PipelineError
from .values import to_string

PIPELINE = (
    *("name", "trigger", "pr", "schedules", "parameters", "variables", "pool", "stages", "jobs"),
    *("steps", "lockBehavior"),
)
STAGE = (
    *("stage", "displayName", "dependsOn", "condition", "variables", "jobs", "pool"),
    "lockBehavior",
)
LOCKS = ("runLatest", "sequential")
JOB = (
    *("displayName", "dependsOn", "condition", "continueOnError", "pool", "timeoutInMinutes"),
    "variables",
)
STEP = (
    *("name", "displayName", "condition", "continueOnError", "enabled", "env"),
    "timeoutInMinutes",
)
# The short forms of steps, with the keys that only they have.
SHORT: Mapping[str, tuple[str, ...]] = {
    "bash": ("workingDirectory", "failOnStderr"),
    "script": ("workingDirectory", "failOnStderr"),
    "checkout": ("clean", "fetchDepth", "fetchTags", "persistCredentials", "path"),
    "publish": ("artifact",),
    "download": ("artifact", "patterns", "path"),
    "task": ("inputs",),
}
HOOKS = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")


@dataclass(frozen=True)
class Step:
    """A step: its short form's key, that key's value, and everything beside it."""

    kind: str
    value: str
    inputs: Mapping[str, str]
    where: Place
    name: str = ""
    title: str = ""
    condition: Text | None = None
    continue_on_error: str = "false"
    enabled: str = "true"
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: str = "0"

    @property
    def script(self) -> str:
        """What it has a shell run; nothing, if it is a task without a script."""
        return (
            self.value if self.kind in ("bash", "script") else self.inputs.get("inlineScript", "")
        )


@dataclass(frozen=True)
class Job:
    """A job, or a deployment job with its environment and the steps of its hooks."""

    name: str
    where: Place
    steps: tuple[Step, ...]
    depends_on: tuple[str, ...] = ()
    condition: Text | None = None
    continue_on_error: str = "false"
    variables: tuple[Mapping[str, str], ...] = ()
    timeout: str = "60"
    pool: Any = None
    environment: str = ""
    on_failure: tuple[Step, ...] = ()
    on_success: tuple[Step, ...] = ()

    @property
    def deployment(self) -> bool:
        """Whether it deploys to an environment."""
        return bool(self.environment)


@dataclass(frozen=True)
class Stage:
    """A stage and its jobs."""

    name: str
    where: Place
    jobs: tuple[Job, ...]
    depends_on: tuple[str, ...] = ()
    condition: Text | None = None
    variables: tuple[Mapping[str, str], ...] = ()
    lock: str = LOCKS[0]  # "the default", says the page on checks

    @property
    def environments(self) -> frozenset[str]:
        """What its deployment jobs deploy to."""
        return frozenset(job.environment for job in self.jobs if job.environment)


@dataclass(frozen=True)
class Pipeline:
    """A whole pipeline."""

    stages: tuple[Stage, ...]
    variables: tuple[Mapping[str, str], ...] = ()
    name: str = ""


def read(document: Mapping[str, Any]) -> Pipeline:
    """The parts of an expanded pipeline; steps or jobs alone are one stage, as on the service."""
    _keys(document, PIPELINE, "a pipeline")
    forms = [key for key in ("stages", "jobs", "steps") if key in document]
    if len(forms) != 1:
        raise PipelineError(f"{where(document)}: one of stages, jobs and steps is needed")
    pool = document.get("pool")
    if forms == ["stages"]:
        raw = document["stages"]
    elif forms == ["jobs"]:
        raw = [{"stage": "__default", "jobs": document["jobs"]}]
    else:
        raw = [{"stage": "__default", "jobs": [{"job": "Job", "steps": document["steps"]}]}]
    stages: list[Stage] = []
    for item in raw:
        before = (stages[-1].name,) if stages else ()
        stages.append(_stage(item, before, pool, document.get("lockBehavior", LOCKS[0])))
    _unique([stage.name for stage in stages], "stage", where(document))
    return Pipeline(
        tuple(stages), _variables(document.get("variables")), to_string(document.get("name"))
    )


def _stage(item: Mapping[str, Any], before: tuple[str, ...], pool: Any, lock: Any) -> Stage:
    _keys(item, STAGE, "a stage")
    jobs = tuple(_job(job, item.get("pool", pool)) for job in item.get("jobs", []))
    if not jobs:
        raise PipelineError(f"{where(item)}: stage {item.get('stage')!r} has no jobs")
    _unique([job.name for job in jobs], "job", where(item))
    lock = to_string(item.get("lockBehavior", lock))
    if lock not in LOCKS:
        raise PipelineError(f"{where(item)}: lockBehavior {lock!r} is none of {', '.join(LOCKS)}")
    return Stage(
        name=_name(item, "stage"),
        where=where(item),
        jobs=jobs,
        depends_on=_names(item["dependsOn"]) if "dependsOn" in item else before,
        condition=_condition(item),
        variables=_variables(item.get("variables")),
        lock=lock,
    )


def _job(item: Mapping[str, Any], pool: Any) -> Job:
    deployment = "deployment" in item
    own = ("deployment", "environment", "strategy") if deployment else ("job", "steps")
    _keys(item, (*JOB, *own), "a deployment job" if deployment else "a job")
    hooks = _hooks(item) if deployment else {"deploy": _steps(item.get("steps", []))}
    steps = [step for hook in HOOKS for step in hooks.get(hook, ())]
    if not steps:
        raise PipelineError(f"{where(item)}: a job without steps")
    _unique([step.name for step in steps if step.name], "step", where(item))
    return Job(
        name=_name(item, "deployment" if deployment else "job"),
        where=where(item),
        steps=tuple(steps),
        depends_on=_names(item.get("dependsOn", [])),
        condition=_condition(item),
        continue_on_error=to_string(item.get("continueOnError", "false")),
        variables=_variables(item.get("variables")),
        timeout=to_string(item.get("timeoutInMinutes", "60")),
        pool=item.get("pool", pool),
        environment=_environment(item) if deployment else "",
        on_failure=hooks.get("failure", ()),
        on_success=hooks.get("success", ()),
    )


def _hooks(item: Mapping[str, Any]) -> dict[str, tuple[Step, ...]]:
    strategy = item.get("strategy", {})
    if set(strategy) != {"runOnce"}:
        raise NotPlayed(f"{where(item)}: strategy {', '.join(strategy) or 'missing'}")
    once = strategy["runOnce"]
    _keys(once, (*HOOKS, "on"), "runOnce")
    outcomes = once.get("on", {})
    _keys(outcomes, ("failure", "success"), "on")
    hooks = {name: once[name] for name in HOOKS if name in once} | dict(outcomes)
    for name, hook in hooks.items():
        _keys(hook, ("steps",), name)
    return {name: _steps(hook.get("steps", [])) for name, hook in hooks.items()}


def _environment(item: Mapping[str, Any]) -> str:
    found = item.get("environment")
    if isinstance(found, Mapping):
        _keys(found, ("name",), "an environment")
        found = found.get("name")
    if not found:
        raise PipelineError(f"{where(item)}: a deployment job needs an environment")
    return to_string(found)


def _steps(items: Any) -> tuple[Step, ...]:
    return tuple(_step(item) for item in items)


def _step(item: Mapping[str, Any]) -> Step:
    kind = next((key for key in SHORT if key in item), None)
    if kind is None:
        raise NotPlayed(f"{where(item)}: a step with {', '.join(item)}")
    _keys(item, (kind, *SHORT[kind], *STEP), f"a {kind} step")
    more = {key: item[key] for key in SHORT[kind] if key in item and key != "inputs"}
    inputs = {**item.get("inputs", {}), **more}
    return Step(
        kind=kind,
        value=to_string(item[kind]),
        inputs={name: to_string(value) for name, value in inputs.items()},
        where=where(item),
        name=to_string(item.get("name")),
        title=to_string(item.get("displayName")) or f"{kind} {to_string(item[kind])[:40]}",
        condition=_condition(item),
        continue_on_error=to_string(item.get("continueOnError", "false")),
        enabled=to_string(item.get("enabled", "true")),
        env={name: to_string(value) for name, value in item.get("env", {}).items()},
        timeout=to_string(item.get("timeoutInMinutes", "0")),
    )


def _variables(items: Any) -> tuple[Mapping[str, str], ...]:
    found = []
    for item in items or []:
        own = ("group",) if "group" in item else ("name", "value")
        _keys(item, own, "a variable")
        found.append({key: to_string(value) for key, value in item.items()})
    return tuple(found)


def _condition(item: Mapping[str, Any]) -> Text | None:
    found = item.get("condition")
    if found is None or found == "":
        return None
    return Text.at(where(found) if isinstance(found, Text) else where(item), to_string(found))


def _names(found: Any) -> tuple[str, ...]:
    if isinstance(found, str):
        return (found,) if found else ()
    return tuple(map(to_string, found))


def _name(item: Mapping[str, Any], key: str) -> str:
    name = to_string(item.get(key))
    if not name.replace("_", "a").isalnum() or name[0].isdigit():
        raise PipelineError(f"{where(item)}: {key} {name!r} needs letters, digits and _ alone")
    return name


def _unique(names: list[str], what: str, place: Place) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise PipelineError(f"{place}: {what} {twice[0]!r} stands there twice")


def _keys(item: Any, known: tuple[str, ...], what: str) -> None:
    if not isinstance(item, Mapping):
        raise PipelineError(f"{where(item)}: {what} is a mapping")
    if unknown := [key for key in item if key not in known]:
        raise NotPlayed(f"{where(item)}: key {unknown[0]!r} of {what}")
