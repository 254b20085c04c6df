"""The training as a pipeline of steps: here, as a pipeline job, and on a schedule."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from amlkit import cli
from amlkit.calls import Calls
from amlkit.flow import export
from amlkit.flow.model import add_run_flags, goes_on, wait_seconds
from amlkit.records import FINISHED
from amlkit.settings import SettingsError

if TYPE_CHECKING:
    from amlkit.pipelines import Chain, Pipelines, Schedule
    from amlkit.records import Run
    from amlkit.settings import Settings

NO_SCHEDULE = "there is none"
_FIELD = re.compile(r"[\dA-Za-z*,/-]+")


@dataclass(frozen=True)
class Piped:
    """What became of a pipeline."""

    run: Run
    steps: Mapping[str, Run]
    verdict: Mapping[str, Any] = field(default_factory=dict)
    """What its register step reports, as `src/model.py --json` does; empty: it did not."""
    reason: str = ""
    next: str = ""
    waited: bool = False
    """Whether it was waited for; it may go on all the same."""
    schedule: Schedule | None = None
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        lines = [] if self.schedule is None else [_scheduled_words(self.schedule)]
        if self.verdict:
            metrics, model = self.verdict["metrics"], self.verdict["model"]
            lines += [", ".join(f"{name} {value:.4g}" for name, value in metrics.items())]
            lines += [self.verdict["reason"]]
            lines += [f"model: {model['name']}:{model['version']}"] if model["version"] else []
            lines += [f"report: {self.verdict['report']}"]
        elif self.reason and not self.failure:
            lines += [self.reason]
        return [*lines, f"next: {self.next}"] if self.next else lines

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        nothing = {"metrics": {}, "registered": False, "created": False}
        told = {**nothing, "reason": self.reason, "model": {"name": self.run.model_name}}
        done = {
            **told,
            **self.verdict,
            "run_id": self.run.id,
            "status": self.run.status,
            "waited": self.waited,
            "seconds": self.run.seconds,
            "url": self.run.url,
            "steps": {n: {"run_id": r.id, "status": r.status} for n, r in self.steps.items()},
        }
        return done | ({"schedule": asdict(self.schedule)} if self.schedule else {})


@dataclass(frozen=True)
class Scheduled:
    """What became of a schedule; None: there is none."""

    schedule: Schedule | None
    changed: bool
    name: str
    state: str
    """In words: `made`, `unchanged`, `would be removed`, …"""
    dry_run: bool = False
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        found = self.schedule
        return (f"{_scheduled_words(found) if found else f'schedule {self.name}'}: {self.state}",)

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        found = asdict(self.schedule) if self.schedule else None
        done = {"schedule": found, "changed": self.changed, "name": self.name}
        return done | ({"dry_run": True} if self.dry_run else {})


def arguments() -> cli.Parser:
    """The driver's flags."""
    parser = cli.parser(
        "Run the training as a pipeline: prepare, train, evaluate, register; or on a schedule.",
        """python src/pipeline.py --local
        python src/pipeline.py --no-wait
        python src/pipeline.py --schedule "0 6 * * 1\"""",
    )
    add_run_flags(parser, "run although there is a pipeline with the same inputs")
    parser.add_argument("--no-wait", action="store_true", help="start it and return at once")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--resume", metavar="RUN_ID", help="wait for a pipeline that was started")
    what.add_argument("--cancel", metavar="RUN_ID", help="end a pipeline that was started")
    what.add_argument(
        "--schedule", metavar="CRON", help='run it again and again, such as "0 6 * * 1" (UTC)'
    )
    what.add_argument("--unschedule", action="store_true", help="end the schedule")
    what.add_argument("--status", action="store_true", help="show the schedule and its last run")
    return export.flagged(parser)


def run(context: cli.Context) -> cli.Result:
    """Runs a pipeline or resumes one and says what was registered; or sees to the schedule."""
    args, pipelines = context.args, of_workspace(context)
    known = args.resume if args.cancel is None else args.cancel
    if args.local and (args.no_wait or args.wait_minutes is not None or known is not None):
        raise cli.ArgumentError(
            "--no-wait, --wait-minutes, --resume, --cancel: with --local the steps run while you "
            "wait"
        )
    unwaited = cli.given(args, ("no_wait", "cancel", "schedule", "unschedule", "status"))
    if args.wait_minutes is not None and unwaited:
        raise cli.ArgumentError(f"--wait-minutes: {unwaited[0]} waits for nothing")
    if args.status:
        return show(context, pipelines)
    if args.unschedule:
        return unschedule(context, pipelines)
    if args.schedule is not None:
        return schedule(context, pipelines, checked(args.schedule))
    if known is not None:
        return resume_or_cancel(context, pipelines, context.workspace.jobs.get(known))
    from amlkit.flow.chain import chain

    made = chain(context, pipelines)
    found = None if args.force else equal(context, pipelines, made)
    if args.dry_run:
        state = f"would use pipeline {found.id}, {found.status}" if found else "would run"
        context.say(f"{state}: {', '.join(step.name for step in made.steps)}")
        facts = {"run_id": found.id if found else None, "code_version": made.job.code_version}
        return cli.DryRun(facts)
    started = found or pipelines.create(made)
    if found:
        context.say(f"pipeline {found.id}, {found.status}, has the same inputs; --force runs again")
    else:
        context.say(f"pipeline {started.id} in experiment {started.experiment}: {started.url}")
    return conclude(context, pipelines, started, again=found is not None)


def of_workspace(context: cli.Context) -> Pipelines:
    """The workspace's pipelines.

    Raises:
        SettingsError: it is one of SDK v1's.
    """
    if context.workspace.pipelines is None:
        raise SettingsError(f"{context.settings.origin('azure.sdk')}: pipelines come with SDK v2")
    return context.workspace.pipelines


def resume_or_cancel(context: cli.Context, pipelines: Pipelines, known: Run) -> cli.Result:
    """Waits for a pipeline that was started, or ends it."""
    ends = context.args.cancel is not None
    if context.args.dry_run:
        would = "ended" if ends else "waited for"
        context.say(f"pipeline {known.id}, {known.status}, would be {would}")
        return cli.DryRun({"run_id": known.id, "status": known.status})
    if not ends:
        return conclude(context, pipelines, known)
    ended = context.workspace.jobs.cancel(known.id)
    return Piped(ended, {}, reason=f"pipeline {ended.id}: {ended.status}")


def conclude(
    context: cli.Context, pipelines: Pipelines, started: Run, *, again: bool = False
) -> Piped:
    """Waits for a pipeline, and says what its register step did; `again`: it was there already."""
    from amlkit.flow.training import why_it_ended

    resume = context.command("pipeline", "--resume", started.id)
    if started.status not in FINISHED:
        if context.args.no_wait:
            reason = "the pipeline was not waited for"
            return Piped(started, {}, reason=reason, next=resume)
        try:
            started = pipelines.stream(
                started.id,
                lambda step, line: context.say(f"  {step}: {line}"),
                seconds=wait_seconds(context.args),
            )
        except KeyboardInterrupt:
            where = "" if context.args.local else f"pipeline {started.id} goes on; `{resume}`"
            raise KeyboardInterrupt(where) from None
    steps = pipelines.steps(started.id)
    if started.status not in FINISHED:
        reason = f"the pipeline {goes_on(context.args)}"
        return Piped(started, steps, reason=reason, next=resume, waited=True)
    if started.status != "Completed":
        bad = [name for name, one in steps.items() if one.status not in ("Completed", "Running")]
        reason, where = f"the pipeline {started.status.lower()}", started.url
        if bad:
            last = steps[bad[0]]
            why = why_it_ended(context.workspace, context.settings, last)
            reason = f"step {bad[0]}: {why.replace('the run', 'it', 1)}"
            where = last.log or where
        failure = f"pipeline {started.id}: {reason}; log: {where}"
        return Piped(started, steps, reason=reason, failure=failure, waited=True)
    told = verdict(context, steps)
    told |= {"created": False} if again and told else {}
    following = context.command("deploy") if told.get("registered") else ""
    reason = told.get("reason", "no step of it registers a model")
    return Piped(started, steps, told, reason, following, waited=True)


def verdict(context: cli.Context, steps: Mapping[str, Run]) -> dict[str, Any]:
    """What the register step left; empty where no step registers."""
    from amlkit.flow.steps import VERDICT

    for one in reversed(list(steps.values())):
        raw = context.workspace.jobs.read(one.id, VERDICT)
        if raw is not None:
            return dict(json.loads(raw))
    return {}


def equal(context: cli.Context, pipelines: Pipelines, made: Chain) -> Run | None:
    """A pipeline of the same inputs: under way, or its model registered or judged as it would be.

    One that was refused against another champion than that of now runs again.
    """
    found = pipelines.find(made.job.identity, made.job.experiment)
    if found is None or found.status != "Completed":
        return found
    told = verdict(context, pipelines.steps(found.id))
    if told.get("registered"):
        return found
    then = ((told.get("decision") or {}).get("champion") or {}).get("version")
    now = context.workspace.models.champion(made.job.model_name)
    return found if then == (now.version if now else None) else None


def checked(cron: str) -> str:
    """A cron expression, its five fields one space apart.

    Azure ML takes days of the month and months, and ignores them ("Schedule machine learning
    pipeline jobs", Microsoft Learn).

    Raises:
        ArgumentError: it has not five fields, or names such days or months.
    """
    fields = cron.split()
    if len(fields) != 5 or not all(map(_FIELD.fullmatch, fields)):
        raise cli.ArgumentError(
            f"--schedule {cron!r}: five fields are needed, minute hour day month weekday, such as "
            '"0 6 * * 1": Mondays at 6:00 UTC'
        )
    if fields[2:4] != ["*", "*"]:
        raise cli.ArgumentError(
            f"--schedule {cron!r}: Azure ML ignores days of the month and months; leave them * and "
            "name weekdays, or use a RecurrenceTrigger in src/pipeline.py"
        )
    return " ".join(fields)


def schedule(context: cli.Context, pipelines: Pipelines, cron: str) -> Scheduled:
    """Makes the schedule or changes it; an equal one is left alone."""
    from amlkit.content import identity
    from amlkit.flow.chain import chain
    from amlkit.pipelines import Schedule

    name = schedule_name(context.settings)
    known = pipelines.schedule(name)
    made = chain(context, pipelines, cron=cron)
    wanted = identity([cron, made.job.identity])
    if known and known.enabled and known.identity == wanted:
        return Scheduled(known, False, name, "unchanged")
    state = "changed" if known else "made"
    if context.args.dry_run:
        would = Schedule(name, cron, True, wanted)
        return Scheduled(would, True, name, f"would be {state}", dry_run=True)
    return Scheduled(pipelines.put_schedule(name, cron, wanted, made), True, name, state)


def unschedule(context: cli.Context, pipelines: Pipelines) -> Scheduled:
    """Ends the schedule; with --dry-run it is only shown."""
    name = schedule_name(context.settings)
    if context.args.dry_run:
        found = pipelines.schedule(name)
        state = "would be removed" if found else NO_SCHEDULE
        return Scheduled(found, found is not None, name, state, dry_run=True)
    removed = pipelines.remove_schedule(name)
    return Scheduled(None, removed, name, "removed" if removed else NO_SCHEDULE)


def show(context: cli.Context, pipelines: Pipelines) -> cli.Result:
    """The schedule, and what the pipeline became that it started last."""
    name = schedule_name(context.settings)
    found = pipelines.schedule(name)
    last = pipelines.last_of(name) if found else None
    if last is None:
        return Scheduled(
            found, False, name, "it has started no pipeline yet" if found else NO_SCHEDULE
        )
    steps = pipelines.steps(last.id)
    told = verdict(context, steps) if last.status == "Completed" else {}
    reason = f"its last pipeline {last.id}: {last.status}"
    return Piped(last, steps, told, reason, schedule=found)


def schedule_name(settings: Settings) -> str:
    """The schedule of a repository's training; of another experiment it is another one."""
    return f"{settings.experiment[:200]}-retraining"


def _scheduled_words(found: Schedule) -> str:
    off = "" if found.enabled else ", disabled"
    return f"schedule {found.name}, {found.cron} (UTC){off}"


def main(driver: str, calls: Calls | None = None, argv: Sequence[str] | None = None) -> int:
    """Runs `src/pipeline.py`, whose path `driver` is; returns its exit code."""
    step, flags = export.instead(run, export.pipeline), {"experiment": "experiment"}
    return cli.main(driver, arguments(), step, calls, flags=flags, argv=argv)
