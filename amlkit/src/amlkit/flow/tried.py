"""The parameters that `training.search` tries, asked of the estimator before a job is made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from amlkit.content import canonical_name
from amlkit.interpreter import in_folder
from amlkit.lockfile import pins
from amlkit.settings import Settings

if TYPE_CHECKING:
    from amlkit.tabular.parameters import Told

# What the development environment is called, beside which the drivers' own may be another.
HOME = ".venv"
# Who calls all of these searches as amlkit does; another train.py has parameters of its own.
CALLS = (b"make_estimators(", b"build_pipeline(", b"best_of_trials(")
LIMIT = 60.0
"""How long the answer may take (s); the job says it in any case."""


def problem(settings: Settings, train: bytes, *, local: bool) -> str:
    """Why the estimator takes no such parameter, in a line; "" where it does or nothing tells.

    On Azure ML the drivers' environment has no estimators: the one of `make setup` is asked, where
    there is one, and believed where the job's lock has the same version of the estimator's package.

    Args:
        settings: of the training; a search is among them.
        train: the text of `train.py`.
        local: whether the job runs with what is installed here.
    """
    python = sys.executable if local else in_folder(settings.root / HOME)
    if not all(call in train for call in CALLS) or not Path(python).is_file():
        return ""
    if not local and settings.azure.environment.training_image:  # nobody knows what it holds
        return ""
    answer = _ask(settings, str(python))
    if answer is None or not (local or _as_locked(settings, answer["packages"])):
        return ""
    return answer["problem"]


def _ask(settings: Settings, python: str) -> Told | None:
    """What the interpreter says; None where it cannot say."""
    from amlkit.local.processes import inherited_variables, module_path

    training = settings.training
    asked = {
        "package": settings.project.package,
        "estimator": training.estimator,
        "parameters": training.parameters,
        "names": list(training.search),
    }
    try:
        done = subprocess.run(
            [python, "-P", "-m", "amlkit.tabular.parameters"],
            input=json.dumps(asked),
            cwd=settings.root,
            env=inherited_variables() | module_path(settings.root, settings.root / "src"),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT,
        )
        found: Told = json.loads(done.stdout)
    except (OSError, ValueError, TypeError, subprocess.TimeoutExpired):
        return None
    return found


def _as_locked(settings: Settings, packages: dict[str, str]) -> bool:
    """Whether the job will have the versions that were asked."""
    if not packages:
        return False
    try:
        locked = dict(pins(settings.root / settings.azure.environment.training_lock))
    except OSError:
        return False
    known = {canonical_name(name): version for name, version in locked.items()}
    return all(known.get(canonical_name(n)) == v for n, v in packages.items())
