"""The environment step: locks and private wheels become environments, once for each content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlkit import cli
from amlkit.calls import Calls
from amlkit.flow import export
from amlkit.records import Environment, EnvironmentDefinition

if TYPE_CHECKING:
    from amlkit.settings import Settings


@dataclass(frozen=True)
class Built:
    """The environments, as they are known to the workspace."""

    training: Environment
    serving: Environment | None
    """None where it is made with the first deployment, on this machine."""
    dry_run: bool = False

    @property
    def failure(self) -> str:
        """What is installed must be what the lock says."""
        count = 0 if self.dry_run else len(self.training.differences or ())
        if not count:
            return ""
        differ = "1 package differs" if count == 1 else f"{count} packages differ"
        return f"{differ} from the lock; `make setup` installs what it says"

    def words(self) -> Sequence[str]:
        """Each was said when it was made."""
        return ()

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        done: dict[str, Any] = {"environment": _record(self.training)}
        if self.serving:
            done["serving_environment"] = _record(self.serving)
        return done | ({"dry_run": True} if self.dry_run else {})


def environment_definition(settings: Settings, *, serving: bool = False) -> EnvironmentDefinition:
    """An environment's content, the training's or the endpoint's: the lock and the private wheels.

    Raises:
        SettingsError: there is no such lock, not exactly one wheel of amlkit, or a lock that pins
            another version of it.
    """
    from amlkit.eject import private_wheels
    from amlkit.lockfile import check_wheels
    from amlkit.settings import SettingsError

    which = settings.endpoint.environment if serving else settings.environment
    lock = settings.root / which.lock
    if not lock.is_file():
        origin = settings.origin("endpoint.environment.lock" if serving else "environment.lock")
        raise SettingsError(f"{origin}: there is no lock {lock}; `make lock` writes it")
    wheels = private_wheels(settings.root, settings.root / settings.environment.wheels)
    check_wheels(lock, wheels)
    return EnvironmentDefinition(which.name, lock, wheels, serving)


def arguments() -> cli.Parser:
    """The driver's flags."""
    parser = cli.parser(
        "Make the environments of the locks and private wheels: the training's and, on Azure, the "
        "endpoint's. With --local, check what is installed.",
        """python src/environment.py --local
        python src/environment.py --local --json""",
    )
    return export.flagged(parser)


def build(context: cli.Context) -> Built:
    """Makes the environments whose content is new, and names what differs from the lock."""
    settings, dry_run = context.settings, context.args.dry_run
    training = make(context, environment_definition(settings))
    serving = None
    if context.workspace.environments.builds_images:
        serving = make(context, environment_definition(settings, serving=True))
    return Built(training, serving, dry_run)


def make(context: cli.Context, definition: EnvironmentDefinition) -> Environment:
    """One environment: made, or with --dry-run looked at."""
    workspace, say = context.workspace, context.say
    if context.args.dry_run:
        environment = workspace.environments.get(definition)
        state = "would be created" if environment.created else "is known"
        say(f"{environment.name}:{environment.version} {state} on {workspace.name}")
        return environment
    environment = workspace.environments.create(definition)
    if environment.differences is not None:
        wheels = ", ".join(wheel.name for wheel in definition.wheels) or "none"
        say(f"lock: {definition.lock.name}; private wheels: {wheels}")
        for difference in environment.differences:
            say(f"differs: {difference}")
        if not environment.differences:
            say("all that is installed is as the lock says")
    state = "created" if environment.created else "known"
    say(f"{state}: {environment.name}:{environment.version}")
    return environment


def _record(environment: Environment) -> dict[str, Any]:
    """What is reported of an environment."""
    return {
        "name": environment.name,
        "version": environment.version,
        "created": environment.created,
        "differences": list(environment.differences or ()),
    }


def main(driver: str, calls: Calls | None = None, argv: Sequence[str] | None = None) -> int:
    """Runs `src/environment.py`, whose path `driver` is; returns its exit code."""
    step = export.instead(build, export.environments)
    return cli.main(driver, arguments(), step, calls, argv=argv)
