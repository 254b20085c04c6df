"""Conditions of stages: allow-lists over named results and outputs, tried on every combination."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product

from tests.pipelines.runner.errors import PipelineError
from tests.pipelines.runner.expressions import evaluate
from tests.pipelines.runner.model import Stage
from tests.pipelines.runner.results import CANCELED, FAILED, GOOD, ISSUES, SKIPPED, SUCCEEDED
from tests.pipelines.runner.status import of_dependent
from tests.pipelines.runner.syntax import Call, Tree, parse
from tests.pipelines.runner.values import to_boolean

from .expanded import Expanded, paths

# What says which results are bad, or that none is: a result nobody thought of slips through.
DENYING = {
    *("always", "canceled", "failed", "succeededorfailed"),
    *("not", "ne", "notin", "xor"),
}
NOTHING_TO_DO = "false"

Case = tuple[Mapping[str, str], Mapping[str, str]]  # results by stage, outputs by `stage name`


def allow_lists(expanded: Expanded) -> list[str]:
    """Stages and jobs that could run after a result, or without one, that nobody named as good."""
    problems = []
    for stage in expanded.pipeline.stages:
        parts = [(stage.where, stage.condition)]
        parts += [(job.where, job.condition) for job in stage.jobs]
        for place, text in parts:
            denying = sorted(set(_functions(text or "")) & DENYING)
            problems += [f"{place}: {name}() in a condition: {text}" for name in denying]
        if stage.condition and not [line for line in problems if str(stage.where) in line]:
            problems += [f"{stage.where}: {what}: {stage.condition}" for what in _wrong(stage)]
    return problems


def _functions(text: str) -> Iterator[str]:
    def walk(tree: Tree) -> Iterator[str]:
        if isinstance(tree, Call):
            yield tree.name.lower()
            for argument in tree.arguments:
                yield from walk(argument)

    if text:
        yield from walk(parse(text))


def _wrong(stage: Stage) -> list[str]:
    """The kinds of fault that its condition has, each with the first case that shows it."""
    found: dict[str, str] = {}
    assert stage.condition is not None
    for results, outputs in _cases(stage):
        try:
            runs = _runs(stage, results, outputs)
        except PipelineError as error:
            return [str(error)]
        for name, result in results.items():
            if not runs or result in GOOD:
                continue
            if result != SKIPPED:
                found.setdefault(f"it runs after {name} {result}", "")
            elif _runs(stage, results, _unknown(outputs)):
                found.setdefault(f"it runs though nobody knows why {name} was skipped", "")
    return list(found)


def _cases(stage: Stage) -> Iterator[Case]:
    """All results of what it depends on, with all values of the outputs that it asks for."""
    assert stage.condition is not None
    asked = sorted(
        {(path[1], path[3]) for path in paths(parse(stage.condition)) if "outputs" in path[2:3]}
    )
    names = list(stage.depends_on)
    kinds = (SUCCEEDED, ISSUES, FAILED, CANCELED, SKIPPED)
    for results in product(kinds, repeat=len(names)):
        for values in product(("true", NOTHING_TO_DO, ""), repeat=len(asked)):
            outputs = {
                f"{one} {name}": value for (one, name), value in zip(asked, values, strict=True)
            }
            yield dict(zip(names, results, strict=True)), outputs


def _runs(stage: Stage, results: Mapping[str, str], outputs: Mapping[str, str]) -> bool:
    assert stage.condition is not None
    shown = {
        name: {
            "result": result,
            "outputs": {
                re.sub(r"^\S+ ", "", key): value
                for key, value in outputs.items()
                if key.split(" ")[0] == name
            },
        }
        for name, result in results.items()
    }
    contexts = {"dependencies": shown, "variables": {}}
    return to_boolean(evaluate(stage.condition, contexts, of_dependent(results, canceled=False)))


def _unknown(outputs: Mapping[str, str]) -> dict[str, str]:
    """The outputs, with nothing known where it said that there is nothing to do."""
    return {key: "" if value == NOTHING_TO_DO else value for key, value in outputs.items()}
