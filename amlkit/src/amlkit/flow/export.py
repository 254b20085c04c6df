"""`--export FOLDER`: what a driver would send, as YAML for `az ml`; nothing is sent."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlkit import cli
from amlkit.settings import SettingsError

if TYPE_CHECKING:
    from amlkit.workspace import Export, ExportedFile

# What exports are made of; the drivers may share a folder, where nothing else is.
OURS = re.compile(
    r"(environment(-serving|-client)?|job|pipeline|schedule|endpoint|deployment)\.yml"
    r"|context(-serving|-client)?|(job|pipeline|deployment)-code"
)
# With these a driver sends nothing that could be written, or there is nothing to wait for.
SENDS_NOTHING = (
    *("resume", "cancel", "unschedule", "status", "rollback", "delete", "show_key", "batch"),
    *("no_wait", "wait_minutes"),
)

Step = Callable[[cli.Context], cli.Result]
Write = Callable[[cli.Context, "Export", Path], Sequence["ExportedFile"]]


@dataclass(frozen=True)
class Exported:
    """Files that were written."""

    folder: Path
    files: Sequence[ExportedFile]
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        names = ", ".join(one.path.name for one in self.files)
        commands = [f"  {one.command}" for one in self.files if one.command]
        return (f"written to {self.folder}: {names}", "what sends it, from there:", *commands)

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "export": {
                "folder": str(self.folder),
                "files": [one.path.name for one in self.files],
                "commands": [one.command for one in self.files if one.command],
            }
        }


def flagged(parser: cli.Parser) -> cli.Parser:
    """The parser with `--export`."""
    parser.add_argument(
        "--export",
        metavar="FOLDER",
        help="send nothing: write what would be sent as YAML for `az ml` (SDK v2)",
    )
    return parser


def instead(
    step: Step, write: Callable[[cli.Context, Export, Path], Sequence[ExportedFile]]
) -> Step:
    """A driver's function that writes files where `--export` asks for them."""

    def run(context: cli.Context) -> cli.Result:
        if context.args.export is None:
            return step(context)
        asked = Path(context.args.export)
        if not context.args.export:
            raise cli.ArgumentError("--export is empty: name a folder")
        if beside := cli.given(context.args, SENDS_NOTHING):
            raise cli.ArgumentError(f"--export sends nothing: leave out {beside[0]}")
        export = context.workspace.export
        if export is None:
            raise SettingsError("--export: the YAML of `az ml` comes with SDK v2, on Azure ML")
        folder = asked.resolve()
        _check(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as temporary:
            files = write(context, export, Path(temporary))
            _renew(folder, Path(temporary))
        return Exported(folder, [replace(one, path=folder / one.path.name) for one in files])

    return run


def _check(folder: Path) -> None:
    """Whether one may write there.

    Raises:
        cli.ArgumentError: something else is there, which nobody asked to replace.
    """
    if folder.exists() and not folder.is_dir():
        raise cli.ArgumentError(f"--export: {folder} is a file; name a folder")
    there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if others := [name for name in there if not OURS.fullmatch(name)]:
        found = f"there is something else in {folder} ({', '.join(others[:3])})"
        raise cli.ArgumentError(f"--export: {found}; name a new folder, or one of exports alone")


def _renew(folder: Path, new: Path) -> None:
    """Put what was written in the place of what an earlier export of the same left."""
    made = {path.name for path in new.iterdir()}
    for name in made | ({"schedule.yml"} if "pipeline.yml" in made else set()):
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in made:
        (new / name).rename(folder / name)


def _sending_nothing(context: cli.Context) -> cli.Context:
    """The context of a dry run, but for the copy of the code; nor is an equal run asked for."""
    looking = argparse.Namespace(**{**vars(context.args), "dry_run": True, "force": True})
    return replace(context, args=looking)


def environments(context: cli.Context, export: Export, folder: Path) -> Sequence[ExportedFile]:
    """`environment.yml`, and `environment-serving.yml`."""
    from amlkit.flow.environment import environment_definition

    settings = context.settings
    both = (environment_definition(settings, serving=serving) for serving in (False, True))
    return [file for one in both for file in export.environment(one, folder)]


def job(context: cli.Context, export: Export, folder: Path) -> Sequence[ExportedFile]:
    """`job.yml` with its environment and the code."""
    from amlkit.flow import model
    from amlkit.flow.environment import environment_definition

    made, _ = model.prepare(_sending_nothing(context))
    environment = export.environment(environment_definition(context.settings), folder)
    return [*environment, *export.job(made, folder)]


def pipeline(context: cli.Context, export: Export, folder: Path) -> Sequence[ExportedFile]:
    """`pipeline.yml` with its environments and the code; with `--schedule`, `schedule.yml` too."""
    from amlkit.flow import chain, pipeline
    from amlkit.flow.environment import environment_definition

    args, settings, pipelines = context.args, context.settings, pipeline.of_workspace(context)
    cron = "" if args.schedule is None else pipeline.checked(args.schedule)
    made = chain.chain(_sending_nothing(context), pipelines, cron=cron)
    both = (environment_definition(settings), chain.client_definition(settings))
    environments = [file for one in both for file in export.environment(one, folder)]
    name = pipeline.schedule_name(settings) if cron else ""
    return [*environments, *export.pipeline(made, folder, cron=cron, schedule=name)]


def deployment(context: cli.Context, export: Export, folder: Path) -> Sequence[ExportedFile]:
    """`endpoint.yml` and `deployment.yml` with their environment and the code."""
    from amlkit.flow import serving

    settings, workspace = context.settings, context.workspace
    version = context.args.model_version
    model = serving.find_model(settings, workspace, version, context.command("model"))
    serving.require_score(settings)
    definition = serving.deployment_definition(settings, workspace, context.calls, model)
    return export.deployment(definition, folder)
