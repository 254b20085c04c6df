"""What the template adds to Jinja: derived names, checks of the answers, quoting, and speed.

Cookiecutter loads `Template` from the `_extensions` of `cookiecutter.json`. Every filter takes one
value and no argument, so that `quick.py` can apply it without compiling anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

from local_extensions import bootstrap, names, quick, quoting, rules


def _refusing(answer: str) -> Callable[[Any], str]:
    """Return the filter that passes a good value of `answer` as "" and stops at a bad one."""

    def check(value: Any) -> str:
        reason = rules.refusal(answer, str(value))
        if reason:
            # The one exception that cookiecutter prints as a line of its own, with no traceback.
            raise FailedHookException(f"{answer}: {reason}")
        return ""

    return check


def _check_bootstrap_azure(value: Any) -> str:
    """Pass a no, and a yes that can be followed; stop at one that cannot."""
    reason = bootstrap.refusal(bool(value))
    if reason:
        raise FailedHookException(f"bootstrap_azure: {reason}")
    return ""


FILTERS: dict[str, Callable[[Any], str]] = {
    "slug_for": names.slug_for,
    "package_for": names.package_for,
    "resource_group_for": names.resource_group_for,
    "workspace_for": names.workspace_for,
    "endpoint_for": names.endpoint_for,
    "production_endpoint_for": names.production_endpoint_for,
    "service_principal_for": names.service_principal_for,
    "oneline": quoting.oneline,
    "oneline_escaped": quoting.oneline_escaped,
    "escaped": quoting.escaped,
    "markdown": quoting.markdown,
    "as_json": quoting.as_json,
    "spdx": quoting.spdx,
    "typed_bootstrap_azure": bootstrap.typed,
    "check_bootstrap_azure": _check_bootstrap_azure,
    **{f"check_{answer}": _refusing(answer) for answer in rules.CHECKED},
}


class Template(Extension):
    """Give an environment of cookiecutter the filters above and the shortcut of `quick.py`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(FILTERS)
        quick.install(environment, FILTERS)
        if "cruft" in sys.modules:
            # `cruft update` renders the old and the new template in one process: the new one must
            # not be handed the old one's modules.
            for module in [m for m in sys.modules if m.split(".")[0] == __name__]:
                del sys.modules[module]
