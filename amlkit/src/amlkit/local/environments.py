"""Environments of this machine: what is installed for training; a virtual environment that serves.

Jobs run in the interpreter that runs the driver, which is compared with the lock. Models are served
from an environment of their own, made of the serving lock once for each content.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from amlkit import lockfile
from amlkit.content import (
    canonical_name,
    environment_version,
    file_hash,
    lock_entries,
    write_json,
)
from amlkit.interpreter import in_folder
from amlkit.local.processes import inherited_variables
from amlkit.records import Environment, EnvironmentDefinition, WorkError
from amlkit.workspace import Say

# Where Linux and macOS keep the certificates that this machine trusts.
SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


_COMPLETE = ".made-from-lock"
_LINKS = "--find-links"


class LocalEnvironments:
    """`workspace.Environments`, below the folder of the workspace."""

    builds_images = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "environments"

    def get(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.get`; of the training's, `differences` are what is not as locked."""
        version = environment_version(definition.lock, definition.wheels)
        if definition.serving:
            made = (self.home(definition) / _COMPLETE).is_file()
            return Environment(definition.name, version, not made, None)
        differences = tuple(lockfile.differences(definition.lock, definition.wheels))
        if differences:
            # What runs is not what the lock says: it must not pass for it.
            version += f".differs-{lockfile.identity_of(differences)}"
        created = not self._record(definition.name, version).is_file()
        return Environment(definition.name, version, created, differences)

    def create(self, definition: EnvironmentDefinition) -> Environment:
        """See `Environments.create`: a training environment is only written down."""
        environment = self.get(definition)
        if not environment.created:
            return environment
        if definition.serving:
            self.interpreter(definition, lambda line: None)
            return environment
        record = self._record(environment.name, environment.version)
        record.parent.mkdir(parents=True, exist_ok=True)
        known = {"name": environment.name, "version": environment.version}
        known["python"] = sys.version.split()[0]
        write_json(record, known | {"wheels": [wheel.name for wheel in definition.wheels]})
        return environment

    def home(self, definition: EnvironmentDefinition) -> Path:
        """The folder of a serving environment of this content; the Python is part of it."""
        python = f"py{sys.version_info[0]}{sys.version_info[1]}"
        version = environment_version(definition.lock, definition.wheels)
        return self._folder.absolute() / f"{definition.name}-{version}-{python}"

    def interpreter(self, definition: EnvironmentDefinition, say: Say) -> Path:
        """The Python of a serving environment; the environment is made where there is none.

        Raises:
            WorkError: the packages could not be installed; the installer's last line says why.
        """
        home = self.home(definition)
        python = in_folder(home)
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{home}.lock"):
            if not (home / _COMPLETE).is_file():
                say(f"making {home.name} from {definition.lock.name}, once")
                shutil.rmtree(home, ignore_errors=True)  # left by a process that was killed
                for command in _commands(definition, home, python):
                    _run(command)
                (home / _COMPLETE).touch()
        return python

    def _record(self, name: str, version: str) -> Path:
        return self._folder / f"{name}-{version}.json"


def _commands(definition: EnvironmentDefinition, home: Path, python: Path) -> list[list[str]]:
    """What makes the environment: by uv where there is one, by pip otherwise."""
    uv = find_uv(definition.lock.parent)
    if uv:
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(home)]
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        make = [sys.executable, "-m", "venv", str(home)]
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    text = definition.lock.read_text(encoding="utf-8")
    others = [wheel for wheel in definition.wheels if file_hash(wheel) not in text]
    if not others:
        return [make, [*install, "--require-hashes", "-r", str(definition.lock)]]
    # Not locked: a wheel that was built of an ejected copy, or that lies there without `make lock`.
    rest = home.with_name(f"{home.name}.txt")
    replaced = {canonical_name(wheel.name.split("-")[0]) for wheel in others}
    kept = [entry for name, entry in lock_entries(definition.lock) if name not in replaced]
    options = [line for line in text.splitlines() if line.startswith("--") and _LINKS not in line]
    rest.write_text("\n".join([*options, *kept]) + "\n", encoding="utf-8")
    links = [word for wheel in definition.wheels for word in (_LINKS, str(wheel.parent.absolute()))]
    return [
        make,
        [*install, "--require-hashes", "-r", str(rest), *links],
        [*install, "--no-deps", *(str(wheel.absolute()) for wheel in others)],
    ]


def find_uv(root: Path) -> str | None:
    """The uv on the path, or the one that `make setup` brought along."""
    name = "Scripts/uv.exe" if sys.platform == "win32" else "bin/uv"
    brought = root / ".tools" / "uv" / name
    return shutil.which("uv") or (str(brought) if brought.is_file() else None)


def _run(command: Sequence[str]) -> None:
    # The environment that runs this driver is not the one to be made.
    variables = {key: value for key, value in inherited_variables().items() if key != "VIRTUAL_ENV"}
    if sys.platform == "win32" or any(map(os.path.isfile, SYSTEM_CERTIFICATES)):
        variables.setdefault("UV_SYSTEM_CERTS", "1")  # a company's proxy has its own authority
    done = subprocess.run(
        list(command), env=variables, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        last = said[-1] if said else f"exit code {done.returncode}"
        raise WorkError(f"the serving environment could not be made: {last[:300]}")
