"""The table of which calls pass, and why the others cannot: benchmarks/examples.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.azure.examples.execute import Call
from tests.azure.examples.runner import PINNED, PYTHON, Outcome, kept
from tests.azure.examples.scripts import COMMIT, REPOSITORY, SCRIPTS, Script
from tests.conftest import ROOT

FILE = ROOT / "benchmarks" / "examples.md"
GOOD = ("passed", "caught")
Outcomes = Mapping[Script, Outcome]

HEAD = """# Scripts of others against the stand-in

Written by `tests/azure/examples/test_examples.py` (`make sweep`): {count} notebooks of
[Azure/azureml-examples]({repository}) at `{commit}`, run cell by cell with the unmodified
azure-ai-ml {sdk} on Python {python}, each against a stand-in that knows nothing yet. {good} of
{calls} calls of `MLClient` pass, {whole} notebooks without exception; {done} of {jobs} submitted
jobs were really executed and completed.

A call passes when it returns, its operation ends well, and what it answers reads as published. It
is *caught* when the script expects the error (`get`, then `create`). What is changed in a script
are names, ids and pins; its waits are cut, lines for a shell are left out, and what it reads at a
public address are rows of ours with the same columns. The code of others is not kept here: the
tests need a clone, named by `AZUREML_EXAMPLES`.

## By script

| script | calls | pass | jobs | cells that cannot |
|---|---|---|---|---|
"""


def good(call: Call) -> bool:
    """Whether a call did what its script expects."""
    return call.state in GOOD


def reasons(script: Script, outcome: Outcome) -> Iterator[tuple[Call, str]]:
    """The calls that do not pass, with the declared reason."""
    for call in outcome.calls:
        if not good(call):
            yield call, script.cannot.get(call.cell, call.reason)


def table(outcomes: Outcomes, sdk: str, python: str) -> str:
    """The page."""
    calls = [call for outcome in outcomes.values() for call in outcome.calls]
    jobs = [status for outcome in outcomes.values() for status, _ in outcome.jobs]
    head = HEAD.format(
        count=len(outcomes),
        repository=REPOSITORY,
        commit=COMMIT[:12],
        sdk=sdk,
        python=python,
        good=sum(map(good, calls)),
        calls=len(calls),
        whole=sum(all(map(good, outcome.calls)) for outcome in outcomes.values()),
        done=jobs.count("Completed"),
        jobs=len(jobs),
    )
    parts = [
        head + "".join(f"{row}\n" for row in by_script(outcomes)),
        "## By call\n\n| call | made | pass | caught | cannot |\n|---|---|---|---|---|\n"
        + "".join(f"{row}\n" for row in by_call(calls)),
        "## Why a call cannot pass\n\n" + "".join(f"{line}\n" for line in why(outcomes)),
        "## What is changed\n\n" + "".join(f"{line}\n" for line in changed(outcomes)),
    ]
    return "\n".join(parts)


def write() -> None:
    """Write the page of what has run by now; it names what has not."""
    outcomes = {script: outcome for script in SCRIPTS if (outcome := kept(script))}
    text = table(outcomes, PINNED, PYTHON)
    if missing := [script.name for script in SCRIPTS if script not in outcomes]:
        text += "\n## Not run for this page\n\n" + "".join(f"- {name}\n" for name in missing)
    FILE.write_text(text, encoding="utf-8")


def by_script(outcomes: Outcomes) -> Iterator[str]:
    """A row for each script."""
    for script, outcome in outcomes.items():
        passed = sum(map(good, outcome.calls))
        done = sum(status == "Completed" for status, _ in outcome.jobs)
        jobs = f"{done} of {len(outcome.jobs)}" if outcome.jobs else ""
        cells = sorted({call.cell for call in outcome.calls if not good(call)})
        place = script.path.removeprefix("sdk/python/")
        yield (
            f"| `{place}` | {len(outcome.calls)} | {passed} | {jobs} | "
            f"{', '.join(map(str, cells))} |"
        )


def by_call(calls: list[Call]) -> Iterator[str]:
    """A row for each method of MLClient."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        kinds[call.name].append(call.state)
    for name, states in sorted(kinds.items()):
        passed, caught = states.count("passed"), states.count("caught")
        rest = len(states) - passed - caught
        yield f"| `{name}` | {len(states)} | {passed} | {caught or ''} | {rest or ''} |"


def why(outcomes: Outcomes) -> Iterator[str]:
    """A line for each reason, the most frequent first."""
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for script, outcome in outcomes.items():
        for call, reason in reasons(script, outcome):
            found[reason][script.name].add(call.cell)
    for reason, scripts in sorted(found.items(), key=lambda one: (-len(one[1]), one[0])):
        places = "; ".join(
            f"{name}: {', '.join(map(str, sorted(cells)))}" for name, cells in scripts.items()
        )
        yield f"- {reason} ({places})"


def changed(outcomes: Outcomes) -> Iterator[str]:
    """A line for each script in which pins are changed: those of the list that stand in it."""
    for script in outcomes:
        for file, changes in script.changes.items():
            words = ", ".join(f"`{old.strip()}` → `{new.strip()}`" for old, new in changes)
            yield f"- {script.name}{f', {file}' if file else ''}: {words}"
        if script.installs:
            yield f"- {script.name}: in the curated image {', '.join(script.installs)}"
