"""What a lock asks for, against what is installed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path


def pins(lock: Path, target: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """The (package, version) pairs of a requirements file that apply to this interpreter.

    `target` describes another one: values of markers by their names (PEP 508).
    """
    from packaging.requirements import Requirement

    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        line = line.split(" --hash", 1)[0].split(" #", 1)[0].strip()
        if not line or line.startswith(("#", "-")):
            continue
        requirement = Requirement(line)
        versions = [s.version for s in requirement.specifier if s.operator == "=="]
        if versions and (
            requirement.marker is None or requirement.marker.evaluate(dict(target or {}))
        ):
            yield requirement.name, versions[0]


def differences(lock: Path, wheels: Iterable[Path]) -> Iterator[str]:
    """Names, in words, whatever is installed otherwise than the lock and the private wheels say."""
    from packaging.utils import parse_wheel_filename

    private = [parse_wheel_filename(wheel.name)[:2] for wheel in wheels]
    for name, version in [*pins(lock), *((str(name), str(version)) for name, version in private)]:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} {version} is not installed"
            continue
        if installed != version:
            yield f"{name} is {installed}, {version} is asked for"


def identity_of(words: Iterable[str]) -> str:
    """8 hex digits of a set of differences."""
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()[:8]
