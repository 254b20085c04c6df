"""Builds amlkit's wheel, gives each content a version of its own, and renews pin and hash in locks.

    python -m tools.wheel            for what is handed in: the one wheel of the template
    python -m tools.wheel --check    whether that is what the source builds

Installers look at a version alone: the same one with other bytes stays unseen wherever the old is
installed. `amlkit/wheels.json` therefore remembers every version that was handed in, with its hash.
No network: hatchling comes from the environment that runs this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email import message_from_bytes
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

from filelock import FileLock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "amlkit"
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
RECORD = LIBRARY / "wheels.json"
CACHE = ROOT / ".cache" / "wheels"
# What the wheel is made of. Compiled files are nobody's source.
SOURCES = ("src", "pyproject.toml", "README.md", "LICENSE")
VERSION = re.compile(r'(?m)^__version__ = "(.+)"$')
VERSION_FILE = Path("src/amlkit/__init__.py")
# Any moment will do, as long as it is the same one: the first that a zip can hold.
EPOCH = "315532800"


class WheelError(Exception):
    """The wheel cannot be handed in as it is: one line that says why."""


def build(folder: Path, version: str = "", library: Path = LIBRARY) -> Path:
    """Builds the wheel into `folder`, its bytes decided by the source and the version alone.

    Args:
        folder: where the wheel is put.
        version: another version than the source's own.
        library: the project to build: its `pyproject.toml`, `src/` and texts.

    Raises:
        WheelError: another hatchling than the pinned one is installed, or it failed.
    """
    wanted = re.findall(r"hatchling==([^\"']+)", (library / "pyproject.toml").read_text("utf-8"))
    installed = metadata.version("hatchling")
    if wanted != [installed]:
        raise WheelError(f"hatchling {installed} runs, {wanted} builds amlkit: it writes its own")
    with tempfile.TemporaryDirectory() as temporary:
        # A copy: without what git ignores, without anyone's file modes.
        copy = Path(temporary, "amlkit")
        for name, path in source_files(library).items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / name)
        if version:
            write_version(version, copy)
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
            cwd=copy,
            env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise WheelError(f"hatchling failed: {done.stderr.strip().splitlines()[-1]}")
        name = f"amlkit-{version or source_version(library)}-py3-none-any.whl"
        return folder / name


def source_files(library: Path = LIBRARY) -> dict[str, Path]:
    """The files that the wheel is made of, by their names below the library's folder."""
    found: dict[str, Path] = {}
    for name in SOURCES:
        top = library / name
        inside = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in inside:
            parts = path.relative_to(library)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in parts.parts)
            if path.is_file() and not hidden and path.suffix not in (".pyc", ".pyo"):
                found[parts.as_posix()] = path
    return found


def source_version(library: Path = LIBRARY) -> str:
    """The version that the source says of itself, `amlkit.__version__`."""
    found = VERSION.findall((library / VERSION_FILE).read_text(encoding="utf-8"))
    if len(found) != 1:
        raise WheelError(f"{VERSION_FILE} holds {len(found)} lines of __version__, not one")
    return str(found[0])


def write_version(version: str, library: Path = LIBRARY) -> None:
    """Makes `version` the source's."""
    path = library / VERSION_FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(VERSION.sub(f'__version__ = "{version}"', text), encoding="utf-8", newline="\n")


def current_wheel(folder: Path = CACHE, library: Path = LIBRARY) -> Path:
    """A wheel of the source as it is, under a version that holds its content: `0.2.0+<12 hex>`.

    Built once for each content. For tests; what is handed in is `make_wheel`'s.
    """
    digest = hashlib.sha256()
    for name, path in source_files(library).items():
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    version = f"{source_version(library)}+{digest.hexdigest()[:12]}"
    wheel = folder / f"amlkit-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not wheel.is_file():
            with tempfile.TemporaryDirectory(dir=folder) as half:
                os.replace(build(Path(half), version, library), wheel)
    return wheel


def install_into(project: Path, wheel: Path) -> None:
    """Makes `wheel` the one amlkit of a rendered repository or of the template.

    It replaces the one in `wheels/`; pin and hash follow in constraints.txt and in all locks.

    Raises:
        WheelError: a lock holds no amlkit.
    """
    folder = project / "wheels"
    folder.mkdir(exist_ok=True)
    for other in folder.glob("amlkit-*.whl"):
        if other.name != wheel.name:
            other.unlink()
    if wheel.parent.resolve() != folder.resolve():
        shutil.copyfile(wheel, folder / wheel.name)
    version = parse_wheel_filename(wheel.name)[1]
    _renew(project / "constraints.txt", r"^amlkit==\S+", f"amlkit=={version}")
    for lock in sorted(project.glob("requirements-*.txt")):
        _renew(
            lock,
            r"^amlkit==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+",
            f"amlkit=={version} \\\n    --hash=sha256:{_hash(wheel)}\n",
        )


def _renew(path: Path, pattern: str, text: str) -> None:
    """Puts `text` in the place of the one passage that `pattern` finds."""
    old = path.read_text(encoding="utf-8")
    new, count = re.subn(pattern, lambda _: text, old, flags=re.MULTILINE)
    if count != 1:
        raise WheelError(f"{path.name} pins amlkit {count} times, not once; `make locks`")
    if new != old:
        path.write_text(new, encoding="utf-8", newline="\n")


def unmet(project: Path, wheel: Path) -> list[str]:
    """What a wheel asks for and the locks of a repository do not hold, a line each.

    Only the lock's own extras count: those that its `.in` file names.
    """
    with ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        said = message_from_bytes(archive.read(name))
    asked, offered = said.get_all("Requires-Dist", []), said.get_all("Provides-Extra", [])
    lines = []
    for lock in sorted(project.glob("requirements-*.txt")):
        entries = re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"))
        locked = {canonicalize_name(name): version for name, version in entries}
        extras, waiting = set[str](), list(_extras(lock.with_suffix(".in")))
        for extra in set(waiting) - set(offered):
            lines.append(f"{lock.name}: amlkit[{extra}] is asked for, amlkit has no such extra")
        while waiting:
            extras.add(extra := waiting.pop())
            for requirement in map(Requirement, asked):
                if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                    continue
                if requirement.name == "amlkit":
                    waiting += requirement.extras - extras
                    continue
                version = locked.get(canonicalize_name(requirement.name))
                if version is None or not requirement.specifier.contains(version, True):
                    line = f"{lock.name}: {requirement.name}{requirement.specifier}"
                    lines.append(f"{line} is asked for, {version or 'nothing'} is locked")
    return sorted(set(lines))


def _extras(source: Path) -> set[str]:
    """The extras of amlkit that a requirements file names, and those it includes."""
    text = source.read_text(encoding="utf-8")
    named = re.findall(r"(?m)^amlkit\[([\w,-]+)\]", text)
    found = {extra for names in named for extra in names.split(",")}
    for other in re.findall(r"(?m)^-r (\S+)", text):
        found |= _extras(source.parent / other)
    return found


def make_wheel(library: Path = LIBRARY, template: Path = TEMPLATE, record: Path = RECORD) -> Path:
    """Makes the template's wheel what the source builds, under a version of its own.

    A source that was handed in keeps its version. Other content takes the version that the source
    says if it is higher than all that were handed in, else the next patch version, which is then
    written into the source. Each is recorded with its hash.

    Raises:
        WheelError: the template holds several wheels, or a lock without amlkit.
    """
    known = _known(record)
    with tempfile.TemporaryDirectory() as temporary:
        built = build(Path(temporary), library=library)
        if not _is_known(built, template, known):
            version = Version(source_version(library))
            newest = max(map(Version, known), default=Version("0"))
            if version <= newest:
                patch = f"{newest.major}.{newest.minor}.{newest.micro + 1}"
                write_version(patch, library)
                built = build(Path(temporary), library=library)
            known[source_version(library)] = _hash(built)
            record.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8", newline="\n")
        wheel = _the_wheel(template)
        if wheel and wheel.name == built.name and _hash(wheel) == known[source_version(library)]:
            built = wheel  # its own bytes stay, whatever compressed them
        install_into(template, built)
    return template / "wheels" / built.name


def check(library: Path = LIBRARY, template: Path = TEMPLATE, record: Path = RECORD) -> None:
    """Looks whether the template's wheel is what the source builds, recorded, pinned and locked.

    Raises:
        WheelError: it is not; `make wheel` mends all but a changed record.
    """
    wheel = _the_wheel(template)
    if wheel is None:
        raise WheelError("the template holds no wheel of amlkit; `make wheel`")
    version, known = str(parse_wheel_filename(wheel.name)[1]), _known(record)
    if version not in known:
        raise WheelError(f"{record.name} does not know {wheel.name}; `make wheel`")
    if known[version] != _hash(wheel):
        raise WheelError(
            f"{wheel.name} holds other bytes than were handed in under {version}: each content "
            "needs a version of its own; `git checkout` the wheel, then `make wheel`"
        )
    with tempfile.TemporaryDirectory() as temporary:
        built = build(Path(temporary), library=library)
        if built.name != wheel.name or not _same(built, wheel):
            raise WheelError(f"{wheel.name} is not what the source builds; `make wheel`")
    pin = f"amlkit=={version}"
    if (template / "constraints.txt").read_text("utf-8").splitlines().count(pin) != 1:
        raise WheelError(f"constraints.txt does not say {pin}; `make wheel`")
    entry = f"{pin} \\\n    --hash=sha256:{known[version]}\n"
    for lock in sorted(template.glob("requirements-*.txt")):
        if lock.read_text(encoding="utf-8").count(f"\n{entry}") != 1:
            raise WheelError(f"{lock.name} does not lock {wheel.name} by its hash; `make wheel`")
    if lines := unmet(template, wheel):
        raise WheelError(f"{lines[0]}; `make locks`")


def _known(record: Path) -> dict[str, str]:
    """Version → SHA-256 of the wheel that was handed in."""
    known: dict[str, str] = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    return known


def _is_known(built: Path, template: Path, known: dict[str, str]) -> bool:
    """Whether this content was handed in under its version."""
    hashed = known.get(str(parse_wheel_filename(built.name)[1]))
    wheel = _the_wheel(template)
    if wheel and wheel.name == built.name and _hash(wheel) == hashed:
        return _same(built, wheel)
    return hashed == _hash(built)


def _the_wheel(template: Path) -> Path | None:
    """The wheel of amlkit in the template; None where there is none.

    Raises:
        WheelError: there are several.
    """
    found = sorted((template / "wheels").glob("amlkit-*.whl"))
    if len(found) > 1:
        names = ", ".join(wheel.name for wheel in found)
        raise WheelError(f"only the current wheel is kept, but wheels/ holds {names}")
    return found[0] if found else None


def _same(one: Path, other: Path) -> bool:
    """Whether two wheels hold the same files: a zlib-ng compresses them to other bytes."""

    def contents(wheel: Path) -> list[tuple[str, bytes]]:
        with ZipFile(wheel) as archive:
            return [(name, archive.read(name)) for name in archive.namelist()]

    return _hash(one) == _hash(other) or contents(one) == contents(other)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Hands the wheel in, or checks the one that was."""
    parser = argparse.ArgumentParser(description="The wheel of amlkit in the template.")
    parser.add_argument("--check", action="store_true", help="change nothing, only look")
    try:
        if parser.parse_args().check:
            check()
        else:
            wheel = make_wheel()
            print(f"{wheel.name}: {wheel.stat().st_size / 1000:.0f} KB, sha256 {_hash(wheel)}")
            for line in unmet(TEMPLATE, wheel):
                print(f"{line}; `make locks` adds it")
    except WheelError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
