"""Dependencies that are not there or go round, and outputs that no step sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tests.pipelines.runner.coverage import RUNTIME
from tests.pipelines.runner.documents import Text
from tests.pipelines.runner.errors import PipelineError
from tests.pipelines.runner.model import Job, Stage
from tests.pipelines.runner.status import in_order
from tests.pipelines.runner.syntax import parse

from .expanded import Expanded, paths
from .sources import Sources

Outputs = Mapping[str, Mapping[str, set[str]]]  # by stage and job: "step.variable"


def order(expanded: Expanded) -> list[str]:
    """Unknown and cyclic `dependsOn`."""
    problems = []
    graphs = [("stage", {stage.name: stage.depends_on for stage in expanded.pipeline.stages})]
    graphs += [
        ("job", {job.name: job.depends_on for job in stage.jobs})
        for stage in expanded.pipeline.stages
    ]
    for what, graph in graphs:
        try:
            in_order(graph, what)
        except PipelineError as error:
            problems.append(f"{expanded.file}: {error}")
    return problems


def outputs(expanded: Expanded) -> list[str]:
    """Results and outputs asked for, of what is no dependency, or that nothing sets."""
    sets = _outputs(expanded)
    problems: list[str] = []
    for stage in expanded.pipeline.stages:
        problems += _wrong(_expressions(stage.condition, stage.variables), stage, None, sets)
        for job in stage.jobs:
            problems += _wrong(_expressions(job.condition, job.variables), stage, job, sets)
    return problems


def _outputs(expanded: Expanded) -> Outputs:
    sources = Sources(expanded.root)
    found: dict[str, dict[str, set[str]]] = {}
    for stage, job, step in expanded.steps():
        names = found.setdefault(stage.name, {}).setdefault(job.name, set())
        prefix = f"{job.name}." if job.deployment else ""
        if step.name:
            names |= {f"{prefix}{step.name}.{name}" for name in sources.sets(step.script, True)}
    return found


def _expressions(
    condition: Text | None, variables: Iterable[Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    if condition is not None:
        yield str(condition.origins[-1]), condition
    for item in variables:
        if match := RUNTIME.fullmatch(item.get("value", "").strip()):
            yield str(getattr(item["value"], "where", "")), match[1]


def _wrong(
    expressions: Iterable[tuple[str, str]], stage: Stage, job: Job | None, sets: Outputs
) -> Iterator[str]:
    for place, text in expressions:
        for path in paths(parse(text)):
            if problem := _problem(path, stage, job, sets):
                yield f"{place}: {'.'.join(path[:-1])}['{path[-1]}']: {problem}"


def _problem(path: tuple[str, ...], stage: Stage, job: Job | None, sets: Outputs) -> str:
    """What is wrong with a reference to an earlier stage or job; nothing, if it is none."""
    context, *rest = path
    if context not in ("dependencies", "stageDependencies"):
        return ""
    if context == "stageDependencies" and job is None:
        return "a stage's condition has dependencies alone"
    before = job.depends_on if job and context == "dependencies" else stage.depends_on
    if not rest or rest[0] not in before:
        return f"not in dependsOn: {', '.join(before) or 'nothing'}"
    if context == "dependencies" and job is None:
        jobs = sets[rest[0]]
        known = {f"{name}.{output}" for name, names in jobs.items() for output in names}
        rest = rest[1:]
    elif context == "dependencies":
        known, rest = set(sets[stage.name][rest[0]]), rest[1:]
    elif len(rest) < 2 or rest[1] not in sets[rest[0]]:
        return f"no such job: {', '.join(sets[rest[0]])}"
    else:
        known, rest = set(sets[rest[0]][rest[1]]), rest[2:]
    if rest == ["result"]:
        return ""
    if len(rest) != 2 or rest[0] != "outputs":
        return "neither result nor an output"
    return "" if rest[1] in known else f"no step sets it; set are: {', '.join(sorted(known))}"
