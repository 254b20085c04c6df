"""What each stage of the pipelines works from, and which of it changed since a commit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from amlkit.settings import Settings

# Another workspace knows nothing of what is in this one.
WORKSPACE = ("azure.subscription_id", "azure.resource_group", "azure.workspace_name")


@dataclass(frozen=True)
class Inputs:
    """Files (or folders) of the repository, and keys (or branches) of config.yml."""

    files: tuple[str, ...]
    keys: tuple[str, ...]

    def __add__(self, other: Inputs) -> Inputs:
        """These and the others."""
        return Inputs(self.files + other.files, self.keys + other.keys)


def stage_inputs(settings: Settings) -> dict[str, Inputs]:
    """The inputs of each stage on Azure ML; those of a stage are inputs of what builds on it."""
    locks = (
        settings.environment.lock,
        settings.endpoint.environment.lock,
        settings.azure.environment.training_lock,
        settings.azure.environment.serving_lock,
    )
    data = Inputs((settings.data.path, "src/data.py"), ("data", "azure.datastore", *WORKSPACE))
    environment = Inputs(
        # src/amlkit: the library's source, where it was copied into the repository.
        (*locks, settings.environment.wheels, "src/environment.py", "src/amlkit"),
        ("environment", "endpoint.environment", "azure.environment", *WORKSPACE),
    )
    package = Inputs(
        (f"src/{settings.project.package}", "src/model.py", ".amlignore"),
        ("project", "experiment", "training", "gate", "model", "azure.compute"),
    )
    training = data + environment + package
    serving = Inputs(("config.prod.yml", "src/deploy.py"), ("endpoint", "azure.service"))
    return {
        "data": data,
        "environment": environment,
        "training": training,
        "deployment": training + serving,
    }


def changed_files(root: Path, base: str) -> list[str]:
    """The files that differ between a commit and the one that is checked out.

    Raises:
        LookupError: git does not know the commit.
    """
    command = ["git", "-C", str(root), "diff", "--name-only", "--no-renames", "-z", base, "HEAD"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise LookupError(f"git cannot compare with {base}: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name]


def changed_keys(root: Path, base: str) -> list[str]:
    """The dotted keys of config.yml whose values differ between a commit and now."""
    command = ["git", "-C", str(root), "show", f"{base}:config.yml"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    before = _leaves(done.stdout if done.returncode == 0 else "")
    now = _leaves((root / "config.yml").read_text(encoding="utf-8"))
    return sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))


def matches(inputs: Inputs, files: list[str], keys: list[str]) -> list[str]:
    """Which of the changed files and keys belong to the inputs."""
    found = [name for name in files if any(_within(name, part, "/") for part in inputs.files)]
    found += [key for key in keys if any(_within(key, part, ".") for part in inputs.keys)]
    return found


def _within(name: str, part: str, separator: str) -> bool:
    """Whether a name is the part, or lies below it."""
    return name == part or name.startswith(part.rstrip(separator) + separator)


def _leaves(text: str) -> dict[str, Any]:
    """The values of a YAML text by their dotted keys; none where it is no mapping."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    leaves: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Mapping) and value:
            for key, inside in value.items():
                walk(inside, f"{path}.{key}" if path else str(key))
        elif path:
            leaves[path] = value

    walk(tree, "")
    return leaves
