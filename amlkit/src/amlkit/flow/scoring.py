"""A table scored with a registered model: `src/deploy.py --batch`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlkit import cli
from amlkit.flow import batch, serving
from amlkit.records import Model
from amlkit.tabular.parts import SCORED, table_size


@dataclass(frozen=True)
class Scored:
    """A table that was scored into a file."""

    model: Model
    source: Path
    target: Path
    rows: int | None
    """None: a dry run."""
    failure: str = ""
    replaced: bool = False
    """Whether the file was there before."""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        if self.rows is None:
            return ()
        how = ", replaced" if self.replaced else ""
        return (f"{self.rows:,} rows scored into {self.target}{how}",)

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        batch: dict[str, Any] = {"input": str(self.source), "output": str(self.target)}
        done = {"model": {"name": self.model.name, "version": self.model.version}, "batch": batch}
        if self.rows is None:
            return done | {"dry_run": True}
        batch |= {"rows": self.rows, "replaced": self.replaced}
        return done


def check(args: argparse.Namespace) -> None:
    """Whether the flags of `--batch` fit together; ArgumentError where they do not."""
    if (args.out or args.keep) and not args.batch:
        raise cli.ArgumentError("--out and --keep belong to --batch IN")
    if args.batch and batch.is_stored(args.batch):
        batch.check(args.batch, args.out or "")
        return
    if args.batch and batch.is_stored(args.out or ""):
        raise cli.ArgumentError(
            f"--out {args.out} goes with --batch azureml:NAME:VERSION, a table that is there"
        )
    if args.batch and Path(args.out or "").suffix.lower() not in SCORED:
        raise cli.ArgumentError("--batch needs --out FILE, a .parquet or .csv file")
    if args.batch and not Path(args.batch).exists():
        raise cli.ArgumentError(f"--batch: there is no such file {Path(args.batch).absolute()}")


def score(context: cli.Context, model: Model) -> Scored | batch.ScoredThere:
    """Scores a table of any size with a model, in the order of its rows."""
    if batch.is_stored(context.args.batch):
        return batch.score(context, model)
    from amlkit.progress import Progress

    args, workspace, say = context.args, context.workspace, context.say
    source, target = Path(args.batch), Path(args.out)
    definition = serving.deployment_definition(
        context.settings, workspace, context.calls, model, dry_run=args.dry_run
    )
    if args.dry_run:
        say(f"would score {source} with {model.name}:{model.version} into {target}")
        return Scored(model, source, target, None)
    say(f"scoring {source} with {model.name}:{model.version}")
    replaced = target.exists()
    with Progress("score", table_size(source)) as progress:
        rows = workspace.endpoints.score(definition, source, target, args.keep, say, progress)
    return Scored(model, source, target, rows, replaced=replaced)
