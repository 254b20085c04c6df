"""What a lock asks for, against what is installed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from amlkit.settings.tree import SettingsError

if TYPE_CHECKING:
    from packaging.version import Version

# The local version (PEP 440) of a wheel that is built from a repository's copy: 0.2.0+ejected.1f0c…
EJECTED = "ejected"


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
    # A wheel that was built from src/amlkit is installed nowhere here: drivers use the source.
    private = [pair for pair in map(_name_version, wheels) if not _is_ejected(pair[1])]
    for name, version in [*pins(lock), *((name, str(version)) for name, version in private)]:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} {version} is not installed"
            continue
        if installed != version:
            yield f"{name} is {installed}, {version} is asked for"


def check_wheels(lock: Path, wheels: Iterable[Path]) -> None:
    """Whether the lock says the same versions as the private wheels.

    Images are built from the lock without the packages that have a wheel: another version there
    would go unseen, and with it what that version depends on.

    Raises:
        SettingsError: it says another one.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    private = dict(map(_name_version, wheels))
    for name, locked in pins(lock):
        version = private.get(canonicalize_name(name))
        if version is None or Version(locked) == version:
            continue
        if _is_ejected(version) and Version(locked).public == version.public:
            continue
        raise SettingsError(
            f"{lock.name} locks {name} {locked}, but the private wheel is {version}; `make lock`"
        )


def _name_version(wheel: Path) -> tuple[str, Version]:
    """A wheel's package and version, by its file name."""
    from packaging.utils import parse_wheel_filename

    name, version, *_ = parse_wheel_filename(wheel.name)
    return str(name), version


def _is_ejected(version: Version) -> bool:
    """Whether a wheel was built from a repository's own copy of amlkit."""
    return (version.local or "").startswith(f"{EJECTED}.")


def identity_of(words: Iterable[str]) -> str:
    """8 hex digits of a set of differences."""
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()[:8]
