"""Cache@2: folders kept from one run to the next, by a key made of texts and of files' content."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import StepFailed
from .results import GOOD, StepResult

if TYPE_CHECKING:
    from .agent import Agent


def restore(agent: Agent, inputs: Mapping[str, str], result: StepResult) -> None:
    """Bring what was kept under the key, or under one that begins with a restore key."""
    key = fingerprint(inputs["key"], agent.sources)
    path = Path(inputs["path"])
    store = agent.service.folder / "caches"
    others = inputs.get("restoreKeys", "").splitlines()
    wanted = [key, *(fingerprint(line, agent.sources) for line in others if line.strip())]
    found = next((one for one in (_find(store, prefix) for prefix in wanted) if one), None)
    hit = "true" if found == key else "inexact" if found else "false"
    kept = agent.folder / f"cache-{_name(str(path))}"  # what an agent of one's own has there
    if found and not (path.is_dir() and kept.is_file() and kept.read_text() == found):
        copy(store / _name(found), path)
        kept.write_text(found, encoding="utf-8")
    if variable := inputs.get("cacheHitVar"):
        agent.variables.set(variable, hit)
    result.log += f"cache {key}: {hit}{f', from {found}' if found else ''}\n"

    def save() -> None:
        if agent.status in GOOD and hit != "true" and path.is_dir():
            copy(path, store / _name(key))
            (store / f"{_name(key)}.key").write_text(key, encoding="utf-8")

    agent.after.append(save)


def fingerprint(key: str, folder: Path) -> str:
    """A key with its files by their content. A segment that names files must find some."""
    segments = []
    for segment in (part.strip() for part in key.split("|")):
        if not is_path(segment):
            segments.append(segment.strip('"'))
            continue
        names = [part.strip() for part in segment.split(",")]
        files = sorted(
            path
            for name in names
            if not name.startswith("!")
            for path in folder.glob(name)
            if path.is_file() and f"!{path.name}" not in names
        )
        if not files:
            raise StepFailed(f"no file matches the key segment {segment!r}")
        content = b"".join(path.read_bytes() for path in files)
        segments.append(hashlib.sha256(content).hexdigest())
    return "|".join(segments)


def is_path(segment: str) -> bool:
    """Whether a segment names files: not in quotes, and with a dot or a separator in it."""
    if segment.startswith('"') and segment.endswith('"'):
        return False
    return bool(re.search(r"[./\\]", segment)) and not segment.endswith(".")


def copy(source: Path, target: Path) -> None:
    """Copy a folder as hard links: caches are not changed in place."""
    clear(target)
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-al", f"{source}/.", str(target)], check=True)


def clear(folder: Path) -> None:
    """Remove a folder, by a process of its own: it may have ten thousands of files."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def _find(store: Path, prefix: str) -> str | None:
    files = sorted(store.glob("*.key"), key=lambda path: path.stat().st_mtime, reverse=True)
    keys = [path.read_text(encoding="utf-8") for path in files]
    exact = [key for key in keys if key == prefix]
    return next(iter(exact + [key for key in keys if key.startswith(f"{prefix}|")]), None)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
