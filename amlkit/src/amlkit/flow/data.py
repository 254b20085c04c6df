"""The data step: a table becomes a data asset, looked through once, versioned by its content."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlkit import cli, content
from amlkit.calls import Calls
from amlkit.progress import Progress
from amlkit.records import DataDefinition, WorkError
from amlkit.tabular.parts import KNOWLEDGE, table_size

if TYPE_CHECKING:
    from amlkit.records import DataAsset
    from amlkit.settings import Settings
    from amlkit.tabular.table.profile import Profile
    from amlkit.workspace import Workspace

# The flags of this driver that set a setting of the same name.
FLAGS = ("path", "target", "name")
# The settings that a data asset's version is made of.
TABLE = ("data.path", "data.target", "data.types", "data.missing_values")


@dataclass(frozen=True)
class Registered:
    """What became of a table."""

    name: str
    version: str
    rows: int
    target: str
    task: str | None
    """None: not told anew, for a table that is known where it lies."""
    created: bool
    source: str = ""
    number: str = ""
    dry_run: bool = False
    next: str = ""
    """What a person types to go on."""
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Lines for a person; a dry run has said what would be done."""
        if self.dry_run:
            return ()
        number = f", version {self.number} of the Dataset" if self.number else ""
        state = "registered" if self.created else "known"
        known = f"{state}: {self.name}:{self.version}{number}, {self.rows:,} rows, in {self.source}"
        return (known, f"next: {self.next}")

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        data: dict[str, Any] = {"name": self.name, "version": self.version, "rows": self.rows}
        data |= {"target": self.target, "task": self.task, "created": self.created}
        if self.dry_run:
            return {"data": data, "dry_run": True}
        return {"data": data | {"source": self.source, "number": self.number or None}}


def arguments() -> cli.Parser:
    """The driver's flags."""
    parser = cli.parser(
        "Register a table as a data asset: CSV, JSON lines (both packed or not), Parquet, a "
        "folder of Parquet parts, or one with a file MLTable. Its version comes from its content.",
        """python src/data.py --local
        python src/data.py --local --path customers.csv --target churned""",
    )
    parser.add_argument(
        "--path", metavar="PATH", help="the table (default: data.path in config.yml)"
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="the column to predict (default: data.target)"
    )
    parser.add_argument("--name", metavar="NAME", help="the data asset's name (default: data.name)")
    stored = parser.add_argument_group("a table that lies in the workspace's storage already")
    stored.add_argument("--datastore", metavar="NAME", help="the datastore that holds it")
    stored.add_argument(
        "--datastore-path", metavar="PATH", help="where it lies there; nothing is uploaded"
    )
    return parser


def run(context: cli.Context) -> Registered:
    """Registers a table of this machine, or one that lies in a datastore."""
    args = context.args
    if (args.datastore is None) != (args.datastore_path is None):
        raise cli.ArgumentError("--datastore NAME and --datastore-path PATH go together")
    if args.datastore is None:
        return register(context)
    asked = context.settings.origin("data.path")
    if asked.startswith("--"):
        raise cli.ArgumentError(f"{asked} and --datastore-path: a table has one place")
    return register_stored(context)


@dataclass(frozen=True)
class Table:
    """The table that the settings name, hashed."""

    path: Path
    hashes: Mapping[str, str]
    """SHA-256 of each of its files, by their names beside it."""
    version: str
    """Of the data asset that it is, read as the settings say."""


def read_table(settings: Settings) -> Table:
    """Hashes the table of the settings.

    Raises:
        SettingsError: there is no such table, or it is of another kind than those that are read.
    """
    from amlkit.settings import SettingsError
    from amlkit.tabular.table import TableError, file_kind

    data, origin = settings.data, settings.origin("data.path")
    typed = origin == "--path"  # then it is meant from where the user stands
    path = Path(data.path).absolute() if typed else settings.root / data.path
    path = path.resolve() if path.is_dir() else path  # "." has no name
    try:
        kind = file_kind(path)
    except TableError as error:
        raise SettingsError(f"{error} (table from {origin})") from None
    if kind == "mltable":
        _check_beside([each.name for each in path.iterdir()], origin)
    elif path.name.lower() in KNOWLEDGE:
        raise SettingsError(
            f"{path.name}: a data asset keeps what is known of its table in a file of that name; "
            f"rename the table (table from {origin})"
        )
    with Progress("read", table_size(path)) as progress:
        hashes = content.table_hashes(path, progress)
    how = [data.target.strip(), data.types, data.missing_values]
    return Table(path, hashes, content.identity([content.table_hash(hashes), *how]))


def _check_beside(names: Collection[str], origin: str) -> None:
    """Raises `SettingsError` for files beside an MLTable where those of an asset belong.

    Windows and macOS do not tell Schema.json from schema.json.
    """
    from amlkit.settings import SettingsError

    if own := sorted(name for name in names if name.lower() in KNOWLEDGE):
        raise SettingsError(
            f"{own[0]} lies beside MLTable, where a data asset keeps what is known of its table; "
            f"rename it, or put it into a folder (table from {origin})"
        )


def register(context: cli.Context) -> Registered:
    """Hashes, profiles and registers the table of the settings.

    Raises:
        SettingsError: there is no such table, or it will not do.
    """
    from amlkit.tabular.table.profile import Profile

    settings, workspace = context.settings, context.workspace
    name, table = settings.data.name, read_table(settings)
    known = workspace.data.get(name, table.version)
    stored = Profile.from_dict(workspace.data.profile(known)) if known else None
    profile, task = look_through(context, table.path, settings.origin("data.path"), stored)
    size = table_size(table.path)
    if context.args.dry_run:
        sent = "" if known else f" ({size:,} bytes are copied there)"
        verb = "use" if known else "register"
        context.say(f"would {verb} {name}:{table.version} on {workspace.name}{sent}")
        return _would(context, table.version, profile.rows, task, created=known is None)
    facts = {**profile.to_dict(), "sha256": content.table_hash(table.hashes), "task": task}
    target = profile.schema.target
    definition = DataDefinition(name, table.path, table.hashes, target, table.version, facts)
    with Progress("copy", size) as progress:
        asset = workspace.data.create(definition, progress)
    return _done(context, asset, task, created=known is None)


def register_stored(context: cli.Context) -> Registered:
    """Registers a table where it lies; it is read once, to look through it."""
    from amlkit.settings import SettingsError

    args, workspace, settings = context.args, context.workspace, context.settings
    data = settings.data
    for key in ("types", "missing_values"):
        if getattr(data, key):
            raise SettingsError(
                f"{settings.origin('data.' + key)}: data.{key} is kept beside a table, "
                "where --datastore-path writes nothing; empty it, or upload the table with --path"
            )
    stored = workspace.data.find_stored(args.datastore, args.datastore_path)
    origin = f"--datastore-path, {stored.path} in {stored.datastore}"
    if stored.type == "mltable":
        names = [name.removeprefix(f"{stored.path}/") for name in stored.files]
        _check_beside(names, origin)
    target = data.target.strip()
    version = content.identity([stored.datastore, stored.path, stored.content, target])
    known = workspace.data.get(data.name, version)
    if known:
        context.say(f"{stored.path} in datastore {stored.datastore} has not changed")
        if args.dry_run:
            return _would(context, version, known.rows, None, created=False)
        if not _is_current(workspace, known):
            known = workspace.data.create_stored(
                stored, data.name, version, known.target, known.rows
            )
        return _done(context, known, None, created=False)
    with tempfile.TemporaryDirectory() as folder:
        with Progress("fetch", stored.size) as progress:
            path = workspace.data.download_stored(stored, Path(folder), progress)
        profile, task = look_through(context, path, origin, None)
    if args.dry_run:
        context.say(f"would register {data.name}:{version} on {workspace.name}, where it lies")
        return _would(context, version, profile.rows, task, created=True)
    target = profile.schema.target
    asset = workspace.data.create_stored(stored, data.name, version, target, profile.rows)
    return _done(context, asset, task, created=True)


def _is_current(workspace: Workspace, asset: DataAsset) -> bool:
    """Whether a training takes this asset, and none that was registered since."""
    try:
        current = workspace.data.get(asset.name)
    except WorkError:  # somebody else's
        return False
    return current is not None and current.version == asset.version


def look_through(
    context: cli.Context, path: Path, origin: str, known: Profile | None
) -> tuple[Profile, str]:
    """The table's profile and task, shown; a table that will not do is refused."""
    from amlkit.settings import SettingsError
    from amlkit.tabular.table import TableError
    from amlkit.tabular.table.profile import check_target, infer_task, profile_table

    settings = context.settings
    data, training = settings.data, settings.training
    words = data.missing_values
    extra = {} if words is None else {"missing_values": tuple(words)}
    try:
        profile = known
        if profile is None:
            with Progress("profile", table_size(path)) as progress:
                profile = profile_table(
                    path, data.target, types=data.types, progress=progress, **extra
                )
        task, why = infer_task(profile) if training.task == "auto" else (training.task, "as set")
        check_target(profile, task, training.min_class_rows, training.rare_classes)
    except TableError as error:
        target = settings.origin("data.target")
        raise SettingsError(f"{error} (table from {origin}, target from {target})") from None
    if data.print_profile:
        context.say(profile.to_text())
    context.say(f"task: {task} ({why})")
    return profile, task


def _would(
    context: cli.Context, version: str, rows: int, task: str | None, *, created: bool
) -> Registered:
    """The result of a dry run."""
    data = context.settings.data
    return Registered(data.name, version, rows, data.target, task, created, dry_run=True)


def _done(context: cli.Context, asset: DataAsset, task: str | None, *, created: bool) -> Registered:
    """The result of a registration."""
    return Registered(
        asset.name,
        asset.version,
        asset.rows,
        asset.target,
        task,
        created,
        asset.source,
        asset.number,
        next=context.command("model", *_as_settings(context)),
    )


def _as_settings(context: cli.Context) -> tuple[str, ...]:
    """What was given by flags of this driver alone, as `--set`: `model.py` finds its table by it.

    By its name it finds the newest; where the line names more of the table, by all of it.
    """
    settings = context.settings
    data, given = settings.data, [k for k in FLAGS if settings.origin(f"data.{k}") == f"--{k}"]
    if not asked_for(settings):
        given = [key for key in given if key == "name"]
    values = {"name": data.name, "target": data.target, "path": str(Path(data.path).resolve())}
    return tuple(word for key in given for word in cli.setting(f"data.{key}", values[key]))


def asked_for(settings: Settings) -> dict[str, str]:
    """The settings by which a call's `--set` names a table beside its asset's name: key → flag."""
    return {
        key: origin
        for key, origin in settings.origins.items()
        if key.startswith(TABLE) and origin.startswith("--set")
    }


def main(driver: str, calls: Calls | None = None, argv: Sequence[str] | None = None) -> int:
    """Runs `src/data.py`, whose path `driver` is; returns its exit code."""
    flags = {key: f"data.{key}" for key in FLAGS}
    return cli.main(driver, arguments(), run, calls, flags=flags, argv=argv)
