"""What the template adds to Jinja: derived names, checks of the answers, quoting.

Cookiecutter loads `Template` from the `_extensions` of `cookiecutter.json`.
"""

from __future__ import annotations

import gc
import re
import sys
from typing import Any

import click  # comes with cookiecutter
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

from local_extensions import command, names, quoting, rules

# The Jinja of cookiecutter.json, of file names and of the hook. Any other is in an answer.
OURS = re.compile(r"\{\{ ?cookiecutter[^{}]*\}\}")
FOLDER = "{{cookiecutter.project_slug}}"
DELIMITER = re.compile(r"\{[{%#]")


@pass_context
def check(jinja: Context, value: Any, answer: str) -> str:
    """Pass a good value of `answer` as "", stop at a bad one.

    Raises:
        FailedHookException: what cookiecutter prints, with no traceback: why, and where answers
            were typed before it, the line that repeats them.
    """
    if answer == "bootstrap_azure":
        reason = command.refusal(bool(value))
    elif answer == "training_pipeline":
        reason = rules.pipeline_refusal(bool(value), jinja["cookiecutter"]["azureml_sdk"])
    else:
        reason = rules.refusal(answer, str(value))
    if reason:
        again = command.again(jinja["cookiecutter"], answer, jinja.environment)
        raise FailedHookException(f"{answer}: {reason}{again}")
    return ""


@pass_context
def check_all(jinja: Context, answers: Any) -> str:
    """Check each answer once more: those of a replay file were asked of nobody.

    Raises:
        FailedHookException: as `check` does.
    """
    for answer in (*rules.CHECKED, "training_pipeline"):
        check(jinja, answers[answer], answer)
    return ""


class Template(Extension):
    """Give an environment of cookiecutter our filters."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if click.get_current_context(silent=True):
            # A command, not a program that goes on: all that was imported lives to its end. To look
            # for garbage in it again and again, at last when Python exits, takes 30 ms.
            gc.freeze()
        ours = (names, quoting)
        environment.filters.update({name: getattr(of, name) for of in ours for name in of.__all__})
        environment.filters.update(
            check=check,
            check_all=check_all,
            typed=command.typed,
            mark_unless=command.mark_unless,
            kept_by_skip=command.kept_by_skip,
            unchosen=command.unchosen,
        )
        if "cruft" in sys.modules:
            # `cruft update` renders the old and the new template in one process: the new one must
            # not be handed the old one's modules.
            for module in [m for m in sys.modules if m.split(".")[0] == __name__]:
                del sys.modules[module]

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Take Jinja in an answer as text: cookiecutter renders what is given as an argument.

        Files have a name, and are left to Jinja but for what GitHub Actions evaluates, `${{ … }}`;
        answers have none, nor has the folder's name, which is rendered before anything is made.
        """
        if source == FOLDER:
            return "{{ cookiecutter | check_all }}" + source
        if name is not None and "${{" in source:
            return source.replace("${{", "${{ '{{' }}")
        if name is None and DELIMITER.search(OURS.sub("", source)):
            return "{{ " + ascii(source) + " }}"
        return source
