"""Sends the table's requests by the user's `az` and `gh`, and shows them as a person types them."""

from __future__ import annotations

import json
from typing import Any

from amlkit.cli import shell_line
from amlkit.provision.az import Az, AzFailure
from amlkit.provision.devops import RESOURCE
from amlkit.provision.failures import Kind
from amlkit.provision.github import GhFailure, gh
from amlkit.provision.pipelines.table import Call

DEVOPS_RIGHT = (
    "it takes the rights of a project administrator in Azure DevOps, and on a resource its role"
    " Administrator: ask one, with what --dry-run prints"
)


class Requests:
    """Sends requests; equal questions are asked once until something is written."""

    def __init__(self, az: Az) -> None:
        self.az = az
        self.sent = 0
        self._answers: dict[str, Any] = {}

    def ask(self, call: Call) -> Any:
        """The answer to a question; None where there is no such thing."""
        key = f"{call.url} {call.query}"
        if key not in self._answers:
            self._answers[key] = self._answer(call, absent_ok=True)
        return self._answers[key]

    def write(self, call: Call) -> Any:
        """Sends a request that changes something."""
        self._answers.clear()
        return self._answer(call)

    def _answer(self, call: Call, *, absent_ok: bool = False) -> Any:
        self.sent += 1
        if call.method == "secret":
            return gh("secret", "set", call.url, *call.query, given=call.body) and None
        if not call.url.startswith("https:"):
            return _from_github(call, absent_ok)
        try:
            return self.az.json(*_rest(call), body=call.body, absent_ok=absent_ok)
        except AzFailure as failure:
            if failure.kind is Kind.FORBIDDEN and failure.code != "SignInPage" and _devops(call):
                raise AzFailure(
                    failure.kind, failure.code, failure.message, failure.command, DEVOPS_RIGHT
                ) from None
            raise

    def shown(self, call: Call) -> str:
        """A request as a person types it; its body as it would be given on standard input."""
        if call.method == "secret":
            return shell_line("gh", "secret", "set", call.url, *call.query, "--body", call.body)
        body = json.dumps(call.body, ensure_ascii=False) if call.body is not None else ""
        if not call.url.startswith("https:"):
            typed = shell_line("gh", "api", "--method", call.method.upper(), call.url)
            return f"echo {shell_line(body)} | {typed} --input -" if body else typed
        return self.az.shown(*_rest(call), *(["--body", body] if body else []))


def _devops(call: Call) -> bool:
    """Whether a request is to Azure DevOps."""
    return "dev.azure.com/" in call.url


def _rest(call: Call) -> list[str]:
    """The words of `az rest`."""
    words = ["rest", "--method", call.method, "--url", call.url]
    words += ["--resource", RESOURCE] if _devops(call) else []
    return words + (["--url-parameters", *call.query] if call.query else [])


def _from_github(call: Call, absent_ok: bool) -> Any:
    """The answer of GitHub's API."""
    words = ["api", "--method", call.method.upper(), call.url]
    words += ["--header", "X-GitHub-Api-Version: 2022-11-28"]
    given = ""
    if call.body is not None:
        words, given = [*words, "--input", "-"], json.dumps(call.body)
    try:
        text = gh(*words, given=given)
    except GhFailure as failure:
        if absent_ok and failure.status == 404:
            return None
        raise
    return json.loads(text) if text.strip() else None
