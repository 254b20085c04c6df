"""Runs the training experiment as a job, lets the gate judge it, and registers the model."""

from __future__ import annotations

import sys
from typing import Any

import data
from aml import driver

# What a person types to go on with a run.
RESUME = "python src/model.py {flags}--resume {run}"
CANCEL = "python src/model.py {flags}--cancel {run}"


def arguments() -> driver.Parser:
    """The driver's flags."""
    parser = driver.parser(
        "Train on the registered data as a job, compare with the reigning model, register.",
        """python src/model.py --local
        python src/model.py --local --set training.estimator=sklearn.linear_model.LogisticRegression
        python src/model.py --local --no-wait""",
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="the experiment's name (default: in config.yml)"
    )
    parser.add_argument(
        "--force", action="store_true", help="train although an equal run has finished"
    )
    parser.add_argument(
        "--replace-reigning",
        action="store_true",
        help="register although the reigning model is better or cannot be compared",
    )
    run = parser.add_mutually_exclusive_group()
    run.add_argument("--no-wait", action="store_true", help="start the run and return at once")
    run.add_argument(
        "--resume", metavar="RUN_ID", help="wait for a run that was started, then judge it"
    )
    run.add_argument("--cancel", metavar="RUN_ID", help="end a run")
    return parser


def train(context: driver.Context) -> dict[str, Any]:
    """Starts (or takes up) a run, follows it to its end and concludes."""
    from aml import steps

    args, settings, platform, say = context.args, context.settings, context.platform, context.say
    if args.cancel is not None:
        run = platform.get_run(args.cancel) if args.dry_run else platform.cancel(args.cancel)
        say(f"run {run.id}: {run.status}")
        return {"run_id": run.id, "status": run.status, "dry_run": args.dry_run}
    reused = False
    if args.resume is not None:
        run = platform.get_run(args.resume)
    else:
        if platform.find_data(settings.data.name) is None and not args.dry_run:
            say(f"no data asset {settings.data.name} yet: registering {settings.data.path}")
            data.register(context)
        job = steps.training_job(settings, platform, settings.experiment)
        model_name = settings.model_name(job.data.target)
        for difference in job.environment.differences[:1]:
            more = len(job.environment.differences) - 1
            say(
                f"warning: not the locked environment: {difference}"
                + (f" (and {more} more)" if more else "")
            )
        finished = None if args.force else steps.find_finished(platform, job, model_name)
        if args.dry_run:
            return _dry_run(context, job, model_name, finished)
        reused = finished is not None
        run = finished or platform.submit(job, model_name)
    flags = "--local " if args.local else ""
    resume, cancel = RESUME.format(flags=flags, run=run.id), CANCEL.format(flags=flags, run=run.id)
    record: dict[str, Any] = {
        "run_id": run.id,
        "status": run.status,
        "metrics": {},
        "registered": False,
    }
    record |= {
        "reason": "the run has not finished",
        "model": {"name": run.model_name, "version": None},
    }
    if reused:
        say(f"run {run.id} had the same data, code, environment and settings; --force trains again")
    else:
        say(f"run {run.id} in experiment {run.experiment}: {run.url}")
    if args.no_wait:
        say(f"not waiting; next: {resume}")
        return record
    if not reused:
        try:
            run = platform.wait(run.id, lambda line: say(f"  {line}"))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"run {run.id} goes on; `{resume}` waits for it, `{cancel}` ends it"
            ) from None
    if run.status != "Completed":
        tail = platform.log_tail(run.id, 1)
        say(f"run {run.id}: {run.status}" + (f"; its log ends: {tail[0]}" if tail else ""))
        reason = f"the run {run.status.lower()}"
        return record | {"status": run.status, "reason": reason, "exit_code": 1}
    verdict = steps.judge(platform, settings, run, replace_reigning=args.replace_reigning)
    facts = steps.report_facts(platform, settings, run, verdict)
    report = platform.save_report(run.id, lambda path: steps.reports(path, facts))
    model = {"name": run.model_name, "version": verdict.model.version if verdict.model else None}
    say(" ".join(f"{name} {value:.4g}" for name, value in verdict.metrics["metrics"].items()))
    say(verdict.decision.reason)
    if verdict.model:
        say(f"model: {verdict.model.name}:{verdict.model.version}")
    say(f"report: {report}")
    return record | {
        "status": run.status,
        "metrics": verdict.metrics["metrics"],
        "registered": verdict.model is not None,
        "reason": verdict.decision.reason,
        "model": model,
        "decision": verdict.decision.to_dict(),
        "reused": reused,
        "report": report,
        "url": run.url,
    }


def _dry_run(context: driver.Context, job: Any, model_name: str, finished: Any) -> dict[str, Any]:
    """Says what a call without --dry-run would do."""
    reigning = f"{model_name}:{job.reigning.version}" if job.reigning else "none"
    if finished:
        context.say(f"would answer with the finished run {finished.id}")
    else:
        context.say(
            f"would train on {job.data.name}:{job.data.version} with code {job.code_version}"
        )
    context.say(f"on {context.platform.name}, in {job.environment.name}:{job.environment.version}")
    context.say(f"model {model_name}, reigning: {reigning}")
    return {
        "dry_run": True,
        "run_id": finished.id if finished else None,
        "data": {"name": job.data.name, "version": job.data.version},
        "environment": {"name": job.environment.name, "version": job.environment.version},
        "code_version": job.code_version,
        "model": {"name": model_name, "version": job.reigning.version if job.reigning else None},
    }


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    flags = {"experiment": "experiment"}
    return driver.main(arguments(), train, flags, argv)


if __name__ == "__main__":
    sys.exit(main())
