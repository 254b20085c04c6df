"""Whether a yes to `bootstrap_azure` can be followed, and whether somebody typed it."""

from __future__ import annotations

import shutil
import sys
from typing import Any


def refusal(wanted: bool) -> str | None:
    """Return why nothing can be made in Azure from here, in one line, or None if it can."""
    # cruft renders stored answers, and nothing is made in Azure then.
    if not wanted or "cruft" in sys.modules or shutil.which("az"):
        return None
    return (
        "there is no `az` on PATH. Install the Azure CLI (https://aka.ms/installazurecli), or"
        " answer no and run `python infra/bootstrap.py apply` later."
    )


def typed(wanted: Any) -> str:
    """Return "yes" if a yes stands among cookiecutter's own arguments, else "no"."""
    given = any(argument.startswith("bootstrap_azure=") for argument in sys.argv[1:])
    return "yes" if wanted and given else "no"
