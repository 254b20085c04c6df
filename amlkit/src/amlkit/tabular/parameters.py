"""Whether the estimator of a search takes what is tried: asked before there is a job.

`python -m amlkit.tabular.parameters` is told on stdin, and answers on stdout, in JSON: `Asked` and
`Told`. It imports the owner's package as the job would, which the driver's own process must not.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib import import_module, metadata
from typing import TypedDict

from amlkit.say import say


class Asked(TypedDict):
    """What config.yml says, and the package whose `features.py` puts an estimator to use."""

    package: str
    estimator: str
    parameters: dict[str, object]
    names: list[str]
    """The parameters that are tried."""


class Told(TypedDict):
    """What is wrong, in a line; "" where nothing is. And whose estimator it is."""

    problem: str
    packages: dict[str, str]
    """Versions of the estimator's package, by distribution; the owner's own code has none."""


def told(asked: Asked) -> Told:
    """What `amlkit.tabular.search` would say of the names, of an estimator made in the same way."""
    from amlkit.tabular.auto import estimator_of
    from amlkit.tabular.estimators import make_named, names_problem
    from amlkit.tabular.table import TableError

    try:
        made = make_named(asked["estimator"], asked["parameters"])
    except TableError as error:
        if isinstance(error.__cause__, ImportError):  # it may well be where the job runs
            return Told(problem="", packages={})
        return Told(problem=str(error), packages=_packages(asked["estimator"]))
    features = import_module(f"{asked['package']}.features")
    used = estimator_of(features.build_pipeline([], made))
    packages = _packages(asked["estimator"], type(used).__module__)
    return Told(problem=names_problem(used, asked["names"]), packages=packages)


def _packages(*modules: str) -> dict[str, str]:
    """The distributions that modules come with, and their versions."""
    known = metadata.packages_distributions()
    names = (name for module in modules for name in known.get(module.partition(".")[0], ()))
    return {name: metadata.version(name) for name in names}


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # what the owner's modules print
        answer = told(json.load(sys.stdin))
    say(json.dumps(answer))
