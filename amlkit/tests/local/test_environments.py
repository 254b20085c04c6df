"""Environments of this machine: what is installed against the lock, and the one that serves."""

from __future__ import annotations

import hashlib
import json
import subprocess
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest

from amlkit.local import environments
from amlkit.local.environments import LocalEnvironments
from amlkit.records import EnvironmentDefinition, WorkError


def wheel(folder: Path, name: str, version: str, says: str) -> Path:
    """A private wheel of one module that says something."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"SAYS = {says!r}\n")
        archive.writestr(f"{name}/serving/__init__.py", f"SAYS = {says!r}\n")  # what counts
        metadata_text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", metadata_text)
        kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", kind)
        archive.writestr(f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/RECORD,,\n")
    return path


def locked(*wheels: Path) -> str:
    """A lock of private wheels, as `make lock` writes it."""
    entries = ["--find-links wheels\n"]
    for path in wheels:
        name, version, *_ = path.name.split("-")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via x\n")
    return "\n".join(entries)


@pytest.fixture
def serving(tmp_path: Path) -> EnvironmentDefinition:
    """A repository's serving lock, which names two private wheels; a space in the folder's name."""
    root = tmp_path / "a project"
    wheels = (
        wheel(root / "wheels", "amlkit", "0.0.7", "shipped"),
        wheel(root / "wheels", "ours", "1.0", "ours"),
    )
    lock = root / "requirements-serve.txt"
    lock.write_text(locked(*wheels), encoding="utf-8")
    return EnvironmentDefinition("serve", lock, wheels, serving=True)


def says(python: Path, name: str) -> str:
    """What a package says in an environment, and its version."""
    program = f"import {name}, importlib.metadata as m; print({name}.SAYS, m.version({name!r}))"
    command = [str(python), "-I", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("installer", ["uv", pytest.param("pip", marks=pytest.mark.slow)])
def test_serving_environment_is_made_of_lock_and_private_wheels(
    serving: EnvironmentDefinition,
    tmp_path: Path,
    installer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From any working folder; hashes are checked; an ejected copy's wheel replaces the shipped."""
    if installer == "pip":
        monkeypatch.setattr(environments, "find_uv", lambda root: None)
    elif not environments.find_uv(tmp_path):
        pytest.skip("there is no uv here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    local = LocalEnvironments(tmp_path / "workspace")
    said: list[str] = []
    python = local.interpreter(serving, said.append)
    assert says(python, "amlkit") == "shipped 0.0.7"
    assert says(python, "ours") == "ours 1.0"
    assert len(said) == 1
    assert local.interpreter(serving, said.append) == python  # at once: it is made once
    assert len(said) == 1

    built = wheel(tmp_path / "ejected", "amlkit", "0.0.7+ejected.12ab", "changed")
    ejected = EnvironmentDefinition("serve", serving.lock, (built, serving.wheels[1]), serving=True)
    other = local.interpreter(ejected, said.append)
    assert other != python
    assert says(other, "amlkit") == "changed 0.0.7+ejected.12ab"
    assert says(other, "ours") == "ours 1.0"


def test_wheel_of_other_bytes_than_locked_is_refused(
    serving: EnvironmentDefinition, tmp_path: Path
) -> None:
    """The lock names what must be installed; a file that was exchanged is not."""
    text = serving.lock.read_text("utf-8")
    digest = hashlib.sha256(serving.wheels[1].read_bytes()).hexdigest()
    serving.lock.write_text(text.replace(digest, "0" * 64), encoding="utf-8")
    only = EnvironmentDefinition("serve", serving.lock, serving.wheels[:1], serving=True)
    with pytest.raises(WorkError, match="could not be made"):
        LocalEnvironments(tmp_path / "workspace").interpreter(only, print)


def test_environment_that_cannot_be_made_leaves_nothing_that_passes_for_one(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "requirements-serve.txt"
    lock.write_text("no-such-package-here @ file:///nowhere --hash=sha256:00\n", encoding="utf-8")
    definition = EnvironmentDefinition("serve", lock, (), serving=True)
    local = LocalEnvironments(tmp_path / "workspace")
    for _ in range(2):  # the second time it is tried again
        with pytest.raises(WorkError, match="could not be made"):
            local.interpreter(definition, print)
        assert local.get(definition).created


def test_training_environment_is_what_is_installed(tmp_path: Path) -> None:
    """Compared with the lock, amlkit included; what differs does not pass for the lock's."""
    lock = tmp_path / "requirements-train.txt"
    names = ("amlkit", "pytest")
    pins = "".join(f"{name}=={metadata.version(name)}\n" for name in names)
    lock.write_text(pins, encoding="utf-8")
    local = LocalEnvironments(tmp_path / "workspace")
    definition = EnvironmentDefinition("train", lock, ())
    assert local.get(definition).created
    made = local.create(definition)
    assert (made.created, made.differences) == (True, ())
    assert not local.create(definition).created
    (record,) = (tmp_path / "workspace" / "environments").glob("train-*.json")
    assert json.loads(record.read_text("utf-8"))["version"] == made.version

    lock.write_text(pins.replace("amlkit==", "amlkit==9."), encoding="utf-8")
    other = local.get(definition)
    assert other.differences and "amlkit is " in other.differences[0]
    assert ".differs-" in other.version and other.created


def test_lock_of_another_platform_or_comment_is_the_same_environment(tmp_path: Path) -> None:
    lock = tmp_path / "requirements-train.txt"
    pin = f"pytest=={metadata.version('pytest')}"
    lock.write_text(f"{pin}\n", encoding="utf-8")
    local = LocalEnvironments(tmp_path / "workspace")
    before = local.get(EnvironmentDefinition("train", lock, ()))
    lock.write_text(f"# a comment\n{pin}  # via x\n", encoding="utf-8")
    assert local.get(EnvironmentDefinition("train", lock, ())) == before
