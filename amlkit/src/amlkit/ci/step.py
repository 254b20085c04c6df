"""Runs a driver as a step of a pipeline: keeps its answer, sets variables from it, hides secrets.

`python -m amlkit.ci.step --output version=model.version -- python src/deploy.py`
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlkit.ci import agent
from amlkit.redaction import without_secrets

SECRETS = ("SPN_PASSWORD", "SYSTEM_ACCESSTOKEN")
# What Azure Pipelines leaves in place of a variable that is not there.
UNSET = re.compile(r"\$\(([\w.]+)\)")


def main(argv: list[str] | None = None) -> int:
    """Runs the step; answers with the driver's exit code."""
    parser = arguments()
    args = parser.parse_args(argv)
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        parser.error("there is no command to run")
    unset = unset_variables(os.environ)  # the driver says whether it needs them
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    hide = hider(environ)
    print(agent.harmless(hide(f"$ {' '.join(command)}")), flush=True)
    try:
        code, answer = run([*command, "--json"], environ, hide)
    except KeyboardInterrupt:  # the run was canceled; the driver has heard of it too
        return 130
    except OSError as error:
        code, answer = 1, {"error": f"{command[0]} cannot be run: {error.strerror}"}
    args.results.mkdir(parents=True, exist_ok=True)
    driver = next((Path(word).stem for word in command if word.endswith(".py")), "step")
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    (args.results / f"{driver}.json").write_text(text + "\n", encoding="utf-8")
    if code:
        words = str(answer.get("error") or answer.get("reason") or f"exit code {code}")
        if unset:
            words += f" The variable group has no variable {', '.join(unset.values())}."
        agent.error(words)
    for name, key in args.variable:
        agent.set_variable(name, field(answer, key))
    for name, key in args.output:
        agent.set_variable(name, field(answer, key), output=True)
    return code


def arguments() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = argparse.ArgumentParser(
        prog="python -m amlkit.ci.step", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER")
    for flag, what in (("--variable", "a variable of this job"), ("--output", "an output")):
        parser.add_argument(
            flag,
            action="append",
            default=[],
            type=assignment,
            metavar="NAME=FIELD",
            help=f"set {what} to a field of the answer, such as version=model.version",
        )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the driver and its flags")
    return parser


def assignment(text: str) -> tuple[str, str]:
    """`NAME=FIELD`, taken apart."""
    name, equals, key = text.partition("=")
    if not (name and equals and key):
        raise ValueError(text)
    return name, key


def run(
    command: list[str], environ: Mapping[str, str], hide: Callable[[str], str]
) -> tuple[int, dict[str, Any]]:
    """Runs a driver, shows what it says; answers with its exit code and its JSON."""
    with tempfile.TemporaryFile() as file:  # a pipe would fill up while stderr is read
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        ) as process:
            for line in process.stderr or ():
                print(agent.harmless(hide(line)), end="", flush=True)
        file.seek(0)
        out = file.read().decode("utf-8", "replace")
    try:
        answer = json.loads(out)
    except ValueError:
        print(agent.harmless(hide(out)), end="", flush=True)
        return process.returncode or 1, {"error": f"{command[0]} answered with no JSON"}
    return process.returncode, cleaned(answer, hide)


def cleaned(value: Any, hide: Callable[[str], str]) -> Any:
    """A JSON value, its texts without secrets."""
    if isinstance(value, dict):
        return {key: cleaned(inside, hide) for key, inside in value.items()}
    if isinstance(value, list):
        return [cleaned(inside, hide) for inside in value]
    return hide(value) if isinstance(value, str) else value


def field(answer: Mapping[str, Any], key: str) -> str:
    """A field by its dotted key as a variable holds it; empty where there is none."""
    value: Any = answer
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def unset_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that were mapped from one that is not there, and what that is called."""
    from amlkit.settings import ENVIRONMENT_VARIABLES

    found = {name: UNSET.fullmatch(environ.get(name, "")) for name in ENVIRONMENT_VARIABLES}
    return {name: match[1] for name, match in found.items() if match}


def hider(environ: Mapping[str, str]) -> Callable[[str], str]:
    """What takes secrets out of a text: those of this step, and whatever looks like one."""
    secrets = [value for name in SECRETS if (value := environ.get(name))]

    def hide(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        return without_secrets(text)

    return hide


if __name__ == "__main__":
    sys.exit(main())
