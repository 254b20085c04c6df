"""One function writes to the log; no child of a driver writes there past it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import amlkit
from amlkit.say import overwrite, say

SOURCE = Path(amlkit.__file__).parent
# Files that write themselves: the one place.
WRITERS = {"say.py"}
# Children that write where their parent does: the same driver again, under its own guard.
HEIRS = {"interpreter.py"}
STARTS = {"run", "Popen", "call", "check_call"}


def writes(tree: ast.AST) -> Iterator[int]:
    """The lines that write to stdout or stderr: `print(…)`, `sys.stdout.write(…)`, `os.write`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            said = ast.unparse(node.func)
            owner, _, name = said.rpartition(".")
            past = owner.startswith("sys.") and name in ("write", "writelines")
            if said in ("print", "os.write") or past or said.startswith("traceback.print"):
                yield node.lineno


def inherited(tree: ast.AST) -> Iterator[int]:
    """The lines that start a process with its parent's stdout or stderr."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = ast.unparse(node.func.value), node.func.attr
            given = {word.arg for word in node.keywords}
            taken = "capture_output" in given or {"stdout", "stderr"} <= given
            heir = owner == "os" and (name == "system" or name.startswith(("spawn", "exec")))
            if heir or (owner == "subprocess" and name in STARTS and not taken):
                yield node.lineno


def found(look, spared: set[str]) -> list[str]:  # type: ignore[no-untyped-def]
    """Where that is in amlkit's source."""
    return [
        f"{path.relative_to(SOURCE).as_posix()}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).as_posix() not in spared
        for line in look(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_one_place_writes_to_the_log() -> None:
    assert found(writes, WRITERS) == []
    assert found(writes, set())  # it is found where it is


def test_no_child_writes_where_a_driver_does() -> None:
    assert found(inherited, HEIRS) == []
    assert found(inherited, set())


@pytest.mark.parametrize("variable", ["TF_BUILD", "GITHUB_ACTIONS"])
def test_what_is_said_in_a_pipeline_commands_nothing(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TF_BUILD", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    say("::error::x")
    monkeypatch.setenv(variable, "True")
    say("::error::x\n##vso[a.b]")
    say("##[error]", error=True, end="")
    assert capsys.readouterr() == ("::error::x\n: :error::x\n# #vso[a.b]\n", "# #[error]")


def test_a_line_is_overwritten_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    overwrite("5 s")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    overwrite("5 s")
    assert capsys.readouterr().err == "\r\x1b[K5 s"
