"""Runs `az`: its answer as an object, or one clear line that says what to do.

Secrets go in on standard input and come out in the answer; never in the arguments, which every user
of the machine can read.
"""

from __future__ import annotations

import json
import locale
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from amlkit.provision.cloud.failures import Failure, Kind, classify
from amlkit.provision.cloud.waits import Say, retry

# Groups of commands that know no --subscription.
_NO_SUBSCRIPTION = {"account", "ad", "cloud", "config", "extension", "login", "rest", "version"}
# Settings of the user that would change what a command does or answers. An empty value beats the
# one in their configuration file.
_NEUTRAL = {
    "AZURE_CORE_OUTPUT": "json",
    "AZURE_CORE_NO_COLOR": "true",
    "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
    "AZURE_CORE_DISABLE_PROGRESS_BAR": "true",
    "AZURE_DEFAULTS_GROUP": "",
    "AZURE_DEFAULTS_LOCATION": "",
    "AZURE_DEFAULTS_WORKSPACE": "",
    "AZURE_STORAGE_ACCOUNT": "",
    "AZURE_STORAGE_KEY": "",
    "AZURE_STORAGE_CONNECTION_STRING": "",
    "AZURE_STORAGE_SAS_TOKEN": "",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",  # it would ask, and wait for an answer
    "AZURE_LOGGING_ENABLE_LOG_FILE": "no",  # it writes down what requests and answers hold
}


class Az:
    """The user's `az`, asked without their settings, and counted.

    Args:
        say: takes the lines about waits.
        subscription: named on each command that takes one.
        environ: environment variables; the process's own by default.
    """

    patience = 180.0  # how long throttling is waited out (s)

    def __init__(
        self, say: Say, *, subscription: str = "", environ: Mapping[str, str] | None = None
    ) -> None:
        self.say, self.subscription = say, subscription
        self.calls = 0
        given = dict(os.environ if environ is None else environ)
        defaults = {key: "" for key in given if key.startswith("AZURE_DEFAULTS_")}
        self._environ = {**given, **defaults, **_NEUTRAL}

    def json(
        self,
        *arguments: str,
        stdin: str | None = None,
        timeout: float = 300,
        hide: Sequence[str] = (),
    ) -> Any:
        """Runs a command and returns its answer.

        Args:
            arguments: as they are typed after `az`.
            stdin: what the command reads from standard input.
            timeout: seconds until the command is ended.
            hide: secrets that no error may show.

        Raises:
            Failure: it failed, and waiting out a throttling did not help.
        """
        words = self._words(arguments)

        def again(failure: Failure) -> str:
            line = f"az {words[0]}: {failure.kind.name.lower()}"
            return line if _may_ask_again(failure.kind, words) else ""

        attempt = partial(self._answer, words, stdin, timeout, hide)
        return retry(attempt, again, say=self.say, at_most=self.patience)

    def shown(self, *arguments: str) -> str:
        """Returns the command as a person types it, in a shell of this system."""
        words = ["az", *self._words(arguments)]
        if os.name != "nt":
            return shlex.join(words)
        return " ".join(_for_powershell(word) for word in words)

    def _words(self, arguments: Sequence[str]) -> list[str]:
        """The arguments, and the subscription where they take one."""
        named = {"--subscription", "--ids", "--id"} & set(arguments)
        if not self.subscription or named or arguments[0] in _NO_SUBSCRIPTION:
            return list(arguments)
        return [*arguments, "--subscription", self.subscription]

    def _answer(
        self, words: list[str], stdin: str | None, timeout: float, hide: Sequence[str]
    ) -> Any:
        """Runs `az` once and reads what it prints."""
        command, program = self.shown(*words), _program(self._environ)
        if not program:
            raise Failure(Kind.MISSING_AZ, "", "there is no `az` on PATH")
        self.calls += 1
        typed = [*program, *words, "-o", "json", "--only-show-errors"]
        done = ran(typed, command, stdin or "", self._environ, timeout)
        if done.returncode:
            raise Failure(*classify(done.returncode, _without(_text(done.stderr), hide)))
        return _parsed(_text(done.stdout), command)


def ran(
    words: Sequence[str],
    command: str,
    given: str,
    environ: Mapping[str, str],
    timeout: float,
    advice: str = "",
) -> subprocess.CompletedProcess[bytes]:
    """Runs a program, shown as `command`, which reads what is given and nothing else.

    Raises:
        Failure: it does not start, or gave no answer in that many seconds.
    """
    try:
        # On Ctrl-C the child gets it too; `run` waits for it, then ends it.
        return subprocess.run(
            words,
            input=given.encode(),
            capture_output=True,
            check=False,
            env=environ,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        message = f"`{command}` gave no answer in {timeout:.0f} s"
        raise Failure(Kind.TIMEOUT, "", message, advice) from None
    except OSError as error:
        message = f"`{command.partition(' ')[0]}` does not start: {error.strerror or error}"
        raise Failure(Kind.CRASHED, "", message, advice) from None


def _may_ask_again(kind: Kind, words: Sequence[str]) -> bool:
    """Whether a wait may help and asking again does no harm."""
    if kind is Kind.THROTTLED:  # refused before anything was done
        return True
    # These may have made something before they failed, and would make another: the caller looks.
    batch = any(word.endswith("/$batch") for word in words)  # of questions alone
    posts = words[0] == "rest" and "post" in words and not batch
    makes = posts or words[:3] in (["ad", "app", "create"], ["ad", "app", "credential"])
    return kind is Kind.UNAVAILABLE and not makes


def _parsed(text: str, command: str) -> Any:
    """The answer that `az` printed."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    if text.lstrip()[:1] == "<":  # what Azure DevOps answers to one who is not known there
        message = f"`{command}` was answered with a web page to sign in"
        how = "the account that `az account show` names is not known there: `az login` with another"
        raise Failure(Kind.FORBIDDEN, "SignInPage", message, how)
    raise Failure(Kind.CRASHED, "", f"`{command}` printed no JSON")


def _program(environ: Mapping[str, str]) -> list[str]:
    """How `az` is started: [] where there is none."""
    found = shutil.which("az", path=environ.get("PATH"))
    if not found:
        return []
    if os.name == "nt":
        # az.cmd hands its arguments to this Python through cmd.exe, which takes & | % ^ for itself.
        for python in (Path(found).parent / "python.exe", Path(found).parents[1] / "python.exe"):
            if python.is_file():
                return [str(python), "-IBm", "azure.cli"]
    return [found]


def _text(output: bytes) -> str:
    """What a program printed; on Windows it may not be UTF-8."""
    try:
        return output.decode()
    except UnicodeDecodeError:
        return output.decode(locale.getpreferredencoding(False), errors="replace")


def _without(text: str, secrets: Sequence[str]) -> str:
    """The text without these."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "<secret>")
    return text


def _for_powershell(word: str) -> str:
    """The word as PowerShell takes it."""
    if word and all(character.isalnum() or character in "/\\:._-=" for character in word):
        return word
    return "'" + word.replace("'", "''") + "'"
