"""The environment builder: makes the environment of the lock, and checks what is installed."""

from __future__ import annotations

import sys
from typing import Any

from aml import driver


def arguments() -> driver.Parser:
    """The driver's flags."""
    return driver.parser(
        "Make the training environment of the lock and private wheels; check what is installed.",
        """python src/environment.py --local
        python src/environment.py --local --json""",
    )


def build(context: driver.Context) -> dict[str, Any]:
    """Makes the environment where its content is new, and names what differs from the lock."""
    from aml.steps import environment_definition

    definition = environment_definition(context.settings)
    say = context.say
    if context.args.dry_run:
        environment = context.platform.find_environment(definition)
        state = "would be created" if environment.created else "is known"
        say(f"{environment.name}:{environment.version} {state} on {context.platform.name}")
        named = {"name": environment.name, "version": environment.version}
        return {"environment": named | {"created": environment.created}, "dry_run": True}
    environment = context.platform.ensure_environment(definition)
    say(f"lock: {definition.lock.name}; private wheels: {len(definition.wheels)}")
    for difference in environment.differences:
        say(f"differs: {difference}")
    if environment.differences:
        say(f"{len(environment.differences)} differ; `make setup` installs what the lock says")
    else:
        say("all that is installed is as the lock says")
    state = "created" if environment.created else "known"
    say(f"{state}: {environment.name}:{environment.version}")
    return {
        "exit_code": 1 if environment.differences else 0,
        "environment": {
            "name": environment.name,
            "version": environment.version,
            "created": environment.created,
            "differences": list(environment.differences),
        },
    }


def main(argv: list[str] | None = None) -> int:
    """Runs the driver; answers with its exit code."""
    return driver.main(arguments(), build, {}, argv)


if __name__ == "__main__":
    sys.exit(main())
