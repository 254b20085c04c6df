"""amlkit's own source in a repository, for whoever must change it; and the wheels of a repository.

`python -m amlkit eject` copies the source out of the shipped wheel into `src/amlkit`. From then on
drivers use it (a script's folder is first on `sys.path`), local jobs have it on their path, and
images and endpoints get a wheel that is built from it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from amlkit.content import code_files, file_hash, files_identity, identity, new_folder
from amlkit.lockfile import EJECTED
from amlkit.records import WorkError
from amlkit.settings.tree import SettingsError

COPY = Path("src", "amlkit")
BUILT = Path(".local-workspace", "ejected")
_EPOCH = "315532800"  # the first moment that a zip can hold


def private_wheels(root: Path, folder: Path) -> tuple[Path, ...]:
    """The private wheels of a repository, amlkit's own among them.

    amlkit's is the shipped one; where its source was ejected, the one that is built from the copy,
    once for each content.

    Args:
        root: the repository.
        folder: its `wheels/`.

    Raises:
        SettingsError: the folder holds no wheel of amlkit, or several.
        WorkError: the copy cannot be made a wheel.
    """
    shipped = shipped_wheel(folder)
    if not (root / COPY).is_dir():
        return tuple(sorted(folder.glob("*.whl")))
    others = (wheel for wheel in folder.glob("*.whl") if wheel != shipped)
    return tuple(sorted([*others, _built(root, shipped)], key=lambda wheel: wheel.name))


def shipped_wheel(folder: Path) -> Path:
    """The one wheel of amlkit in a folder.

    Raises:
        SettingsError: there is none, or there are several.
    """
    found = sorted(folder.glob("amlkit-*.whl"))
    if not found:
        raise SettingsError(f"{folder} holds no wheel of amlkit; `git checkout {folder.name}`")
    if len(found) > 1:
        names = ", ".join(wheel.name for wheel in found)
        raise SettingsError(f"{folder} holds {len(found)} wheels of amlkit: {names}; keep one")
    return found[0]


def ejected_path(root: Path) -> Path | None:
    """What comes first on the PYTHONPATH of a local job where amlkit was ejected; else None.

    A folder that holds nothing but this content of `src/amlkit`: a change made while the job runs
    does not reach it.
    """
    if not (root / COPY).is_dir():
        return None
    return _unpacked(_built(root, shipped_wheel(root / "wheels")))


def eject(root: Path, *, force: bool = False) -> Path:
    """Copies amlkit's source from the shipped wheel into `src/amlkit`; returns that folder.

    Raises:
        SettingsError: there is no one wheel, or `src/amlkit` is there already and `force` is not
            asked for.
    """
    wheel = shipped_wheel(root / "wheels")
    target = root / COPY
    if target.exists() and not force:
        changed = changes(root)
        state = f"with changes in {_some(changed)}" if changed else "unchanged"
        raise SettingsError(f"{COPY.as_posix()} is there already, {state}; --force writes over it")
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".amlkit-") as half:
        with ZipFile(wheel) as archive:
            archive.extractall(half, [n for n in archive.namelist() if n.startswith("amlkit/")])
        if target.exists():
            shutil.rmtree(target)
        os.replace(Path(half, "amlkit"), target)
    return target


def changes(root: Path) -> list[str]:
    """Files of `src/amlkit` that are not as in the shipped wheel: changed, added or deleted."""
    copied = {name: path.read_bytes() for name, path in _files(root).items()}
    with ZipFile(shipped_wheel(root / "wheels")) as archive:
        shipped = {n: archive.read(n) for n in archive.namelist() if n.startswith("amlkit/")}
    names = copied.keys() | shipped.keys()
    return sorted(name for name in names if copied.get(name) != shipped.get(name))


def _some(names: list[str]) -> str:
    """The first three of some names, and how many there are beside."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _files(root: Path) -> dict[str, Path]:
    """The files of the copy, by their names in a wheel."""
    return code_files(root / COPY, Path(os.devnull))


def _unpacked(wheel: Path) -> Path:
    """Where the content of a built wheel lies beside it: `amlkit-VERSION/`."""
    return wheel.parent / "-".join(wheel.name.split("-")[:2])


def _built(root: Path, shipped: Path) -> Path:
    """The wheel of the copy: the shipped one with the source replaced, under a version of its own.

    What it depends on is what the shipped one says, as the locks do.
    """
    from filelock import FileLock

    files = _files(root)
    source = files_identity(files)
    content = identity([source, file_hash(shipped)])
    public = shipped.name.split("-")[1].split("+")[0]
    version = f"{public}+{EJECTED}.{content}"
    folder = root / BUILT
    wheel = folder / f"amlkit-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (wheel.is_file() and _unpacked(wheel).is_dir()):
            shutil.rmtree(_unpacked(wheel), ignore_errors=True)
            with new_folder(_unpacked(wheel)) as half:
                _unpack(shipped, half)
                _replace(half, files, version)
                if files_identity({name: half / name for name in files}) != source:
                    changed = f"{COPY.as_posix()} changed while it was copied"
                    raise WorkError(f"{changed}; run this again")
            _pack(_unpacked(wheel), wheel)
    return wheel


def _unpack(wheel: Path, folder: Path) -> None:
    """A wheel's files into a folder, by the `wheel` package."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        _wheel("unpack", "--dest", temporary, str(wheel))
        [top] = Path(temporary).iterdir()
        shutil.copytree(top, folder, dirs_exist_ok=True)


def _replace(folder: Path, files: dict[str, Path], version: str) -> None:
    """Puts the copy's files in the place of the shipped ones, and another version."""
    shutil.rmtree(folder / "amlkit")
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
        (folder / name).chmod(0o644)  # a wheel records it
    [info] = folder.glob("amlkit-*.dist-info")
    text = (info / "METADATA").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^Version: .*$", f"Version: {version}", text, count=1)
    (info / "METADATA").write_text(text, encoding="utf-8", newline="\n")
    info.rename(folder / f"amlkit-{version}.dist-info")


def _pack(folder: Path, wheel: Path) -> None:
    """A folder into a wheel, whole or not at all, by the `wheel` package."""
    with tempfile.TemporaryDirectory(dir=wheel.parent) as temporary:
        _wheel("pack", "--dest-dir", temporary, str(folder))
        os.replace(Path(temporary, wheel.name), wheel)


def _wheel(*arguments: str) -> None:
    """Runs the `wheel` package, which promises its command line alone."""
    done = subprocess.run(
        [sys.executable, "-m", "wheel", *arguments],
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise WorkError(f"no wheel can be made of {COPY.as_posix()}: {said}")
