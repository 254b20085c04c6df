"""What `az` and `gh` are asked, as commands of a table, and the one who asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from amlkit.cli import shell_line
from amlkit.provision.cloud.az import Az
from amlkit.provision.cloud.facts import DEVOPS, DEVOPS_VERSION
from amlkit.provision.cloud.failures import Failure, Kind, Refused
from amlkit.provision.cloud.gh import gh_answer
from amlkit.provision.cloud.placeholders import Facts, filled, known, names_in

NO_FACTS: Facts = MappingProxyType({})
Instead = Mapping[Kind, Any]
Pick = Callable[[Any, Facts], Any]  # of an answer, with what is known by then
FAILS: Instead = MappingProxyType({})
ABSENT_IS_NONE: Instead = MappingProxyType({Kind.NOT_FOUND: None})
DEVOPS_RIGHT = (
    "it takes the rights of a project administrator in Azure DevOps, and on a resource its role"
    " Administrator: ask one, with what --dry-run prints"
)


@dataclass(frozen=True)
class Command:
    """One call of `az` or `gh`, as it is typed.

    It has places for what earlier steps find out; while that is not known it cannot run.

    Attributes:
        words: what follows the program's name; `@-` stands for the body.
        body: what it reads from standard input: a text as it is, anything else as JSON.
        program: `az` or `gh`.
        advice: what to do about kinds of failure, where there is more to say than usual.
    """

    words: tuple[str, ...]
    body: Any = None
    program: str = "az"
    advice: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def facts(self) -> set[str]:
        """The names of the facts that it needs."""
        return names_in([*self.words, self.body])

    def known(self, facts: Facts) -> bool:
        """Whether all of them are known."""
        return known([*self.words, self.body], facts)

    def filled(self, facts: Facts) -> Command:
        """The command with the facts in it; unknown ones are shown, as `<principal id>`."""
        words = tuple(map(str, filled(self.words, facts)))
        return replace(self, words=words, body=filled(self.body, facts))

    def stdin(self, *, ascii_only: bool = True) -> str | None:
        """What it reads from standard input."""
        if self.body is None or isinstance(self.body, str):
            return self.body
        return json.dumps(self.body, ensure_ascii=ascii_only)


def az(*words: str, body: Any = None) -> Command:
    """A command of `az`, written as it is typed."""
    return Command(words, body)


# What has the commands for workspaces.
EXTENSION = az("extension", "add", "-n", "ml", "-y")


def rest(
    method: str,
    url: str,
    *parameters: str,
    body: Any = None,
    resource: str = "",
    headers: tuple[str, ...] = (),
    advice: Mapping[Kind, str] | None = None,
) -> Command:
    """One request to Resource Manager, Microsoft Graph or, for its `resource`, another service."""
    words = ["rest", "--method", method, "--url", url]
    words += ["--resource", resource] if resource else []
    words += ["--url-parameters", *parameters] if parameters else []
    words += ["--headers", *headers] if headers else []
    words += ["--body", "@-"] if body is not None else []
    return Command(tuple(words), body, advice=advice or {})


def devops(
    method: str,
    url: str,
    *parameters: str,
    body: Any = None,
    version: str = DEVOPS_VERSION,
    right: str = DEVOPS_RIGHT,
) -> Command:
    """One request to Azure DevOps, and what to do where it is forbidden."""
    advice = {Kind.FORBIDDEN: right} if right else None
    given = (f"api-version={version}", *parameters)
    return rest(method, url, *given, body=body, resource=DEVOPS, advice=advice)


def github(method: str, path: str, *, body: Any = None) -> Command:
    """One request to GitHub's REST interface."""
    given = ("--input", "-") if body is not None else ()
    return Command(("api", "--method", method.upper(), path, *given), body, "gh")


def part(answer: Any, *names: str) -> Any:
    """What an answer holds under a name, and in that under another; None where it does not."""
    for name in names:
        answer = (answer or {}).get(name)
    return answer


def first(is_it: Callable[[Any, Facts], bool], *, inside: str = "value") -> Pick:
    """Picks the first of a list that is the one."""

    def pick(answer: Any, facts: Facts) -> Any:
        listed = part(answer, inside) or []
        return next((each for each in listed if is_it(each, facts)), None)

    return pick


def github_secret(name: str, where: tuple[str, ...], value: str) -> Command:
    """Stores a secret under a name; only `gh` can encrypt it."""
    return Command(("secret", "set", name, *where), value, "gh")


class Client:
    """Runs commands with the facts in them; equal questions are asked once until one changes.

    Where a failure is as good as an answer, `instead` says by its kind as which.
    """

    def __init__(self, az: Az) -> None:
        self.az = az
        self.sent = 0
        self._answers: dict[Any, Any] = {}

    def ask(
        self, command: Command, facts: Facts = NO_FACTS, *, instead: Instead = ABSENT_IS_NONE
    ) -> Any:
        """The answer to a question; None where there is no such thing."""
        whole = command.filled(facts)
        key = (whole.words, whole.stdin())
        if key not in self._answers:
            self._answers[key] = self._run(command, facts, instead)
        return self._answers[key]

    def send(
        self, command: Command, facts: Facts = NO_FACTS, *, instead: Instead = FAILS, **more: Any
    ) -> Any:
        """The answer to what changes something.

        Args:
            command: what to run.
            facts: what is known.
            instead: see above.
            more: see `Az.json`: `timeout`, `hide`.

        Raises:
            Failure: it failed.
            Refused: a fact is not known, or there is no gh.
        """
        self.forget()
        return self._run(command, facts, instead, **more)

    def forget(self) -> None:
        """Something may have changed: what was read may be true no longer."""
        self._answers.clear()

    def shown(self, command: Command, facts: Facts = NO_FACTS) -> str:
        """The command as a person types it, what it reads from standard input in its place."""
        words = command.words
        if "--name" in words and not known(words[(at := words.index("--name")) + 1], facts):
            words = words[:at] + words[at + 2 :]  # it follows from what is not known yet
        whole = replace(command, words=words).filled(facts)
        body = whole.stdin(ascii_only=False) or ""
        if whole.program == "az":
            return self.az.shown(*(body if word == "@-" else word for word in whole.words))
        if whole.words[0] != "api":
            return shell_line("gh", *whole.words, "--body", body)
        return (f"echo {shell_line(body)} | " if body else "") + shell_line("gh", *whole.words)

    def _run(self, command: Command, facts: Facts, instead: Instead, **more: Any) -> Any:
        """Runs it with what is known filled in."""
        if not command.known(facts):
            missing = ", ".join(sorted(name for name in command.facts if not facts.get(name)))
            raise Refused(f"{missing.replace('_', ' ')} is not known yet: run this again")
        whole, self.sent = command.filled(facts), self.sent + 1
        try:
            if whole.program == "gh":
                return gh_answer(whole.words, whole.stdin())
            return self._by_az(whole, **more)
        except Failure as failure:
            if failure.kind in instead:
                return instead[failure.kind]
            how = whole.advice.get(failure.kind)
            if how and failure.advice == failure.kind.advice:  # unless it has some of its own
                raise failure.advised(how) from None
            raise

    def _by_az(self, command: Command, **more: Any) -> Any:
        """What `az` answers; the extension that has some commands is added where it is missing."""
        try:
            return self.az.json(*command.words, stdin=command.stdin(), **more)
        except Failure as failure:
            if failure.kind is not Kind.MISSING_EXTENSION:
                raise
        self.az.json(*EXTENSION.words)
        return self.az.json(*command.words, stdin=command.stdin(), **more)
