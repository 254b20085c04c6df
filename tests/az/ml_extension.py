"""Where the double of the `ml` extension comes from: a wheel as az's extension index offers it."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

DOUBLE = Path(__file__).parent / "ml_double"
VERSION = "2.0.0+double"
METADATA = f"""Metadata-Version: 2.1
Name: ml
Version: {VERSION}
Summary: A double of the ml extension, for tests only
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(folder: Path) -> Path:
    """The double as a wheel; its packages are those of az's environment, so it requires none."""
    wheel = folder / f"ml-{VERSION}-py3-none-any.whl"
    info = f"ml-{VERSION}.dist-info"
    files = {
        path.relative_to(DOUBLE).as_posix(): path.read_bytes()
        for path in sorted(DOUBLE.rglob("*"))
        if path.suffix in (".py", ".json")
    }
    files |= {f"{info}/METADATA": METADATA.encode(), f"{info}/WHEEL": WHEEL.encode()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        lines = [f"{name},{_digest(content)},{len(content)}" for name, content in files.items()]
        record = f"{info}/RECORD"
        archive.writestr(record, "\n".join([*lines, f"{record},,", ""]))
    return wheel


def place(config: Path) -> None:
    """Put the extension where `az extension add` would have put it."""
    folder = config / "cliextensions" / "ml"
    folder.mkdir(parents=True)
    wheel = build_wheel(folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def _digest(content: bytes) -> str:
    """A file's checksum as a wheel records it."""
    raw = hashlib.sha256(content).digest()
    return f"sha256={base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"
