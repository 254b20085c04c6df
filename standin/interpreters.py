"""The interpreter of an environment definition: a virtual environment, kept between test runs.

Azure ML builds a container image with conda and pip. Here the pip packages that a definition names
are installed by uv into a virtual environment, and its conda packages by their pip names where
there are such. What was swapped or left out is said in the log of the build and of the job.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from filelock import FileLock
from uv import find_uv_bin

from .routing import Json

if TYPE_CHECKING:
    from .standin import Azure

CACHE = Path(__file__).parents[1] / ".cache" / "standin"
FORMAT = 2  # of what is kept beside an environment
Log = Callable[[str], None]

#: Names of conda-forge whose counterpart on PyPI is called otherwise.
PIP_NAMES = {
    "pytorch": "torch",
    "pytables": "tables",
    "py-xgboost": "xgboost",
    "matplotlib-base": "matplotlib",
    "python-graphviz": "graphviz",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
}
#: conda's own parts and system libraries, which a virtual environment has from the system.
SYSTEM = re.compile(
    r"^(_?lib.*|openssl|ca-certificates|zlib|pip|setuptools|wheel|_openmp.*|gcc.*|"
    r"gxx.*|cudatoolkit|cudnn|nomkl|mkl|blas|openblas|openmpi|git|make|cmake)$"
)


#: What a line of a log says that tells of something other than on Azure.
SWAPS = (" swapped ", " left out", " not used", " stands for ")


def is_swap(line: str) -> bool:
    """Whether a line says what the stand-in put in place of something."""
    return line.startswith("stand-in: ") and any(word in line for word in SWAPS)


class InstallFailed(Exception):
    """The packages of a definition do not resolve or install; the text is the resolver's."""


@dataclass(frozen=True)
class Recipe:
    """What a definition asks for, in pip's terms; `notes` say what was swapped."""

    python: str = ""
    pip: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of_definition(cls, definition: Json) -> Recipe:
        """Reads the section `python.condaDependencies` of an environment definition."""
        section = (definition.get("python") or {}).get("condaDependencies") or {}
        python, pip, conda, notes = "", [], [], []
        for dependency in section.get("dependencies") or []:
            if isinstance(dependency, dict):
                for line in dependency.get("pip") or []:
                    if str(line).startswith("-"):
                        notes.append(f"pip option '{line}' not used: this machine's own index is")
                    else:
                        pip.append(str(line))
                continue
            name, specifier = split_conda(str(dependency))
            if name == "python":
                python = specifier.lstrip("=")
            elif SYSTEM.match(name):
                if name not in ("pip", "setuptools", "wheel"):
                    notes.append(f"conda package '{dependency}' left out: a part of the system")
            else:
                line = PIP_NAMES.get(name, name) + pip_specifier(specifier)
                conda.append(line)
                notes.append(f"conda package '{dependency}' swapped for pip's '{line}'")
        return cls(python, tuple(pip), tuple(conda), tuple(notes))

    @classmethod
    def of_packages(cls, requirements: Sequence[str], python: str = "") -> Recipe:
        """That of a ready-made image, named by the packages that are said to be in it."""
        return cls(python, tuple(requirements))


def split_conda(dependency: str) -> tuple[str, str]:
    """'conda-forge::numpy=1.26=py311_0' to ('numpy', '=1.26'): name and version of a match spec."""
    match = re.match(r"^(?:[^:]+::)?([A-Za-z0-9_.\-]+)\s*(.*)$", dependency.strip())
    if match is None:
        return dependency, ""
    specifier = match[2].strip()
    if specifier and specifier[0] not in "=<>!~":
        specifier = "=" + specifier.split()[0]  # 'numpy 1.26 build'
    exact = re.match(r"^(==?[^=,]+)=[^=]+$", specifier)
    return match[1].lower(), exact[1] if exact else specifier


def pip_specifier(specifier: str) -> str:
    """conda's '=1.26' is any 1.26.x; its other operators are those of pip."""
    if specifier.startswith("=") and not specifier.startswith("=="):
        version = specifier[1:].removesuffix("*").rstrip(".")
        return f"=={version}.*"
    return specifier


class Interpreters:
    """Makes, and keeps, the virtual environment of a recipe."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.cache = Path(os.environ.get("AML_STANDIN_CACHE") or CACHE)
        self._pythons: list[tuple[tuple[int, ...], str]] = []

    def prepare(self, recipe: Recipe, log: Log) -> Path:
        """The interpreter with the recipe's packages, installed on first use.

        Raises `InstallFailed` with the resolver's words.
        """
        for note in recipe.notes:
            log(f"stand-in: {note}")
        python = self._python(recipe.python, log)
        wheels = {line: self._wheel(line) for line in recipe.pip if is_wheel_address(line)}
        lines = [line for line in recipe.pip if line not in wheels]
        # A wheel by its name and bytes: each workspace has it at an address of its own.
        content = sorted((name, hashlib.sha256(data).hexdigest()) for name, data in wheels.values())
        described = json.dumps([FORMAT, python, lines, recipe.conda, content, sys.platform])
        folder = self.cache / hashlib.sha256(described.encode()).hexdigest()[:24]
        self.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            if (folder / "complete").exists():
                log((folder / "left_out").read_text(encoding="utf-8"))
                log(f"stand-in: packages are those of cached environment {folder.name}")
                log((folder / "complete").read_text(encoding="utf-8"))
                return interpreter
            shutil.rmtree(folder, ignore_errors=True)
            self._uv(["venv", "--quiet", "--seed", "--python", python, str(folder)], log)
            for name, data in wheels.values():
                (folder / name).write_bytes(data)
                lines.append(str(folder / name))
            target = ["pip", "install", "--python", str(interpreter)]
            left_out = []
            for line in recipe.conda:
                try:
                    self._uv([*target, "--dry-run", "--no-deps", "--quiet", line], lambda _: None)
                    lines.append(line)
                except InstallFailed:
                    left_out.append(f"stand-in: no '{line}' among pip's packages: left out")
                    log(left_out[-1])
            if lines:
                self._uv([*target, *lines], log)
            (folder / "left_out").write_text("\n".join(left_out), encoding="utf-8")
            listed = self._uv(["pip", "freeze", "--python", str(interpreter)], lambda _: None)
            (folder / "complete").write_text(listed, encoding="utf-8")
        return interpreter

    def _wheel(self, address: str) -> tuple[str, bytes]:
        container, _, blob = unquote(urlparse(address).path).lstrip("/").partition("/")
        data = self.azure.blobs.get(container, blob)
        if data is None:
            raise InstallFailed(
                f"ERROR: HTTP error 404 while getting {address}\n"
                f"ERROR: Could not install requirement {address} because of HTTP error 404 "
                f"Client Error: The specified blob does not exist. for url: {address}"
            )
        return blob.rpartition("/")[2], data

    def _python(self, version: str, log: Log) -> str:
        """The path of the interpreter nearest to a version of which this machine has one."""
        if not self._pythons:
            listed = self._uv(
                ["python", "list", "--only-installed", "--output-format", "json"], lambda _: None
            )
            for entry in json.loads(listed or "[]"):
                parts = entry["version_parts"]
                found = (parts["major"], parts["minor"], parts["patch"])
                if entry["implementation"] == "cpython" and "/shims/" not in entry["path"]:
                    self._pythons.append((found, entry["path"]))
            own = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
            self._pythons.append((sys.version_info[:3], own))
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
        if not numbers:
            return self._pythons[-1][1]

        def distance(python: tuple[tuple[int, ...], str]) -> tuple[list[int], list[int]]:
            have = python[0]
            away = [abs(a - b) for a, b in zip(have, numbers, strict=False)]
            return away, [-number for number in have]  # as near: the newest

        nearest, path = min(self._pythons, key=distance)
        if nearest[:2] != (*numbers, 0)[:2]:
            here = ".".join(map(str, nearest))
            log(f"stand-in: Python {version} swapped for {here}, the nearest")
        return path

    def _uv(self, arguments: list[str], log: Log) -> str:
        """Runs uv, line by line to `log`; its standard output, or `InstallFailed`."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        }
        ran = subprocess.run(
            [find_uv_bin(), *arguments],
            capture_output=True,
            text=True,
            env={**environment, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"},
            cwd=tempfile.gettempdir(),  # the settings of a project around us are not the job's
            check=False,
        )
        words = ran.stderr.strip()
        if ran.returncode:
            raise InstallFailed(words or f"uv {arguments[0]} ended with {ran.returncode}")
        if words:
            log(words)
        return ran.stdout


def is_wheel_address(line: str) -> bool:
    """Whether a pip line is a wheel in blob storage, as `add_private_pip_wheel` gives it."""
    return bool(re.match(r"^https://[^/]+\.blob\.core\.windows\.net/.+\.whl$", line))
