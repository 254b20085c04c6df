"""The environment builder: makes the environment of the lock, and checks what is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from amlkit import cli as driver

if TYPE_CHECKING:
    from amlkit.records import EnvironmentDefinition


def arguments() -> driver.Parser:
    """The driver's flags."""
    return driver.parser(
        "Make the environments of the locks and private wheels: the training's, and where they are "
        "built ahead the endpoint's. With --local, check what is installed.",
        """python src/environment.py --local
        python src/environment.py --local --json""",
    )


def build(context: driver.Context) -> dict[str, Any]:
    """Makes the environments whose content is new, and names what differs from the lock."""
    from amlkit.flow.steps import environment_definition

    done = {"environment": make(context, environment_definition(context.settings))}
    if context.platform.builds_ahead:
        serving = environment_definition(context.settings, serving=True)
        done["serving_environment"] = make(context, serving)
    if context.args.dry_run:
        return done | {"dry_run": True}
    return done | {"exit_code": 1 if done["environment"]["differences"] else 0}


def make(context: driver.Context, definition: EnvironmentDefinition) -> dict[str, Any]:
    """One environment: made, or with --dry-run looked at; what is reported of it."""
    platform, say = context.platform, context.say
    if context.args.dry_run:
        environment = platform.find_environment(definition)
        state = "would be created" if environment.created else "is known"
        say(f"{environment.name}:{environment.version} {state} on {platform.name}")
    else:
        environment = platform.ensure_environment(definition)
        if environment.differences is not None:
            say(f"lock: {definition.lock.name}; private wheels: {len(definition.wheels)}")
            compare(environment.differences, say)
        state = "created" if environment.created else "known"
        say(f"{state}: {environment.name}:{environment.version}")
    return {
        "name": environment.name,
        "version": environment.version,
        "created": environment.created,
        "differences": list(environment.differences or ()),
    }


def compare(differences: Sequence[str], say: Callable[[str], None]) -> None:
    """Says what is installed otherwise than the lock says."""
    for difference in differences:
        say(f"differs: {difference}")
    if differences:
        say(f"{len(differences)} differ; `make setup` installs what the lock says")
    else:
        say("all that is installed is as the lock says")


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    return driver.main(arguments(), build, {}, argv)


if __name__ == "__main__":
    sys.exit(main())
