"""The owner's exception and its line, out of a log: what failed, where it can be mended."""

from __future__ import annotations

import re
from collections.abc import Iterable

START = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s+File "(?P<path>[^"]+)", line (?P<line>\d+)')


def owners_error(log: Iterable[str], package: str) -> str:
    """`src/p/train.py:48: NameError: name 'x' is not defined`: of the last traceback through `p`.

    The line is the deepest one of the owner's package, whose copy ran; "" where there is none.

    Args:
        log: the lines of a job or a server, without their ends.
        package: the owner's package.
    """
    copied = re.compile(rf"([('\"])[^('\"]*[/\\]{re.escape(package)}[/\\]")
    inside = re.compile(rf"[/\\]{re.escape(package)}[/\\](?P<file>[^\"]+)$")
    place, found, open_ = "", "", False
    for line in log:
        if START in line:  # a logger writes its own words before it
            place, open_ = "", True
        elif open_ and (frame := _FRAME.match(line)):
            path = inside.search(frame["path"])
            if path and "site-packages" not in frame["path"]:
                file = path["file"].replace("\\", "/")
                place = f"src/{package}/{file}:{frame['line']}"
        elif open_ and line.strip() and not line[0].isspace():
            words = copied.sub(rf"\g<1>src/{package}/", line.strip())
            found = f"{place}: {words}" if place else found
            open_ = False
    return found
