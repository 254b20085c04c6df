"""What a Dockerfile installs with pip: a virtual environment stands for its image.

Read are `pip install` with packages, requirement files and wheels of the build context, plain or
below `python -m` or `conda run`. Other steps are not run, which the log of the build says.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from ..routing import Json

if TYPE_CHECKING:
    from .locations import Location

_INSTALL = re.compile(r"\bpip3?\s+install\s+(.*)", re.DOTALL)
#: Options of pip install that take a value; others stand alone.
_VALUED = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "-t")


def pip_lines(text: str, context: Location) -> list[str]:
    """The requirements that a Dockerfile's steps install, wheels by their addresses."""
    lines: list[str] = []
    for step in re.sub(r"\\\s*\n", " ", text).splitlines():
        if not re.match(r"\s*RUN\s", step, re.IGNORECASE):
            continue
        for part in re.split(r"&&|;", step.split(None, 1)[1]):
            if found := _INSTALL.search(part):
                lines += _arguments(shlex.split(found[1]), context)
    return lines


def _arguments(words: list[str], context: Location) -> list[str]:
    lines: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("-r", "--requirement"):
            lines += _requirements(next(rest, ""), context)
        elif word in _VALUED:
            next(rest, "")
        elif not word.startswith("-"):
            lines.append(_wheel(word, context) if word.endswith(".whl") else word)
    return lines


def _requirements(path: str, context: Location) -> list[str]:
    """The lines of a requirement file, which the Dockerfile copied from wherever it lies."""
    data = context.find(path.rpartition("/")[2])
    text = re.sub(r"\\\s*\n", " ", (data or b"").decode())
    lines = []
    for line in text.splitlines():
        bare = re.sub(r"\s--hash=\S+", "", line.partition(" #")[0]).strip()
        if bare and not bare.startswith(("#", "-")):
            lines.append(_wheel(bare, context) if bare.endswith(".whl") else bare)
    return lines


def _wheel(path: str, context: Location) -> str:
    name = context.name_of(path.rpartition("/")[2])
    return context.blobs.url(context.container, name) if name else path


def with_packages(definition: Json, text: str, context: Location) -> Json:
    """A definition whose image holds what the Dockerfile installs."""
    python = {**(definition.get("python") or {}), "userManagedDependencies": False}
    python["condaDependencies"] = {"dependencies": [{"pip": pip_lines(text, context)}]}
    return {**definition, "python": python}
