"""A table in a datastore scored there: `src/deploy.py --batch azureml:NAME:VERSION`."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlkit import cli
from amlkit.flow import serving
from amlkit.progress import Progress
from amlkit.records import Model, StoredData, WorkError
from amlkit.settings import SettingsError
from amlkit.tabular.parts import SCORED

PLACE = re.compile(r"azureml://datastores/[A-Za-z0-9_]+/paths/.+")
ASSET = re.compile(r"azureml:(?P<name>[^:@/]+)(?:[:@](?P<version>[^:@/]+))?")


@dataclass(frozen=True)
class ScoredThere:
    """A table that was scored where it lies."""

    model: Model
    source: str
    target: str
    files: tuple[str, ...] = ()
    """Addresses of the answers, in the order of the rows."""
    rows: int | None = None
    """None: they stay there, and were not counted."""
    dry_run: bool = False
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Lines for a person."""
        if self.dry_run:
            return (f"would score {self.source} by a batch endpoint into {self.target}",)
        if self.rows is not None:
            return (f"{self.rows:,} rows scored into {self.target}",)
        count = len(self.files)
        return (f"scored into {self.target}: {count} file{'s' if count > 1 else ''}",)

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        batch: dict[str, Any] = {"input": self.source, "output": self.target}
        done = {"model": {"name": self.model.name, "version": self.model.version}, "batch": batch}
        if self.dry_run:
            return done | {"dry_run": True}
        batch["files"] = list(self.files)
        if self.rows is not None:
            batch["rows"] = self.rows
        return done


def is_stored(text: str) -> bool:
    """Whether `--batch` or `--out` names something in Azure ML rather than a file here."""
    return text.startswith("azureml:")


def check(source: str, target: str) -> None:
    """Whether source and target will do; ArgumentError where they do not."""
    if not (PLACE.fullmatch(source) or ASSET.fullmatch(source)):
        raise cli.ArgumentError(
            f"--batch {source}: name a data asset, azureml:NAME:VERSION, or a place, "
            "azureml://datastores/D/paths/P"
        )
    if is_stored(target) and not PLACE.fullmatch(target):
        raise cli.ArgumentError(f"--out {target}: name a folder, azureml://datastores/D/paths/P")
    if not is_stored(target) and Path(target).suffix.lower() not in SCORED:
        raise cli.ArgumentError("--batch needs --out: azureml://… or a .parquet or .csv file")


def score(context: cli.Context, model: Model) -> ScoredThere:
    """Scores a table in a datastore by a batch endpoint; a file here gets the answers, if asked.

    Raises:
        SettingsError: there is no such table, or there are no batch endpoints here.
        WorkError: the job failed.
    """
    args, workspace, settings = context.args, context.workspace, context.settings
    source, there = _address(context, args.batch), is_stored(args.out)
    if args.dry_run:
        return ScoredThere(model, source, args.out, dry_run=True)
    definition = serving.deployment_definition(settings, workspace, context.calls, model)
    own = (definition.code / definition.package / "batch.py").is_file()
    suffix = (".csv" if own else ".parquet") if there else Path(args.out).suffix.lower()
    context.say(f"scoring {source} with {model.name}:{model.version}")
    store, paths = workspace.endpoints.score_stored(
        definition, source, args.out if there else "", args.keep, suffix, context.say
    )
    files = tuple(f"azureml://datastores/{store}/paths/{path}" for path in paths)
    if there:
        return ScoredThere(model, source, args.out, files)
    rows = _fetched(context, store, paths, Path(args.out))
    return ScoredThere(model, source, args.out, files, rows)


def _address(context: cli.Context, text: str) -> str:
    """Where the table lies.

    Raises:
        SettingsError: there is no such data asset.
    """
    if PLACE.fullmatch(text):
        return text
    found = ASSET.fullmatch(text)
    name, version = (found["name"], found["version"]) if found else (text, None)
    asset = context.workspace.data.get(name, None if version in (None, "latest") else version)
    if asset is None:
        raise SettingsError(
            f"--batch {text}: there is no such data asset on {context.workspace.name}"
        )
    return asset.source


def _fetched(context: cli.Context, store: str, paths: Sequence[str], target: Path) -> int:
    """Writes the answers into one file here, whole or not at all; returns their rows."""
    folder = paths[0].rpartition("/")[0]
    stored = StoredData(store, folder, tuple(paths), 0, "")
    with tempfile.TemporaryDirectory() as home, Progress("download", 0) as progress:
        here = context.workspace.data.download_stored(stored, Path(home), progress)
        parts = [here / path.rpartition("/")[2] for path in paths]
        missing = [part.name for part in parts if not part.is_file()]
        if missing:
            raise WorkError(f"the batch job left no answers for {', '.join(missing[:5])}")
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f".{target.name}.half")
        try:
            rows = joined(parts, half)
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
    return rows


def joined(parts: Sequence[Path], target: Path) -> int:
    """Writes tables of the same columns into one, one after the other; returns its rows."""
    if parts[0].suffix == ".csv":
        return _joined_csv(parts, target)
    import pyarrow.parquet as pq

    rows, first = 0, pq.ParquetFile(parts[0])
    with pq.ParquetWriter(target, first.schema_arrow, compression="zstd") as writer:
        for part in parts:
            with pq.ParquetFile(part) as file:
                rows += file.metadata.num_rows
                for batch in file.iter_batches():
                    writer.write_batch(batch.cast(first.schema_arrow))
    first.close()
    return rows


def _joined_csv(parts: Sequence[Path], target: Path) -> int:
    if len(parts) == 1:
        shutil.copyfile(parts[0], target)
        with target.open(newline="", encoding="utf-8") as file:
            return sum(1 for _ in csv.reader(file)) - 1
    rows = 0
    with target.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        for number, part in enumerate(parts):
            with part.open(newline="", encoding="utf-8") as file:
                lines = csv.reader(file)
                header = next(lines)
                if number == 0:
                    writer.writerow(header)
                for line in lines:
                    writer.writerow(line)
                    rows += 1
    return rows
