"""Holds the stand-in's answers to what Microsoft and MLflow published.

`check` says what is wrong with one answer. `python -m standin.specification --table` prints
each route of the stand-in with what backs it, `--write` writes that into ROUTES.md. The shapes are
stated in `specifications/`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from .specifications import mlflow_api, notation

HOSTS = {
    "login": r"login\.microsoftonline\.com",
    "arm": r"management\.azure\.com",
    "api": r"[a-z0-9.-]+\.api\.azureml\.ms",
    "imds": r"169\.254\.169\.254",
    "telemetry": r"dc\.services\.visualstudio\.com",
    "graph": r"graph\.microsoft\.com",
    "devops": r"(?:vssps\.)?dev\.azure\.com",
    "github": r"api\.github\.com",
    "registry": r"cert-[a-z0-9-]+\.experiments\.azureml\.net",
    "inference": r"[a-z0-9-]+\.[a-z0-9-]+\.inference\.ml\.azure\.com",
}
ROUTES = Path(__file__).with_name("ROUTES.md")
HEAD = """# What backs each route

Made by `uv run python -m standin.specification --write`; [README.md](README.md) says what the
words mean.

"""

_WORKSPACE = (
    r"/subscriptions/[^/]+/resourceGroups/[^/]+"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+"
)
_EXPERIMENT = "/history/v1.0{workspace}/experiments/{experiment}"
_BY_ID = "/history/v1.0{workspace}/experimentids/{experiment}"

Check = Callable[[object], list[str]]


@dataclass(frozen=True)
class Published:
    """An answer that was published: `answers` has a check per status, None for an empty body."""

    service: str
    host: str
    method: str
    path: str
    answers: Mapping[int, Check | None]
    error: Check
    backing: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the paths of its requests."""
        return _pattern(self.path)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    out = []
    for piece in re.split(r"(\{[^}]+\})", template):
        if piece == "{workspace}":
            out.append(_WORKSPACE)
        elif piece.startswith("{"):
            out.append(".*" if piece.endswith(":path}") else "[^/]+")
        else:
            out.append(re.escape(piece))
    return re.compile("".join(out) + "/?", re.I)


def _checks(name: str, answers: Mapping[str, str | None]) -> dict[int, Check | None]:
    """The check of each status that a row of a file names."""
    return {
        int(status): None if kind is None else _kind_check(name, kind)
        for status, kind in answers.items()
    }


def _kind_check(name: str, kind: str) -> Check:
    if kind == "bytes":
        return lambda value: []
    notation.validator(name, kind)  # a row must not name a type that is not there
    return partial(notation.violations, name, kind)


def _stated() -> Iterable[Published]:
    """The rows of `specifications/*.json`."""
    for name in notation.names():
        data = notation.load(name)
        for method, path, answers, backing in data["answers"]:
            error = _kind_check(name, data["error"])
            ways = [path]
            if path.startswith("{experiment}"):  # an experiment is named or given by its id
                rest = path.removeprefix("{experiment}")
                ways = [_EXPERIMENT + rest, _BY_ID + rest]
            for way in ways:
                checks = _checks(name, answers)
                yield Published(data["service"], data["host"], method, way, checks, error, backing)


def _mlflow() -> Iterable[Published]:
    """MLflow's calls, below the two roots that Azure ML gives its tracking server."""
    for method, path, message in mlflow_api.calls():
        for root in ("/mlflow/v1.0{workspace}", "/mlflow/v2.0{workspace}"):
            answers: dict[int, Check | None] = {200: partial(mlflow_api.violations, message)}
            absent = "/logged-models" in path
            error = mlflow_api.absent_violations if absent else mlflow_api.error_violations
            yield Published("MLflow", "api", method, root + path, answers, error, "specification")


def published() -> tuple[Published, ...]:
    """All that was published, the row that says most of a path first."""
    return _sorted(True)


@cache
def _sorted(mlflow: bool) -> tuple[Published, ...]:
    """What was published, with MLflow's calls or without, which spares mlflow's import."""
    rows = [*_stated(), *(_mlflow() if mlflow else ())]
    return tuple(sorted(rows, key=lambda row: (row.path.count(":path}"), row.path.count("{"))))


def find(method: str, host: str, path: str) -> Published | None:
    """What was published of the answer to a request, None when nothing was."""
    for row in _sorted(path.lower().startswith("/mlflow/")):
        fits = row.method == method and re.fullmatch(HOSTS[row.host], host, re.I)
        if fits and row.pattern.fullmatch(path):
            return row
    return None


def check(
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    status: int,
    request_body: object,
    answer_body: object,
) -> list[str] | None:
    """What is wrong with an answer, None when nothing published covers it.

    `answer_body` is the parsed JSON (None: empty). Unknown keys, missing ones, wrong types, formats
    and words are each one line; a status that was not published too.
    """
    row = find(method, host, path)
    if row is None:
        return None
    if status >= 400:
        return [] if method == "HEAD" else row.error(answer_body)  # it carries no body
    if status not in row.answers:
        known = ", ".join(str(one) for one in sorted(row.answers))
        return [f"status {status} is not published for this call ({known} are)"]
    test = row.answers[status]
    if test is None:
        return [] if answer_body in (None, b"", "") else ["a body where none is published"]
    return test(answer_body)


def main() -> None:
    """Print the table of the stand-in's routes, or write it into ROUTES.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--table", action="store_true", help="print the table")
    choice.add_argument("--write", action="store_true", help="write it into ROUTES.md")
    write = parser.parse_args().write
    from .specifications.coverage import table
    from .standin import StandIn

    standin = StandIn()
    try:
        text = table(standin.azure.router)
    finally:
        standin.stop()
    if write:
        ROUTES.write_text(HEAD + text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
