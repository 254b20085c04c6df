"""The command line of a training job, as docs/contract.md of a repository has it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_arguments(
    settings: Mapping[str, Any], argv: list[str] | None
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The arguments, and the settings as `--settings` changes them; exits with 2 for wrong ones."""
    parser = argparse.ArgumentParser(prog="train", description="Train, measure and write a model.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of a data asset, or a table"
    )
    parser.add_argument("--target", help="column to predict (the asset's)")
    parser.add_argument("--settings", default="{}", help="JSON: `training` of config.yml")
    parser.add_argument(
        "--trial",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of a sweep's trial: each parameter of training.search",
    )
    parser.add_argument("--champion", type=Path, help="folder of the model to compare with")
    parser.add_argument("--champion-version", default="", help="its version, for the record")
    parser.add_argument("--outputs", type=Path, default=Path("outputs"))
    args = parser.parse_args(argv)
    try:
        told = {**settings, **json.loads(args.settings)}
    except (ValueError, TypeError) as error:
        parser.error(f"--settings is not a JSON object: {error}")
    if unknown := sorted(told.keys() - settings.keys()):
        parser.error(f"--settings: no setting {unknown[0]!r}; there are {', '.join(settings)}")
    if args.trial and not told.get("search"):
        parser.error("--trial comes with a `search` in --settings")
    return args, told
