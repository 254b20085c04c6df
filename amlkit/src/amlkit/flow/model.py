"""Runs the training experiment as a job, lets the gate judge it, and registers the model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from amlkit import cli as driver
from amlkit.flow import data

if TYPE_CHECKING:
    from amlkit.records import DataAsset, Job, Run


def arguments() -> driver.Parser:
    """The driver's flags."""
    parser = driver.parser(
        "Train on the registered data as a job, compare with the champion, register.",
        """python src/model.py --local
        python src/model.py --local --set training.estimator=sklearn.linear_model.LogisticRegression
        python src/model.py --local --no-wait""",
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="the experiment's name (default: in config.yml)"
    )
    parser.add_argument(
        "--force", action="store_true", help="train although there is a run with the same inputs"
    )
    parser.add_argument(
        "--replace-champion",
        action="store_true",
        help="register although the champion is better or cannot be compared",
    )
    parser.add_argument(
        "--wait-minutes",
        type=driver.positive,
        metavar="N",
        help="wait so long at most; a run that goes on is taken up again with --resume",
    )
    run = parser.add_mutually_exclusive_group()
    run.add_argument("--no-wait", action="store_true", help="start the run and return at once")
    run.add_argument("--resume", metavar="RUN_ID", help="wait for a run, then judge it")
    run.add_argument("--cancel", metavar="RUN_ID", help="end a run")
    return parser


def train(context: driver.Context) -> dict[str, Any]:
    """Starts a run or takes one up, follows it to its end and concludes."""
    from amlkit.records import FINISHED

    args, platform, say = context.args, context.platform, context.say
    if args.wait_minutes is not None and (args.no_wait or args.cancel is not None):
        raise driver.ArgumentError("--wait-minutes: --no-wait and --cancel wait for nothing")
    if args.cancel is not None:
        return cancel(context)
    if args.resume is not None:
        run = platform.get_run(args.resume)
    else:
        job, name, equal = prepare(context)
        if args.dry_run:
            return would(context, job, name, equal)
        run = equal or platform.submit(job, name)
        if equal:
            say(f"run {run.id}, {run.status}, has the same inputs; --force trains again")
        else:
            say(f"run {run.id} in experiment {run.experiment}: {run.url}")
    if args.no_wait:
        say(f"not waiting; next: {driver.command(context, 'model', f'--resume {run.id}')}")
        return record(run, "the run was not waited for")
    if run.status != "Completed":
        run = follow(context, run)
    if run.status not in FINISHED:
        say(f"run {run.id} goes on; {driver.command(context, 'model', f'--resume {run.id}')}")
        return record(run, f"the run goes on after {args.wait_minutes:g} minutes of waiting")
    if run.status != "Completed":
        tail = platform.log_tail(run.id, 1)
        reason = f"the run {run.status.lower()}" + (f": {tail[0]}" if tail else "")
        say(f"run {run.id}: {reason}")
        return record(run, reason) | {"exit_code": 1}
    return conclude(context, run)


def prepare(context: driver.Context) -> tuple[Job, str, Run | None]:
    """The job, the name its model is registered under, and a run that answers already."""
    from amlkit.flow import steps

    settings, platform, say = context.settings, context.platform, context.say
    job = steps.training_job(settings, platform, table(context), dry_run=context.args.dry_run)
    if differences := job.environment.differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        say(f"warning: not the locked environment: {differences[0]}{more}")
    name = settings.model_name(job.data.target)
    return job, name, None if context.args.force else steps.find_equal(platform, job, name)


def table(context: driver.Context) -> DataAsset:
    """The newest data asset; where there is none, that of config.yml, registered first."""
    from amlkit.records import DataAsset

    settings, platform = context.settings, context.platform
    found = platform.find_data(settings.data.name)
    if found is not None:
        return found
    context.say(f"no data asset {settings.data.name} yet: {settings.data.path} comes first")
    new = data.register(context)["data"]
    registered = platform.find_data(settings.data.name, new["version"])
    return registered or DataAsset(new["name"], new["version"], new["target"], new["rows"], "")


def follow(context: driver.Context, run: Run) -> Run:
    """Waits for the run, --wait-minutes at most, and shows its log.

    An interrupt leaves it going and says how to go on.
    """
    minutes = context.args.wait_minutes
    try:
        return context.platform.wait(
            run.id,
            lambda line: context.say(f"  {line}"),
            seconds=None if minutes is None else minutes * 60,
        )
    except KeyboardInterrupt:
        resume, end = (
            driver.command(context, "model", f"--{way} {run.id}") for way in ("resume", "cancel")
        )
        raise KeyboardInterrupt(
            f"run {run.id} goes on; `{resume}` waits for it, `{end}` ends it"
        ) from None


def conclude(context: driver.Context, run: Run) -> dict[str, Any]:
    """Lets the gate judge a completed run, registers its model if it may be, writes the report."""
    from amlkit.flow import steps

    platform, settings, say = context.platform, context.settings, context.say
    verdict = steps.judge(platform, settings, run, replace_champion=context.args.replace_champion)
    facts = steps.report_facts(platform, run, verdict)
    report = platform.save_report(run.id, lambda path: steps.write_report(path, facts))
    metrics = verdict.metrics["metrics"]
    say(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    say(verdict.decision.reason)
    if verdict.model:
        say(f"model: {verdict.model.name}:{verdict.model.version}")
    say(f"report: {report}")
    if verdict.model:
        say(f"next: {driver.command(context, 'deploy')}")
    version = verdict.model.version if verdict.model else None
    return record(run, verdict.decision.reason) | {
        "metrics": metrics,
        "registered": verdict.model is not None,
        "created": verdict.created,
        "model": {"name": run.model_name, "version": version},
        "decision": verdict.decision.to_dict(),
        "report": report,
    }


def cancel(context: driver.Context) -> dict[str, Any]:
    """Ends a run."""
    run_id, platform = context.args.cancel, context.platform
    run = platform.get_run(run_id) if context.args.dry_run else platform.cancel(run_id)
    context.say(f"run {run.id}: {run.status}")
    return record(run, f"the run {run.status.lower()}")


def would(context: driver.Context, job: Job, name: str, equal: Run | None) -> dict[str, Any]:
    """Says what a call without --dry-run would do."""
    say, data, environment = context.say, job.data, job.environment
    if equal:
        say(f"would answer with run {equal.id}, {equal.status}")
    else:
        say(f"would train on {data.name}:{data.version} with code {job.code_version}")
    state = ", which would be created" if environment.created else ""
    say(f"{context.platform.job_place()}, in {environment.name}:{environment.version}{state}")
    champion = job.champion.version if job.champion else None
    say(f"model {name}, champion: {'version ' + champion if champion else 'none'}")
    return {
        "dry_run": True,
        "run_id": equal.id if equal else None,
        "data": {"name": data.name, "version": data.version},
        "environment": {"name": environment.name, "version": environment.version},
        "code_version": job.code_version,
        "model": {"name": name, "version": champion},
    }


def record(run: Run, reason: str) -> dict[str, Any]:
    """What is reported of a run, whatever became of it."""
    return {
        "run_id": run.id,
        "status": run.status,
        "url": run.url,
        "metrics": {},
        "registered": False,
        "created": False,
        "reason": reason,
        "model": {"name": run.model_name, "version": None},
    }


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    return driver.main(arguments(), train, {"experiment": "experiment"}, argv)


if __name__ == "__main__":
    sys.exit(main())
