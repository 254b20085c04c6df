"""What the drivers share: flags, `--json`, exit codes, one clear line for every error.

Exit codes: 0 done, 1 the work failed, 2 the settings or arguments are wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from amlkit import ci
from amlkit.calls import Calls
from amlkit.garbage import spare_driver
from amlkit.redaction import without_secrets
from amlkit.say import say

if TYPE_CHECKING:
    from amlkit.settings import Settings
    from amlkit.workspace import Workspace

OLDEST_PYTHON = (3, 11)
# The settings that a driver does not read, nor hands on to one that does.
UNREAD = {"deploy": ("training", "gate")}


class ArgumentError(Exception):
    """The command line is wrong (exit 2)."""


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        """Raises instead of exiting, so that `--json` can answer too."""
        end = "" if message.endswith("?") else ";"
        raise ArgumentError(f"{message}{end} {self.prog} --help lists what there is")

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags, as they are written."""
        return tuple(self._option_string_actions)

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """The command line's values; what no flag takes is answered with what was meant."""
        args, unknown = self.parse_known_args(argv)
        if unknown:
            from amlkit.flags import explain_unknown

            self.error(explain_unknown(unknown, self.flags))
        return args


class Result(Protocol):
    """What a driver's function returns; `main` prints it once, as words or as JSON."""

    @property
    def failure(self) -> str:
        """Why the work failed, in a line (exit 1); empty if it did not."""

    def words(self) -> Sequence[str]:
        """Lines for a person."""

    def record(self) -> dict[str, Any]:
        """The JSON object of `--json`."""


@dataclass(frozen=True)
class DryRun:
    """What a call without --dry-run would do; it was said already."""

    facts: Mapping[str, Any]
    failure: str = ""

    def words(self) -> Sequence[str]:
        """Nothing more."""
        return ()

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        return {"dry_run": True, **self.facts}


@dataclass(frozen=True)
class Context:
    """What a driver's function works with."""

    args: argparse.Namespace
    settings: Settings
    workspace: Workspace
    calls: Calls
    say: Callable[[str], None]
    """Says a line while the work is done: stdout, or stderr with `--json`."""
    place: tuple[str, ...] = ()
    """The flags of this call that say where: `--local`, `--env NAME`."""
    assignments: tuple[str, ...] = ()
    """What this call's `--set` were given: `KEY=VALUE`."""

    def command(self, driver: str, *flags: str) -> str:
        """What a person types to go on: a driver, with those flags of this call that it reads."""
        unread = UNREAD.get(driver, ())
        kept = [text for text in self.assignments if not text.strip().startswith(unread)]
        repeated = [*self.place, *(word for text in kept for word in ("--set", text))]
        return shell_line("python", f"src/{driver}.py", *repeated, *flags)


def shell_line(*words: str) -> str:
    """Words as a shell takes them; on Windows as PowerShell and cmd both do."""
    if sys.platform == "win32":
        quoted = ('"' + word.replace('"', '""') + '"' for word in words)
        return " ".join(
            word if _PLAIN.issuperset(word) else other
            for word, other in zip(words, quoted, strict=True)
        )
    return shlex.join(words)


def setting(key: str, text: str) -> tuple[str, str]:
    """The flag that sets a setting to a text, which YAML might read otherwise: `007`, `yes`."""
    import yaml

    try:
        plain = yaml.safe_load(text) == text
    except yaml.YAMLError:
        plain = False
    return "--set", f"{key}={text if plain else json.dumps(text, ensure_ascii=False)}"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./\\:=,+@")


def parser(description: str, examples: str) -> Parser:
    """A parser with the flags that every driver has."""
    parser = Parser(
        description=description,
        epilog="examples:\n"
        + "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    common = parser.add_argument_group("common")
    common.add_argument("--local", action="store_true", help="work on this machine, without Azure")
    common.add_argument("--env", metavar="NAME", help="lay config.NAME.yml over config.yml")
    common.add_argument(
        "--dry-run", action="store_true", help="only read, and say what would be done"
    )
    common.add_argument(
        "--json", action="store_true", help="print one JSON object; all else goes to stderr"
    )
    common.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    common.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set any key of config.yml for this call, such as training.seed=7",
    )
    return parser


def positive(text: str) -> float:
    """A flag's number, above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def given(args: argparse.Namespace, flags: Sequence[str]) -> list[str]:
    """Those of the flags that were given, as they are typed; a driver may not know all of them."""
    found = [flag for flag in flags if vars(args).get(flag) not in (None, False)]
    return ["--" + flag.replace("_", "-") for flag in found]


def main(
    driver: str,
    parser: Parser,
    step: Callable[[Context], Result],
    calls: Calls | None,
    *,
    flags: Mapping[str, str] | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """Reads the settings, runs a driver's function, prints its result; returns the exit code.

    Args:
        driver: the path of a file in `src/` of the repository, whose root holds `config.yml`.
        parser: its flags.
        step: does the work.
        calls: the owner's functions; None: those that `--local` needs, which is none.
        flags: flags that set a setting: destination → dotted key.
        argv: the command line; the process's own by default.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    path = Path(driver).resolve()
    spare_driver()
    print_utf8()
    with ci.step(path.stem) as conclude:
        code, record = _run(path.parents[1], parser, step, calls or Calls(), flags or {}, argv)
        if "--json" in argv:
            say(ci.plain_json(record))
        return conclude(code, record)


def print_utf8() -> None:
    """Has stdout and stderr take any text: Windows' consoles are not UTF-8 by themselves."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _run(
    root: Path,
    parser: Parser,
    step: Callable[[Context], Result],
    calls: Calls,
    flags: Mapping[str, str],
    argv: Sequence[str],
) -> tuple[int, dict[str, Any]]:
    """Runs the function and says in words what became of it: (exit code, record)."""
    record: dict[str, Any] = {}
    try:
        if sys.version_info[:2] < OLDEST_PYTHON:
            here = ".".join(map(str, sys.version_info[:2]))
            raise ArgumentError(
                f"Python {here} runs this, but 3.11 or newer is needed; `make setup` makes .venv"
            )
        context = _context(root, parser.read(argv), calls, flags)
        result = step(context)
        record = result.record()
        for line in () if context.args.json else result.words():
            context.say(line)
        if not result.failure:
            return 0, record
        record |= {"error": without_secrets(result.failure)}
        say(f"error: {record['error']}", error=True)
        return 1, record
    except KeyboardInterrupt as interrupt:
        return fail(130, str(interrupt) or "interrupted", record), record
    except Exception as error:
        if "--verbose" in argv and not _says_it_all(error):
            import traceback

            say(without_secrets(traceback.format_exc()), error=True, end="")
        return fail(*_explain(error), record), record


def _context(
    root: Path, args: argparse.Namespace, calls: Calls, flags: Mapping[str, str]
) -> Context:
    """Settings and workspace as the flags ask for them."""
    from amlkit.interpreter import use_azure_interpreter
    from amlkit.platforms import open_workspace
    from amlkit.settings import load_settings

    overrides = [assignment(text) for text in args.set]
    given = {
        name: ("--" + name.replace("_", "-"), key)
        for name, key in flags.items()
        if getattr(args, name) is not None
    }
    overrides += [(key, getattr(args, name), flag) for name, (flag, key) in given.items()]
    settings = load_settings(root, env=args.env, overrides=overrides)
    if not args.local:
        settings.require_azure()
        use_azure_interpreter(root, sdk=settings.azure.sdk)

    shown = sys.stdout  # a verb of Azure's swallows what the SDK prints, and would a log's lines

    def tell(line: str) -> None:
        with contextlib.redirect_stdout(shown):
            say(line, error=args.json)

    def note(line: str) -> None:
        say(line, error=True)

    place = ["--local"] if args.local else []
    place += ["--env", args.env] if args.env else []
    # What a workspace says on the way is no answer: --show-key prints a key and nothing else.
    workspace = open_workspace(settings, calls, local=args.local, say=note)
    return Context(args, settings, workspace, calls, tell, tuple(place), tuple(args.set))


def assignment(text: str) -> tuple[str, Any, str]:
    """`training.seed=7` as (key, value, origin)."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ArgumentError(f"--set {text}: write KEY=VALUE, such as training.seed=7")
    try:
        return key.strip(), yaml.safe_load(value), f"--set {key.strip()}"
    except (yaml.YAMLError, ValueError, RecursionError):  # such as a number of 5,000 digits
        raise ArgumentError(f"--set {text[:60]}: the value is not valid YAML; quote it") from None


def _explain(error: Exception) -> tuple[int, str]:
    """Exit code and line for an error."""
    from amlkit.records import TableRefused, WorkError
    from amlkit.settings import SettingsError

    if isinstance(error, ArgumentError | SettingsError | TableRefused):
        return 2, str(error)
    if isinstance(error, WorkError):
        return 1, str(error)
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("amlkit"):
        name = str(error.name).split(".")[0]
        command = "make setup-azure" if name in ("azureml", "azure", "msrest") else "make setup"
        return (
            1,
            f"the package {error.name!r} is not installed; run `{command}` (Windows: README.md)",
        )
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return 1, f"{error.strerror or error}{where}"
    words = " ".join(str(error).split())
    return 1, f"unexpected {type(error).__name__}: {words[:300]}; --verbose shows where"


def _says_it_all(error: Exception) -> bool:
    """Whether an error is ours and nothing stands behind it that a traceback could show."""
    from amlkit.records import TableRefused, WorkError
    from amlkit.settings import SettingsError

    ours = isinstance(error, ArgumentError | SettingsError | TableRefused | WorkError)
    return ours and error.__cause__ is None


def fail(code: int, line: str, record: dict[str, Any]) -> int:
    """Says an error in one line, on stderr and in the record."""
    line = without_secrets(" ".join(line.split()))
    record |= {"status": "interrupted" if code == 130 else "error", "error": line}
    say(f"error: {line}" if code != 130 else line, error=True)
    return code
