"""The owner's line and exception, out of logs that Python itself writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from amlkit.tracebacks import owners_error


def log_of(folder: Path, files: dict[str, str], command: str) -> list[str]:
    """What Python writes where a package `p` of these files is run."""
    for name, text in files.items():
        path = folder / "code" / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    code = folder / "code"
    words = [
        sys.executable,
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(code)!r}); {command}",
    ]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("files", "command", "error"),
    [
        (
            {"train.py": "from p import f\n", "f.py": "x = 1\n\ndef f()\n"},
            "import p.train",
            "src/p/f.py:3: SyntaxError: expected ':'",
        ),
        (
            {"train.py": "from p.sub.f import g\ng()\n", "sub/f.py": "def g():\n    return nme\n"},
            "import p.train",
            "src/p/sub/f.py:2: NameError: name 'nme' is not defined",
        ),
        (  # the copy is named in Python's own words, too
            {"train.py": "from p.f import g\n", "f.py": ""},
            "import p.train",
            "src/p/train.py:1: ImportError: cannot import name 'g' from 'p.f' (src/p/f.py)",
        ),
        (
            {"train.py": "open(__file__ + 'x')\n"},
            "import p.train",
            "src/p/train.py:1: FileNotFoundError: [Errno 2] No such file or directory: "
            "'src/p/train.pyx'",
        ),
        (  # deep in a library: the owner's line is what can be mended
            {"train.py": "import json\n\njson.loads('[')\n"},
            "import p.train",
            "src/p/train.py:3: json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (",
        ),
        (  # as a server does that wraps it
            {"score.py": "def run():\n    1 / 0\n"},
            "import p.score\ntry: p.score.run()\nexcept Exception as e: raise OSError('x') from e",
            "src/p/score.py:2: ZeroDivisionError: division by zero",
        ),
        ({"train.py": ""}, "import p.train; 1 / 0", ""),
        ({"train.py": "raise SystemExit('told to')\n"}, "import p.train", ""),
    ],
    ids=[
        "syntax",
        "name",
        "import",
        "file",
        "library",
        "wrapped",
        "not the owner's",
        "no traceback",
    ],
)
def test_the_owners_line_and_exception(
    tmp_path: Path, files: dict[str, str], command: str, error: str
) -> None:
    found = owners_error(["before", *log_of(tmp_path, files, command), "after"], "p")
    assert found.startswith(error) if error else found == ""
