"""Registers a table as a data asset: looked through once, versioned by its content."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aml import driver


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
    return parser


def register(context: driver.Context) -> dict[str, Any]:
    """Hashes, profiles and registers the table."""
    from aml.content import file_hash, identity
    from aml.progress import Progress
    from aml.records import DataDefinition
    from aml.settings import SettingsError

    from {{ cookiecutter.package_name }}.table import TableError
    from {{ cookiecutter.package_name }}.table.profile import (
        Profile,
        check_target,
        infer_task,
        profile_table,
    )

    settings, platform, say = context.settings, context.platform, context.say
    data, training = settings.data, settings.training
    typed = settings.origin("data.path") == "--path"  # then it is meant from where the user stands
    path = Path(data.path) if typed else settings.root / data.path
    try:
        if not path.is_file():
            raise TableError(
                f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}"
            )
        with Progress("read", path.stat().st_size) as progress:
            sha256 = file_hash(path, progress)
        version = identity([sha256, data.target, data.types, data.missing_values])
        known = platform.find_data(data.name, version)
        if known:
            profile = Profile.from_dict(known.profile)
        else:
            extra = (
                {}
                if data.missing_values is None
                else {"missing_values": tuple(data.missing_values)}
            )
            with Progress("profile", path.stat().st_size) as progress:
                profile = profile_table(
                    path, data.target, types=data.types, progress=progress, **extra
                )
        task, why = infer_task(profile) if training.task == "auto" else (training.task, "as set")
        check_target(profile, task, training.min_class_rows)
    except TableError as error:
        origin = settings.origin("data.path")
        raise SettingsError(
            f"{error} (table from {origin}, target from {settings.origin('data.target')})"
        ) from None
    say(profile.to_text())
    say(f"task: {task} ({why})")
    record = {
        "name": data.name,
        "version": version,
        "rows": profile.rows,
        "target": data.target,
        "task": task,
    }
    if context.args.dry_run:
        say(f"would {'use' if known else 'register'} {data.name}:{version} on {platform.name}")
        return {"data": record | {"created": known is None}, "dry_run": True}
    definition = DataDefinition(
        data.name, path, data.target, version, {**profile.to_dict(), "sha256": sha256, "task": task}
    )
    with Progress("copy", path.stat().st_size) as progress:
        asset = platform.register_data(definition, progress)
    state = "known" if known else "registered"
    say(f"{state}: {asset.name}:{asset.version}, {asset.rows:,} rows, in {asset.source}")
    flags = " --local" if context.args.local else ""
    flags += f" --set data.name={data.name}" if settings.origin("data.name") == "--name" else ""
    say(f"next: python src/model.py{flags}")
    source = {"version": asset.version, "created": known is None, "source": asset.source}
    return {"data": record | source}


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    flags = {"path": "data.path", "target": "data.target", "name": "data.name"}
    return driver.main(arguments(), register, flags, argv)


if __name__ == "__main__":
    sys.exit(main())
