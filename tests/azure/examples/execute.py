"""Executes a notebook or script with the real azure-ai-ml, and writes down each call of MLClient.

Run by the interpreter that has the SDK: `python execute.py NOTEBOOK REPORT [CELLS]`. It needs
the standard library and the SDK. A cell that fails does not end the run: what needs it fails by
itself, as where a person goes on to the next one. Waits are cut to two seconds, lines for the shell
or for IPython are left out; all else is executed as it stands, the last value shown included.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LONGEST_WAIT = 2.0  # seconds
SHOWN = 4000  # characters of a value
CELL = "cell "  # what the files of a traceback are called


def cut_waits() -> None:
    """No wait is longer than `LONGEST_WAIT`, the SDK's own polls included."""
    real = time.sleep
    time.sleep = lambda seconds: real(min(float(seconds), LONGEST_WAIT))


def said(error: BaseException) -> str:
    """An error in a line: its kind, and what it says without addresses and stacks."""
    text = getattr(getattr(error, "error", None), "message", None) or str(error)
    text = re.sub(r"\x1b\[\d*m", "", text)
    return f"{type(error).__name__}: {' '.join(text.split())[:600]}"


@dataclass
class Call:
    """One call of a script: passed, failed, caught (as the script expects), begun or missed."""

    cell: int
    line: int
    name: str
    state: str = "passed"
    reason: str = ""


@dataclass
class Report:
    """What a script did, kept in a file from the first call on."""

    file: Path
    calls: list[Call] = field(default_factory=list)
    errors: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Cell → the line that failed, and how."""
    left_out: list[str] = field(default_factory=list)

    def keep(self) -> None:
        """Write what is known by now."""
        told = {
            "calls": [asdict(call) for call in self.calls],
            "errors": self.errors,
            "left_out": self.left_out,
        }
        self.file.write_text(json.dumps(told), encoding="utf-8")


def container_logs(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Print what the container of an online deployment wrote that did not come up."""
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import OnlineDeployment

    for entity in (*given[1:], *named.values()):
        if isinstance(entity, OnlineDeployment):
            owner = given[0].online_deployments if isinstance(given[0], MLClient) else given[0]
            print(owner.get_logs(name=entity.name, endpoint_name=entity.endpoint_name, lines=200))


class Pages:
    """What a list call returned; an error comes only while it is read."""

    def __init__(self, real: Any, call: Call) -> None:
        self.real, self.call = real, call
        self.pages: Iterator[Any] | None = None

    def __iter__(self) -> Pages:
        self.pages = iter(self.real)
        return self

    def __next__(self) -> Any:
        if self.pages is None:
            self.pages = iter(self.real)
        try:
            return next(self.pages)
        except StopIteration:
            raise
        except Exception as error:
            self.call.state, self.call.reason = "failed", said(error)
            raise

    next = __next__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Watch:
    """Notes the calls that a script itself makes, and not those that the SDK makes of itself."""

    def __init__(self, report: Report) -> None:
        from azure.ai.ml.entities import Job
        from azure.core.polling import LROPoller

        self.report, self.poller, self.job = report, LROPoller, Job
        self.jobs: list[str] = []
        self.pollers: list[tuple[Any, Call]] = []
        self.seen: set[type] = set()

    def client(self, kind: Any) -> None:
        """Watch MLClient, and from its first instance on all its operations."""
        real = kind.__init__

        @functools.wraps(real)
        def made(client: Any, *given: Any, **named: Any) -> None:
            real(client, *given, **named)
            for name in dir(kind):
                if name.startswith("_") or not isinstance(getattr(kind, name), property):
                    continue
                try:
                    operations = type(getattr(client, name))
                except Exception:  # noqa: S112, a kind of workspace that this one is not
                    continue
                if "Operations" in operations.__name__ and operations not in self.seen:
                    self.seen.add(operations)
                    self.methods(operations, f"{name}.")

        kind.__init__ = made
        self.methods(kind, "")

    def methods(self, owner: Any, prefix: str) -> None:
        """Watch the public methods of a class."""
        for name in dir(owner):
            value = owner.__dict__.get(name, getattr(owner, name))
            if name.startswith("_") or isinstance(value, property):
                continue
            if isinstance(value, classmethod):
                watched = self.wrap(value.__func__, prefix + name)
                setattr(owner, name, classmethod(watched))
            elif callable(value) and not isinstance(value, (staticmethod, type)):
                setattr(owner, name, self.wrap(value, prefix + name))

    def wrap(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        """A method that notes itself where the script calls it."""

        @functools.wraps(real)
        def watched(*given: Any, **named: Any) -> Any:
            frame = sys._getframe(1)
            if not frame.f_code.co_filename.startswith(CELL):
                return real(*given, **named)
            cell = int(frame.f_code.co_filename.removeprefix(CELL))
            call = Call(cell, frame.f_lineno, name + (" (local)" if named.get("local") else ""))
            self.report.calls.append(call)
            try:
                value = real(*given, **named)
                return self.returned(value, call, lambda: container_logs(given, named))
            except BaseException as error:
                call.state, call.reason = "failed", said(error)
                raise
            finally:
                self.report.keep()

        return watched

    def returned(self, value: Any, call: Call, explain: Callable[[], None]) -> Any:
        """What a call returned, watched too where it is not yet an answer."""
        if isinstance(value, self.poller):
            call.state = "begun"
            self.pollers.append((value, call))
            for name in ("result", "wait"):
                setattr(value, name, self.ending(getattr(value, name), call, explain))
            return value
        if isinstance(value, self.job):
            self.jobs.append(value.name)
        if hasattr(type(value), "__next__"):
            return Pages(value, call)
        return value

    def ending(
        self, real: Callable[..., Any], call: Call, explain: Callable[[], None]
    ) -> Callable[..., Any]:
        """`result` or `wait` of an operation: how it ended is how the call that began it did."""

        @functools.wraps(real)
        def ended(*given: Any, **named: Any) -> Any:
            try:
                value = real(*given, **named)
            except BaseException as error:
                call.state, call.reason = "failed", said(error)
                explain()
                raise
            call.state = "passed"
            return value

        return ended

    def wait(self, client: Any) -> None:
        """Wait for the jobs that the script began, as a reader does."""
        ended = ("Completed", "Failed", "Canceled")
        while any(client.jobs.get(name).status not in ended for name in self.jobs):
            time.sleep(1)

    def settle(self) -> None:
        """See operations to their end that the script did not wait for."""
        for poller, call in self.pollers:
            if call.state == "begun":
                with contextlib.suppress(Exception):  # the call has it
                    poller.result()
        self.report.keep()


def cells(path: Path) -> list[str]:
    """The code cells of a notebook by their number, "" for text; a script is a single one."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [text]
    return [
        "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        for cell in json.loads(text)["cells"]
    ]


class Runner:
    """Executes cells one after another in one namespace, as a kernel does."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.names: dict[str, Any] = {"__name__": "__main__"}
        builtins.display = show  # type: ignore[attr-defined]

    def plain(self, source: str) -> str:
        """A cell in plain Python: lines for IPython or a shell are left out, and noted."""
        lines = []
        for line in source.splitlines():
            if re.match(r"\s*[%!]", line):
                self.report.left_out.append(line.strip())
                line = re.match(r"\s*", line)[0] + "pass"  # type: ignore[index]
            lines.append(line)
        return "\n".join(lines)

    def run(self, number: int, source: str) -> ast.Module | None:
        """Execute a cell; its syntax tree where it is Python."""
        if source.startswith("%%writefile"):
            head, _, body = source.partition("\n")
            place = head.removeprefix("%%writefile").strip()
            place = re.sub(r"\{(\w+)\}", lambda found: str(self.names[found[1]]), place)
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            Path(place).write_text(body, encoding="utf-8")
            return None
        file = f"{CELL}{number}"
        try:
            plain = self.plain(source)
            tree, whole = ast.parse(plain, file), ast.parse(plain, file)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, file, "exec", dont_inherit=True), self.names)  # noqa: S102
            if isinstance(last, ast.Expr):
                expression = ast.Expression(last.value)
                shown = compile(expression, file, "eval", dont_inherit=True)
                show(eval(shown, self.names))  # noqa: S307
        except (Exception, SystemExit) as error:
            lines = [one.lineno or 0 for one in traceback.extract_tb(error.__traceback__)
                     if one.filename == file]  # fmt: skip
            self.report.errors[number] = (lines[-1] if lines else 0, said(error))
            traceback.print_exc()
            if isinstance(error, SyntaxError):
                return None
        self.report.keep()
        return whole

    def missed(self, number: int, tree: ast.Module, clients: set[str]) -> Iterator[Call]:
        """The calls of a failed cell that were not made: those from the failed line on."""
        failed, why = self.report.errors[number]
        made = [call for call in self.report.calls if call.cell == number]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or (node.end_lineno or 0) < failed:
                continue
            root, _, name = ast.unparse(node.func).partition(".")
            if root not in clients or not re.fullmatch(r"\w+(\.\w+)?", name):
                continue
            if not any(node.lineno <= call.line <= (node.end_lineno or 0) for call in made):
                yield Call(number, node.lineno, name, "missed", why)


def show(*values: Any) -> None:
    """Show values as a notebook does: both forms are made."""
    for value in values:
        if value is not None:
            print(repr(value)[:SHOWN])
            html = getattr(type(value), "_repr_html_", None)
            if callable(html):
                html(value)


def main(notebook: str, report_file: str, waits: str = "[]") -> None:
    """Execute the notebook in its folder; the report is complete also where cells failed."""
    cut_waits()
    from azure.ai.ml import MLClient

    report = Report(Path(report_file))
    watch, runner = Watch(report), Runner(report)
    watch.client(MLClient)
    sys.path.insert(0, "")
    trees: dict[int, ast.Module] = {}
    for number, source in enumerate(cells(Path(notebook))):
        if source.strip():
            print(f"== cell {number}", flush=True)
            tree = runner.run(number, source)
            if tree is not None:
                trees[number] = tree
            if number in json.loads(waits):
                watch.wait(runner.names["ml_client"])
    watch.settle()
    for call in report.calls:
        if call.state == "failed" and call.cell not in report.errors:
            call.state = "caught"
    clients = {name for name, value in runner.names.items() if isinstance(value, MLClient)}
    for number in report.errors:
        if number in trees:
            report.calls += runner.missed(number, trees[number], clients | {"ml_client"})
    report.calls.sort(key=lambda call: (call.cell, call.line))
    report.keep()


if __name__ == "__main__":
    main(*sys.argv[1:])
