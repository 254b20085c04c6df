"""Names that must be declared: parameters, variables, environment variables, secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.pipelines.runner.documents import load
from tests.pipelines.runner.evaluation import expressions
from tests.pipelines.runner.model import Job, Stage
from tests.pipelines.runner.parameters import declared_names
from tests.pipelines.runner.syntax import parse
from tests.pipelines.runner.variables import MACRO, NAME, Secret

from .expanded import Expanded, paths
from .sources import Sources

# Variables that the service and the agent define.
PREDEFINED = re.compile(r"(Build|System|Agent|Pipeline|Common|Environment)\.[A-Za-z.]+")
# Read by programs, not by the repository's own code.
PROGRAMS = {"PYTHONPATH": "python"}
# What the shell and the agent bring themselves.
ALWAYS = re.compile(r"(PWD|PATH|HOME|TMPDIR|OLDPWD|RANDOM|LINENO|(BUILD|SYSTEM|AGENT|PIPELINE)_.*)")
DIRECTIVE = re.compile(r"^\s*(if|elseif|else|insert|each \w+ in)\b")
TOKEN = "System.AccessToken"  # a secret, though the service defines it


def parameters(root: Path, file: str) -> list[str]:
    """`${{ parameters.x }}` that a file does not declare, and declared ones it does not use."""
    document = load(root, file)
    known = declared_names(document.get("parameters"))
    used = {}
    for place, text in expressions({k: v for k, v in document.items() if k != "parameters"}):
        rest = DIRECTIVE.sub("", text).strip()
        for path in paths(parse(rest)) if rest else ():
            if path[0] == "parameters" and len(path) > 1:
                used[path[1]] = place
    wrong = [f"{place}: no parameter {name!r}" for name, place in used.items() if name not in known]
    return wrong + [f"{file}: parameter {name!r} is not used" for name in known if name not in used]


def variables(expanded: Expanded) -> list[str]:
    """`$(Var)` that nothing defines."""
    sources = Sources(expanded.root)
    made: dict[tuple[str, str], set[str]] = {}
    problems = []
    for stage, job, step in expanded.steps():
        here = made.setdefault((stage.name, job.name), _defined(expanded, stage, job))
        for text in (step.value, step.title, *step.inputs.values(), *step.env.values()):
            for name in MACRO.findall(text):
                known = name.upper() in here or PREDEFINED.fullmatch(name)
                if NAME.fullmatch(name) and not known:
                    problems.append(f"{step.where}: nothing defines $({name})")
        here |= {name.upper() for name in sources.sets(step.script, False)}
        here |= {f"{step.name}.{name}".upper() for name in sources.sets(step.script, True)}
        here |= {name.upper() for key, name in step.inputs.items() if key == "cacheHitVar"}
    return problems


def environment(expanded: Expanded) -> list[str]:
    """Mapped names that the step's code does not read, and names it reads that are not mapped."""
    sources = Sources(expanded.root)
    problems = []
    for stage, job, step in expanded.steps():
        if not step.script:
            problems += [f"{step.where}: env {name} of a task" for name in step.env]
            continue
        plain = {name.replace(".", "_") for name in _defined(expanded, stage, job)}
        reads = sources.reads(step.script)
        for name in step.env:
            used_by = PROGRAMS.get(name)
            if name not in reads and not (used_by and used_by in step.script):
                problems.append(f"{step.where}: env {name} is not read by: {step.script}")
        for name in sorted(reads - set(step.env)):
            secret = name in ("SYSTEM_ACCESSTOKEN", *sources.settings())
            if secret or not (name in plain or ALWAYS.fullmatch(name)):
                problems.append(f"{step.where}: {name} is read, and not mapped: {step.script}")
    return problems


def secrets(expanded: Expanded) -> list[str]:
    """Secrets outside `env:`, where they would stand in scripts, arguments and logs."""
    known = {
        name.upper()
        for group in expanded.groups.values()
        for name, value in group.items()
        if isinstance(value, Secret)
    } | {TOKEN.upper()}
    problems = []
    for stage, job, step in expanded.steps():
        texts = [step.value, step.title, *step.inputs.values()]
        texts += [item.get("value", "") for item in (*stage.variables, *job.variables)]
        for text in texts:
            for name in MACRO.findall(text):
                if name.upper() in known:
                    problems.append(f"{step.where}: secret $({name}) outside env")
    return problems


def pins(expanded: Expanded) -> list[str]:
    """Tasks without a version, images that move."""
    problems = [
        f"{step.where}: task {step.value} has no version"
        for _, _, step in expanded.steps()
        if step.kind == "task" and not re.fullmatch(r"\w+@\d+", step.value)
    ]
    for stage in expanded.pipeline.stages:
        for job in stage.jobs:
            image = job.pool.get("vmImage", "") if isinstance(job.pool, Mapping) else ""
            if not job.pool or str(image).endswith("-latest"):
                problems.append(f"{job.where}: pool {job.pool!r} is not pinned")
    return problems


def _defined(expanded: Expanded, stage: Stage, job: Job) -> set[str]:
    """The names of variables that are there when a job begins, in capitals."""
    found = set()
    for scope in (expanded.pipeline.variables, stage.variables, job.variables):
        for item in scope:
            group = expanded.groups.get(item.get("group", ""), {})
            found |= {name.upper() for name in (*group, item.get("name", ""))}
    return found
