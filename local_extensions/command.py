"""What depends on how cookiecutter was called: a yes to Azure, what `-s` keeps, how to go on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from fnmatch import fnmatch
from typing import Any

import click  # comes with cookiecutter
from jinja2 import Environment

# Absolute, since cookiecutter goes to another folder after it has imported this.
TEMPLATE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TEMPLATE, "{{cookiecutter.project_slug}}")
# The files of each `ci_provider`: folders, or single files.
PROVIDERS = {
    "azure-pipelines": ("azure-pipelines.yml", "pipelines", "docs/pipelines.md"),
    "github-actions": (".github", "docs/pipelines.github.md"),
}
# Each `azureml_sdk`, and the derived answer that ends the names of files which are of it alone.
SDKS = {"v1": "__v1", "v2": "__v2"}
# The derived answers that end the names of files which are there under a condition.
CONDITIONS = (*SDKS.values(), "__pipeline")
UNCHOSEN = ".unchosen"
# What of them stood in the user's folder before anything was rendered.
_stood_before: set[str] = set()


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


def mark_unless(chosen: str, sdk: str) -> str:
    """Return what ends the name of a file of `sdk`: nothing if it is chosen, else a mark."""
    return "" if chosen == sdk else UNCHOSEN


def kept_by_skip(answers: dict[str, Any]) -> str:
    """Keep the user's files where `-s` was typed: return "", narrow `_copy_without_render`.

    Cookiecutter skips what it would render, and copies over what it would copy. So in an existing
    folder only what is not there yet counts as copied: the rest is "rendered", that is, skipped.
    """
    context = click.get_current_context(silent=True)
    flags = context.params if context else {}
    project = os.path.join(flags.get("output_dir") or ".", answers["project_slug"])
    skip = bool(flags.get("skip_if_file_exists"))
    _stood_before.clear()
    for path in (path for provider in PROVIDERS for path in _files_of(provider)):
        # Without -s the page on the pipelines is written anew, for either of them.
        if flags and os.path.exists(os.path.join(project, path)) and (skip or path[:5] != "docs/"):
            _stood_before.add(path)
    if skip:
        missing = []
        for folder, _, files in os.walk(FOLDER):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), FOLDER)
                copied = any(fnmatch(path, mark) for mark in answers["_copy_without_render"])
                rendered = path
                for answer in ("package_name", *CONDITIONS):
                    rendered = rendered.replace(f"{{{{cookiecutter.{answer}}}}}", answers[answer])
                if copied and not os.path.exists(os.path.join(project, rendered)):
                    missing.append(path.replace("[", "[[]"))
        answers["_copy_without_render"] = missing
    return ""


def unchosen(answers: dict[str, Any]) -> str:
    """Return the paths, one a line, that were rendered for what was not chosen.

    What the user had there before is theirs, and not among them.
    """
    chosen = answers["ci_provider"]
    other = [path for name in PROVIDERS if name != chosen for path in _files_of(name)]
    for answer in CONDITIONS:
        mark = f"{{{{cookiecutter.{answer}}}}}"
        if answers[answer] == UNCHOSEN:
            paths = (path for path in _files_below(".") if mark in path)
            other += [_in(answers, path.replace(mark, UNCHOSEN)) for path in paths]
    return "\n".join(path for path in other if path not in _stood_before)


def _in(answers: dict[str, Any], path: str) -> str:
    """Return the path of a file of the package as it is rendered."""
    return path.replace("{{cookiecutter.package_name}}", answers["package_name"])


def _files_of(provider: str) -> list[str]:
    """Name the template's files of a provider, from its root, with forward slashes."""
    found = []
    for name in PROVIDERS[provider]:
        single = os.path.isfile(os.path.join(FOLDER, name))
        found += [name] if single else _files_below(name)
    return found


def _files_below(folder: str) -> list[str]:
    """Name the template's files below a folder, from its root, with forward slashes."""
    found = []
    for at, _, files in os.walk(os.path.join(FOLDER, folder)):
        paths = (os.path.relpath(os.path.join(at, name), FOLDER) for name in files)
        found += [path.replace(os.sep, "/") for path in paths]
    return found


def again(answers: dict[str, Any], wrong: str, environment: Environment) -> str:
    """Return the line that asks again, with what was typed before a wrong answer filled in.

    It is empty where nothing was asked: the command line holds all answers then.
    """
    context = click.get_current_context(silent=True)
    flags = context.params if context else {}
    if context is None or flags.get("no_input") or flags.get("replay") or "cruft" in sys.modules:
        return ""
    with open(os.path.join(TEMPLATE, "cookiecutter.json"), encoding="utf-8") as file:
        questions = json.load(file)
    typed_before = {}
    for name, default in questions.items():
        if name == wrong:
            break
        usual = environment.from_string(str(default)).render(cookiecutter=answers)
        if not name.startswith("_") and answers[name] != usual:
            typed_before[name] = answers[name]
    words = [word for word in sys.argv[1:] if word.split("=")[0] not in {*typed_before, wrong}]
    words += [f"{name}={value}" for name, value in typed_before.items()]
    line = f"{context.find_root().command_path} {' '.join(map(_as_typed, words))}"
    return f"\nAsked again, the answers before it filled in:  {line}"


def _as_typed(word: str) -> str:
    """Return a word as the shell takes it; on Windows as cmd and PowerShell both do."""
    from shlex import quote

    if os.name != "nt":
        return quote(word)
    plain = word and all(letter.isalnum() or letter in "_-./\\:=,+@" for letter in word)
    return word if plain else '"' + word.replace('"', '""') + '"'
