"""Registers a table as a data asset: looked through once, versioned by its content."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlkit import cli as driver

if TYPE_CHECKING:
    from amlkit.records import DataAsset
    from amlkit.tabular.table.profile import Profile


def arguments() -> driver.Parser:
    """The driver's flags."""
    parser = driver.parser(
        "Register a table (CSV or Parquet) as a data asset. Its version comes from its content.",
        """python src/data.py --local
        python src/data.py --local --path customers.csv --target churned""",
    )
    parser.add_argument(
        "--path", metavar="FILE", help="the table (default: data.path in config.yml)"
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


def run(context: driver.Context) -> dict[str, Any]:
    """Registers a table of this machine, or one that lies in a datastore."""
    args = context.args
    if (args.datastore is None) != (args.datastore_path is None):
        raise driver.ArgumentError("--datastore NAME and --datastore-path PATH go together")
    if args.datastore is None:
        return register(context)
    if args.path is not None:
        raise driver.ArgumentError("--path and --datastore-path: a table has one place")
    return register_stored(context)


def register(context: driver.Context) -> dict[str, Any]:
    """Hashes, profiles and registers the table."""
    from amlkit.content import file_hash, identity
    from amlkit.progress import Progress
    from amlkit.records import DataDefinition
    from amlkit.settings import SettingsError
    from amlkit.tabular.table.profile import Profile

    settings, platform, say = context.settings, context.platform, context.say
    data = settings.data
    typed = settings.origin("data.path") == "--path"  # then it is meant from where the user stands
    path = Path(data.path) if typed else settings.root / data.path
    origin = settings.origin("data.path")
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise SettingsError(f"{path}: {what} (table from {origin})")
    with Progress("read", path.stat().st_size) as progress:
        sha256 = file_hash(path, progress)
    version = identity([sha256, data.target, data.types, data.missing_values])
    known = platform.find_data(data.name, version)
    stored = Profile.from_dict(platform.read_profile(known)) if known else None
    profile, task = look_through(context, path, origin, stored)
    if context.args.dry_run:
        sent = "" if known else f" ({path.stat().st_size:,} bytes are copied there)"
        say(
            f"would {'use' if known else 'register'} {data.name}:{version} on {platform.name}{sent}"
        )
        created = known is None
        return record(context, version, profile.rows, task, created) | {"dry_run": True}
    definition = DataDefinition(
        data.name, path, data.target, version, {**profile.to_dict(), "sha256": sha256, "task": task}
    )
    with Progress("copy", path.stat().st_size) as progress:
        asset = platform.register_data(definition, progress)
    return conclude(context, asset, task, known is None)


def register_stored(context: driver.Context) -> dict[str, Any]:
    """Registers a table where it lies; it is read once, to look through it."""
    import tempfile

    from amlkit.content import identity
    from amlkit.progress import Progress
    from amlkit.settings import SettingsError

    args, platform, say = context.args, context.platform, context.say
    data = context.settings.data
    for key in ("types", "missing_values"):
        if getattr(data, key):
            raise SettingsError(
                f"{context.settings.origin('data.' + key)}: data.{key} is kept beside a table, "
                "where --datastore-path writes nothing; empty it, or upload the table with --path"
            )
    stored = platform.find_stored(args.datastore, args.datastore_path)
    version = identity([stored.datastore, stored.path, stored.content, data.target])
    known = platform.find_data(data.name, version)
    if known:
        say(f"{stored.path} in datastore {stored.datastore} has not changed")
        if args.dry_run:
            return record(context, version, known.rows, None, False) | {"dry_run": True}
        return conclude(context, known, None, False)
    with tempfile.TemporaryDirectory() as folder:
        with Progress("fetch", stored.size) as progress:
            path = platform.fetch_stored(stored, Path(folder), progress)
        origin = f"--datastore-path, {stored.path} in {stored.datastore}"
        profile, task = look_through(context, path, origin, None)
    if args.dry_run:
        say(f"would register {data.name}:{version} on {platform.name}, where it lies")
        return record(context, version, profile.rows, task, True) | {"dry_run": True}
    asset = platform.register_stored(stored, data.name, version, data.target, profile.rows)
    return conclude(context, asset, task, True)


def look_through(
    context: driver.Context, path: Path, origin: str, known: Profile | None
) -> tuple[Profile, str]:
    """The table's profile and task, shown; a table that will not do is refused."""
    from amlkit.progress import Progress
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
            with Progress("profile", path.stat().st_size) as progress:
                profile = profile_table(
                    path, data.target, types=data.types, progress=progress, **extra
                )
        task, why = infer_task(profile) if training.task == "auto" else (training.task, "as set")
        check_target(profile, task, training.min_class_rows)
    except TableError as error:
        target = settings.origin("data.target")
        raise SettingsError(f"{error} (table from {origin}, target from {target})") from None
    if data.print_profile:
        context.say(profile.to_text())
    context.say(f"task: {task} ({why})")
    return profile, task


def conclude(
    context: driver.Context, asset: DataAsset, task: str | None, created: bool
) -> dict[str, Any]:
    """Says what is registered, and what comes next."""
    settings, say = context.settings, context.say
    number = f", version {asset.number} of the Dataset" if asset.number else ""
    state = "registered" if created else "known"
    say(f"{state}: {asset.name}:{asset.version}{number}, {asset.rows:,} rows, in {asset.source}")
    flags = " --local" if context.args.local else ""
    flags += f" --set data.name={asset.name}" if settings.origin("data.name") == "--name" else ""
    say(f"next: python src/model.py{flags}")
    done = record(context, asset.version, asset.rows, task, created)
    done["data"] |= {"source": asset.source, "number": asset.number or None}
    return done


def record(
    context: driver.Context, version: str, rows: int, task: str | None, created: bool
) -> dict[str, Any]:
    """What is reported of a data asset."""
    data = context.settings.data
    known = {"name": data.name, "version": version, "rows": rows, "target": data.target}
    return {"data": known | {"task": task, "created": created}}


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    flags = {"path": "data.path", "target": "data.target", "name": "data.name"}
    return driver.main(arguments(), run, flags, argv)


if __name__ == "__main__":
    sys.exit(main())
