"""What every command of the bootstrap works with."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from amlkit.cli import ArgumentError
from amlkit.provision.az import Az
from amlkit.provision.names import Names, names_of
from amlkit.provision.plan import check, make_plan
from amlkit.provision.records import Refused, Step
from amlkit.provision.state import State
from amlkit.provision.survey import Reader
from amlkit.provision.waits import Say
from amlkit.settings import Settings


@dataclass
class Context:
    """The settings, the plan that follows from them, and the means to work on it."""

    args: argparse.Namespace
    settings: Settings
    names: Names
    plan: list[Step]
    az: Az
    reader: Reader
    state: State
    say: Say

    @property
    def steps(self) -> list[Step]:
        """The steps that are not left alone."""
        return [step for step in self.plan if step.mode != "skip"]

    @property
    def facts(self) -> dict[str, str]:
        """What is known before anything is looked at."""
        given = self.settings.azure.client_id
        return {**self.state.facts, **({"client_id": given} if given else {})}


def open_context(args: argparse.Namespace, settings: Settings) -> Context:
    """The context of one call.

    Raises:
        SettingsError: config.yml asks for what cannot be.
        ArgumentError: there is no file to upload.
    """
    out = sys.stderr if args.json else sys.stdout

    def say(line: str) -> None:
        print(line, file=out, flush=True)

    data = getattr(args, "data", None)
    if data and not data.is_file():
        raise ArgumentError(f"--data {data}: there is no such file")
    check(settings)
    names = names_of(settings)
    state = State.of(settings.root, names)
    plan = make_plan(settings, names, state, data)
    az = Az(say, subscription=settings.azure.subscription_id)
    return Context(args, settings, names, plan, az, Reader(az), state, say)


def agreed(question: str, answer: str, context: Context) -> bool:
    """Asks on the terminal; true for the answer that is waited for.

    Raises:
        Refused: there is nobody to ask.
    """
    if context.args.yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on: add --yes to go on unasked", code=2)
    print(question, end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == answer.lower()
