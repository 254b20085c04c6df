"""What depends on how cookiecutter was called: a yes to Azure, and what `-s` keeps."""

from __future__ import annotations

import os
import shutil
import sys
from fnmatch import fnmatch
from typing import Any

import click  # comes with cookiecutter

# Absolute, since cookiecutter goes to another folder after it has imported this.
TEMPLATE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TEMPLATE, "{{cookiecutter.project_slug}}")


def refusal(wanted: bool) -> str | None:
    """Return why nothing can be made in Azure from here, in one line, or None if it can."""
    # cruft renders stored answers, and nothing is made in Azure then.
    if not wanted or "cruft" in sys.modules or shutil.which("az"):
        return None
    return (
        "there is no `az` on PATH. Install the Azure CLI (https://aka.ms/installazurecli), or"
        " answer no and run `python infra/bootstrap.py apply` later."
    )


def typed(wanted: Any) -> bool:
    """Tell whether a yes to `bootstrap_azure` stands among cookiecutter's own arguments."""
    return bool(wanted) and any(word.startswith("bootstrap_azure=") for word in sys.argv[1:])


def kept_by_skip(answers: dict[str, Any]) -> str:
    """Keep the user's files where `-s` was typed: return "", narrow `_copy_without_render`.

    Cookiecutter skips what it would render, and copies over what it would copy. So in an existing
    folder only what is not there yet counts as copied: the rest is "rendered", that is, skipped.
    """
    context = click.get_current_context(silent=True)
    flags = context.params if context else {}
    if flags.get("skip_if_file_exists"):
        project = os.path.join(flags["output_dir"], answers["project_slug"])
        missing = []
        for folder, _, files in os.walk(FOLDER):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), FOLDER)
                copied = any(fnmatch(path, mark) for mark in answers["_copy_without_render"])
                rendered = path.replace("{{cookiecutter.package_name}}", answers["package_name"])
                if copied and not os.path.exists(os.path.join(project, rendered)):
                    missing.append(path.replace("[", "[[]"))
        answers["_copy_without_render"] = missing
    return ""
