"""Content identities: what has not changed keeps its version, what has never passes for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from amlkit.records import WorkError
from amlkit.tabular.parts import table_files

DIGITS = 12
# The part of amlkit that runs in jobs and endpoints; it imports nothing else of amlkit.
RUNTIME = ("amlkit/tabular/", "amlkit/serving/", "amlkit/say.py")
FOLDERS_FILE = "folders.txt"
_CHUNK = 1 << 20
# A half-made folder of this age (s) was left by a process that was killed.
ABANDONED = 24 * 3600
WINDOWS = sys.platform == "win32"
# How long another process may hold a file that is replaced or read there (s).
SHARED = 2.0


Progress = Callable[[int, int], None]


def file_hash(path: Path, progress: Progress | None = None) -> str:
    """SHA-256 of a file's bytes, in full; `progress` is called with (bytes done, bytes in all)."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    return digest.hexdigest()


def table_hashes(table: Path, progress: Progress) -> dict[str, str]:
    """SHA-256 of each of a table's files, by their names beside it."""
    files = table_files(table)
    hashes, before, total = {}, 0, sum(path.stat().st_size for path in files.values())
    for name, path in files.items():
        hashes[name] = file_hash(path, one_of(progress, before, total))
        before += path.stat().st_size
    return hashes


def table_hash(hashes: Mapping[str, str]) -> str:
    """SHA-256 of a table: of its file's bytes; of its parts, of what `table_hashes` says of them.

    A folder's own name is no content, as a file's is none.
    """
    if len(hashes) == 1 and "/" not in next(iter(hashes)):
        return next(iter(hashes.values()))
    parts = sorted((name.partition("/")[2], digest) for name, digest in hashes.items())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def one_of(progress: Progress, before: int, total: int) -> Progress:
    """The progress of one file among several, of which `before` bytes are done."""
    return lambda done, _: progress(before + done, total)


def identity(value: Any) -> str:
    """12 hex digits of anything that is JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def files_identity(files: Mapping[str, Path]) -> str:
    """12 hex digits of named files: their names and bytes, in no order."""
    return identity(sorted((name, file_hash(path)) for name, path in files.items()))


def wheel_identity(wheel: Path) -> str:
    """12 hex digits of what a private wheel brings into jobs and endpoints.

    Of amlkit itself only the part that runs there counts: a release that changes the bootstrap
    builds no image and trains nothing again.
    """
    if wheel.name.startswith("amlkit-"):
        with ZipFile(wheel) as archive:
            parts = [
                (entry.filename, hashlib.sha256(archive.read(entry)).hexdigest())
                for entry in archive.infolist()
                if entry.filename.startswith(RUNTIME)
            ]
        return identity(["amlkit", sorted(parts)])
    return identity([wheel.name, file_hash(wheel)])


def environment_version(lock: Path, wheels: Iterable[Path]) -> str:
    """The content of an environment: the lock's pins and the private wheels; 12 hex digits.

    What the lock says of a package that comes as a private wheel is left out: the wheel counts.
    """
    wheels = list(wheels)
    private = {canonical_name(wheel.name.split("-")[0]) for wheel in wheels}
    locked = [entry for entry in lock_entries(lock) if entry[0] not in private]
    return identity([locked, sorted(map(wheel_identity, wheels))])


def lock_entries(lock: Path) -> list[tuple[str, str]]:
    """(package, its whole entry with hashes) of a lock, sorted; comments and options left out."""
    found = []
    for line in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        entry = " ".join(line.split(" #", 1)[0].split())
        if entry and not entry.startswith(("#", "-")):
            found.append((canonical_name(re.split(r"[^A-Za-z0-9._-]", entry)[0]), entry))
    return sorted(found)


def canonical_name(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def code_files(package: Path, ignore_file: Path) -> dict[str, Path]:
    """The files of a package that travel with a job, by their name in the snapshot.

    Left out: compiled files, hidden ones, and what `.amlignore` names.
    """
    from pathspec import GitIgnoreSpec

    lines = ignore_file.read_text(encoding="utf-8").splitlines() if ignore_file.is_file() else []
    ignored = GitIgnoreSpec.from_lines(lines)
    found = {}
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(f for f in folders if f != "__pycache__" and not f.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            inside = path.relative_to(package.parent).as_posix()
            hidden = name.startswith(".") or name.endswith((".pyc", ".pyo"))
            if not hidden and not ignored.match_file(f"src/{inside}"):
                found[inside] = path
    return found


def snapshot(files: Mapping[str, Path], folder: Path) -> tuple[str, Path]:
    """Copies code once by content: (code version, the folder that holds it).

    Beside it lies a list of its folders: SDK v1 compares snapshots without the names of folders,
    and would run the code of another repository whose package differs in its name alone.
    """
    version = files_identity(files)
    target = folder / version
    if not target.is_dir():
        with new_folder(target) as half:
            for name, path in files.items():
                (half / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, half / name)
            folders = sorted({parent.as_posix() for name in files for parent in Path(name).parents})
            (half / FOLDERS_FILE).write_text("\n".join(folders) + "\n", encoding="utf-8")
            if files_identity({name: half / name for name in files}) != version:
                raise WorkError("the code changed while it was copied; run this again")
    return version, target


class new_folder:
    """A folder that appears whole under its name, or not at all."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.half = target.parent / f".{uuid.uuid4().hex}.half"

    def __enter__(self) -> Path:
        for left in self.target.parent.glob(".*.half"):
            with suppress(FileNotFoundError):  # whoever makes it may be done by now
                if time.time() - left.stat().st_mtime > ABANDONED:
                    shutil.rmtree(left, ignore_errors=True)
        self.half.mkdir(parents=True)
        return self.half

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            try:
                os.replace(self.half, self.target)
            except OSError:
                # Another process made the same content first: theirs is as good.
                if not self.target.is_dir():
                    raise
        shutil.rmtree(self.half, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never half of one."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text in the same way: whole or not at all."""
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        half.write_text(text, encoding="utf-8", newline="\n")
        _unshared(lambda: os.replace(half, path))
    finally:
        half.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """A JSON file's value; None where there is no such file."""
    try:
        return json.loads(_unshared(lambda: path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _unshared(act: Callable[[], Any]) -> Any:
    """Does something with a file, and again where another process is about to let go of it.

    On Windows a file that is being read cannot be replaced, nor read while it is.
    """
    until = time.monotonic() + SHARED
    while True:
        try:
            return act()
        except PermissionError:
            if not WINDOWS or time.monotonic() > until:
                raise
            time.sleep(0.01)


def git_state(root: Path) -> dict[str, Any] | None:
    """`{"commit": …, "dirty": …}`; None where git knows of no commit."""
    try:
        commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": bool(changes)}


def commit_time(root: Path) -> int:
    """When the commit that is checked out was made: Unix seconds; 0 where git knows of none."""
    try:
        return int(_git(root, "log", "-1", "--no-show-signature", "--format=%ct"))
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def _git(root: Path, *arguments: str) -> str:
    """What git prints."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
