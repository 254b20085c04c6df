"""The training step: a job trains, the gate judges, the registry takes the model or not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlkit import cli
from amlkit.calls import Calls
from amlkit.flow import export, search
from amlkit.records import FINISHED

if TYPE_CHECKING:
    from amlkit.flow.training import Verdict
    from amlkit.records import DataAsset, Job, Run


@dataclass(frozen=True)
class Trained:
    """What became of a run."""

    run: Run
    reason: str
    """The gate's words, or why there are none."""
    verdict: Verdict | None = None
    """None where the run was not judged."""
    report: str = ""
    """Where the report is."""
    next: str = ""
    """What a person types to go on."""
    waited: bool = False
    """Whether the run was waited for; it may go on all the same."""
    data_checks: Sequence[Mapping[str, Any]] = ()
    """What the run found in its table that its owner should look at (docs/contract.md)."""
    newer: str = ""
    """The newest version of the model, where that is not the run's."""
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        if self.verdict is None:
            return ()
        metrics, model = self.verdict.metrics["metrics"], self.verdict.model
        lines = search.words(self.run, self.verdict.metrics)
        lines += [", ".join(f"{name} {value:.4g}" for name, value in metrics.items()), self.reason]
        newer = f"; version {self.newer} is newer" if self.newer else ""
        lines += [f"model: {model.name}:{model.version}{newer}"] if model else []
        lines += [
            f"warning: {' '.join(str(check.get('words')).split())}"
            for check in self.data_checks
            if check.get("severity") == "warning"  # it makes the metrics worth little
        ]
        lines += [f"report: {self.report}"]
        return [*lines, f"next: {self.next}"] if self.next else lines

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        run, verdict = self.run, self.verdict
        model = verdict.model if verdict else None
        done: dict[str, Any] = {
            "run_id": run.id,
            "status": run.status,
            "waited": self.waited,
            "url": run.url,
            "metrics": verdict.metrics["metrics"] if verdict else {},
            "intervals": verdict.metrics.get("intervals", {}) if verdict else {},
            "registered": model is not None,
            "created": bool(verdict and verdict.created),
            "reason": self.reason,
            "model": {"name": run.model_name, "version": model.version if model else None},
        }
        if verdict:
            done |= {"decision": verdict.decision.to_dict(), "report": self.report}
            done |= {"data_checks": list(self.data_checks), **search.record(run, verdict.metrics)}
        return done


def arguments() -> cli.Parser:
    """The driver's flags."""
    parser = cli.parser(
        "Train on the registered data as a job, compare with the champion, register.",
        """python src/model.py --local
        python src/model.py --local --set training.estimator=sklearn.linear_model.LogisticRegression
        python src/model.py --local --no-wait""",
    )
    add_run_flags(parser, "train although there is a run with the same inputs")
    run = parser.add_mutually_exclusive_group()
    run.add_argument("--no-wait", action="store_true", help="start the run and return at once")
    run.add_argument("--resume", metavar="RUN_ID", help="wait for a run, then judge it")
    run.add_argument("--cancel", metavar="RUN_ID", help="end a run")
    return export.flagged(parser)


def add_run_flags(parser: cli.Parser, force: str) -> None:
    """The flags of whatever runs a training; `force` is the help of --force."""
    parser.add_argument(
        "--experiment", metavar="NAME", help="the experiment's name (default: in config.yml)"
    )
    parser.add_argument("--force", action="store_true", help=force)
    parser.add_argument(
        "--replace-champion",
        action="store_true",
        help="register although the champion is better or cannot be compared",
    )
    parser.add_argument(
        "--wait-minutes",
        type=cli.positive,
        metavar="N",
        help="wait so long at most; what goes on is resumed with --resume",
    )


def train(context: cli.Context) -> Trained | cli.DryRun:
    """Starts a run or resumes one, follows it to its end, and has it judged."""
    args, jobs, say = context.args, context.workspace.jobs, context.say
    if args.wait_minutes is not None and (args.no_wait or args.cancel is not None):
        raise cli.ArgumentError("--wait-minutes: --no-wait and --cancel wait for nothing")
    if args.dry_run and (args.cancel is not None or args.resume is not None):
        run = jobs.get(args.resume if args.cancel is None else args.cancel)
        would = "waited for and judged" if args.cancel is None else "ended"
        say(f"run {run.id}, {run.status}, would be {would}")
        return cli.DryRun({"run_id": run.id, "status": run.status})
    if args.cancel is not None:
        run = jobs.cancel(args.cancel)
        say(f"run {run.id}: {run.status}")
        return Trained(run, f"the run {run.status.lower()}")
    if args.resume is not None:
        run = jobs.get(args.resume)
    else:
        job, equal = prepare(context)
        if args.dry_run:
            return would_train(context, job, equal)
        run = equal or jobs.create(job)
        if equal:
            say(f"run {run.id}, {run.status}, has the same inputs; --force trains again")
        else:
            say(f"run {run.id} in experiment {run.experiment}: {run.url}")
    resume = resume_command(context, run)
    if args.no_wait and run.status != "Completed":
        say(f"not waiting; next: {resume}")
        return Trained(run, "the run was not waited for")
    if run.status != "Completed":
        run = follow(context, run)
    if run.status not in FINISHED:
        say(f"run {run.id} goes on; next: {resume}")
        reason = f"the run {goes_on(args)}"
        return Trained(run, reason, waited=True)
    if run.status != "Completed":
        from amlkit.flow import training

        reason = training.why_it_ended(context.workspace, context.settings, run)
        failure = f"run {run.id}: {reason}; log: {run.log or run.url}"
        return Trained(run, reason, waited=True, failure=failure)
    return conclude(context, run)


def prepare(context: cli.Context) -> tuple[Job, Run | None]:
    """The job, and a run of the same job if there is one."""
    from amlkit.flow import training
    from amlkit.flow.precheck import check_training

    settings, workspace, args = context.settings, context.workspace, context.args
    data = table(context)
    check_training(settings, workspace, data, local=args.local)
    job = training.training_job(settings, workspace, context.calls, data, args)
    if differences := job.environment.differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        context.say(f"warning: not the locked environment: {differences[0]}{more}")
    return job, None if args.force else training.find_equal(workspace, job)


def table(context: cli.Context) -> DataAsset:
    """The newest data asset of the settings' name; the version of the table that `--set` names.

    Where none is registered, the table that config.yml itself names is registered first.

    Raises:
        SettingsError: another table is asked for, and it is not registered.
    """
    from amlkit.flow import data

    settings = context.settings
    found = context.workspace.data.get(settings.data.name)
    if found is None:
        return first_table(context)
    asked, target = data.asked_for(settings), settings.data.target.strip()
    if set(asked) - {"data.target"} or (asked and target != found.target):
        found = version_asked_for(context, asked, found)
    context.say(f"data {found.name}:{found.version}, {found.rows:,} rows, target {found.target!r}")
    return found


def first_table(context: cli.Context) -> DataAsset:
    """Registers the table of config.yml, where nothing is registered under its name.

    Raises:
        SettingsError: name or path are not those of config.yml.
    """
    from amlkit.flow import data
    from amlkit.records import DataAsset
    from amlkit.settings import SettingsError

    settings, workspace = context.settings, context.workspace
    name, origins = settings.data.name, [settings.origin(f"data.{key}") for key in ("path", "name")]
    if other := [origin for origin in origins if not origin.startswith("config.yml:")]:
        flags = () if origins[0] in other else ("--path", "FILE", "--target", "COLUMN")
        raise SettingsError(
            f"{other[0]}: no data asset {name} is registered on {workspace.name}; "
            f"`{context.command('data', *flags)}` does it"
        )
    context.say(f"no data asset {name} yet: {settings.data.path} comes first")
    new = data.register(context)
    registered = workspace.data.get(name, new.version)  # a dry run registers none
    return registered or DataAsset(new.name, new.version, new.target, new.rows, "")


def version_asked_for(
    context: cli.Context, asked: Mapping[str, str], newest: DataAsset
) -> DataAsset:
    """The version of a data asset that is the table which `asked` names, a flag for each setting.

    Raises:
        SettingsError: it is not registered.
    """
    from amlkit.flow import data
    from amlkit.settings import SettingsError

    settings, found = context.settings, None
    if "data.path" in asked or (settings.root / settings.data.path).exists():
        version = data.read_table(settings).version
        found = context.workspace.data.get(newest.name, version)
    if found is None:
        raise SettingsError(
            f"{next(iter(asked.values()))}: {newest.name} is registered on "
            f"{context.workspace.name} with the target {newest.target!r} and {newest.rows:,} rows, "
            f"and no version of it is that table; `{context.command('data')}` registers one"
        )
    return found


def follow(context: cli.Context, run: Run) -> Run:
    """Waits for the run, --wait-minutes at most, and shows its log.

    An interrupt leaves it going and says how to go on.
    """
    try:
        return context.workspace.jobs.stream(
            run.id,
            lambda line: context.say(f"  {line}"),
            seconds=wait_seconds(context.args),
        )
    except KeyboardInterrupt:
        resume, cancel = resume_command(context, run), context.command("model", "--cancel", run.id)
        raise KeyboardInterrupt(
            f"run {run.id} goes on; `{resume}` waits for it, `{cancel}` ends it"
        ) from None


def wait_seconds(args: argparse.Namespace) -> float | None:
    """--wait-minutes in seconds; None: to the end."""
    return None if args.wait_minutes is None else float(args.wait_minutes) * 60


def goes_on(args: argparse.Namespace) -> str:
    """Why there is no verdict after --wait-minutes, without what goes on."""
    return f"goes on after {args.wait_minutes:g} minutes of waiting"


def resume_command(context: cli.Context, run: Run) -> str:
    """What a person types to wait for a run, and have it judged as this call would."""
    flags = ["--replace-champion"] if context.args.replace_champion else []
    return context.command("model", "--resume", run.id, *flags)


def conclude(context: cli.Context, run: Run) -> Trained:
    """Lets the gate judge a completed run, registers its model if it may be, writes the report."""
    from amlkit.flow import report, training
    from amlkit.report import write_report

    workspace, settings, args = context.workspace, context.settings, context.args
    verdict = training.judge(workspace, settings, run, replace_champion=args.replace_champion)
    analysis = report.read_analysis(workspace, run, rows=settings.data.print_profile)
    facts = report.report_facts(workspace, run, verdict, analysis, settings.root)
    facts["flags"] = context.place
    try:
        facts["figures"] = report.read_figures(workspace, run)
    except ValueError as error:  # the model is judged; only its page lacks them
        context.say(f"warning: the report is without figures: {error}")
    decision, model = verdict.decision, verdict.model
    if decision.champion and decision.champion.stored and not decision.earlier:
        champion = decision.champion
        context.say(
            f"warning: the champion, version {champion.version}, was not asked: {champion.stored}"
        )
    page = workspace.jobs.save_report(
        run.id, lambda path: write_report(path, facts), keep=decision.earlier
    )
    newest = workspace.models.champion(run.model_name) if model and not verdict.created else None
    newer = newest.version if model and newest and newest.version != model.version else ""
    following = ""
    if model and not decision.refused_now:
        version = ("--model-version", model.version) if newer else ()
        following = deploy_command(context, run, *version)
    looks = report.data_checks(analysis)
    return Trained(run, decision.reason, verdict, page, following, True, looks, newer)


def deploy_command(context: cli.Context, run: Run, *flags: str) -> str:
    """What a person types to serve a run's model, which may be of other data than the settings'."""
    from amlkit.flow.serving import model_name

    if model_name(context.settings, context.workspace) != run.model_name:
        flags += cli.setting("data.name", run.tags["data_name"])
        flags += cli.setting("data.target", run.tags["target"])
    return context.command("deploy", *flags)


def would_train(context: cli.Context, job: Job, equal: Run | None) -> cli.DryRun:
    """Says what a call without --dry-run would do."""
    say, environment = context.say, job.environment
    name, version = job.tags["data_name"], job.tags["data_version"]
    if equal:
        say(f"would use run {equal.id}, {equal.status}")
    else:
        say(f"would train on {name}:{version} with code {job.code_version}{search.ahead(job)}")
    state = ", which would be created" if environment.created else ""
    say(f"{context.workspace.jobs.target()}, in {environment.name}:{environment.version}{state}")
    champion = job.champion.version if job.champion else None
    say(f"model {job.model_name}, champion: {'version ' + champion if champion else 'none'}")
    return cli.DryRun(
        {
            "run_id": equal.id if equal else None,
            "data": {"name": name, "version": version},
            "environment": {"name": environment.name, "version": environment.version},
            "code_version": job.code_version,
            "model": {"name": job.model_name, "version": champion},
        }
    )


def main(driver: str, calls: Calls | None = None, argv: Sequence[str] | None = None) -> int:
    """Runs `src/model.py`, whose path `driver` is; returns its exit code."""
    step, flags = export.instead(train, export.job), {"experiment": "experiment"}
    return cli.main(driver, arguments(), step, calls, flags=flags, argv=argv)
