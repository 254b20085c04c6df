"""One typed object for every setting: `config.yml`, then environment variables, then flags.

Each value remembers where it came from, so that an error can name file and line, variable or flag.
Needs PyYAML and the standard library alone: the bootstrap reads the same settings with nothing
else installed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlkit.settings.azure import Azure as Azure
from amlkit.settings.tree import Leaf, SettingsError, Tree, build, insert, plain, read_yaml
from amlkit.tabular.space import read_values

__all__ = ["ENVIRONMENT_VARIABLES", "PLACE", "Settings", "SettingsError", "load_settings"]

# The variables that the pipelines map, and the setting each one fills.
ENVIRONMENT_VARIABLES = {
    "TENANT_ID": "azure.tenant_id",
    "SPN_ID": "azure.client_id",
    "SPN_PASSWORD": "azure.client_secret",
    "SUBSCRIPTION_ID": "azure.subscription_id",
    "RESOURCE_GROUP": "azure.resource_group",
    "AML_WORKSPACE_NAME": "azure.workspace_name",
}

# Those of them that name a workspace.
PLACE = ("subscription_id", "resource_group", "workspace_name")

# What the task AzureCLI@2 of Azure Pipelines says of its service connection, for
# `azure.auth: workload-identity` where the variable above is not set.
CONNECTION_VARIABLES = {
    "TENANT_ID": "AZURESUBSCRIPTION_TENANT_ID",
    "SPN_ID": "AZURESUBSCRIPTION_CLIENT_ID",
}

# Azure ML's rule for the names of models, data assets and environments, and for experiments'.
ASSET_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}"
EXPERIMENT_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,200}"


@dataclass(frozen=True)
class Project:
    """What the repository is made of."""

    package: str = field(metadata={"pattern": r"[A-Za-z_][A-Za-z0-9_]*"})


@dataclass(frozen=True)
class Data:
    """The data asset that is trained on, and how its table is read."""

    name: str = field(metadata={"pattern": ASSET_NAME})
    path: str
    target: str
    types: dict[str, str] = field(
        default_factory=dict, metadata={"items": ("number", "category", "boolean", "date")}
    )
    missing_values: list[str] | None = None
    print_profile: bool = True


@dataclass(frozen=True)
class EnvironmentSettings:
    """What the training environment is built from."""

    name: str = field(metadata={"pattern": ASSET_NAME})
    lock: str = "requirements-train.txt"
    wheels: str = "wheels"


@dataclass(frozen=True)
class Split:
    """How the rows that measure a model are told from those that it learns from."""

    by: str = field(default="row hash", metadata={"choices": ("row hash", "time", "group")})
    column: str | None = None

    def __post_init__(self) -> None:
        if (self.by == "row hash") != (self.column is None):
            needs = "takes no column" if self.column else "needs a column: {by: ..., column: NAME}"
            raise ValueError(f"by {self.by} {needs}")


@dataclass(frozen=True)
class Training:
    """What the training job is told; every field is part of the job's identity."""

    task: str = field(
        default="auto", metadata={"choices": ("auto", "classification", "regression")}
    )
    estimator: str = "auto"
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = field(default=0, metadata={"min": 0, "max": 2**32 - 1})
    holdout: float = field(default=0.2, metadata={"min": 0.01, "max": 0.9})
    drop_columns: list[str] = field(default_factory=list)
    keep_columns: list[str] = field(default_factory=list)
    min_class_rows: int = field(default=5, metadata={"min": 2})
    rare_classes: str = field(default="refuse", metadata={"choices": ("refuse", "drop", "merge")})
    split: Split = field(default_factory=Split)
    folds: int = field(default=5, metadata={"min": 0, "max": 20})
    importance_seconds: float = field(default=3.0, metadata={"min": 0})
    search: dict[str, Any] = field(default_factory=dict, metadata={"each": read_values})
    """What is tried of the estimator's parameters (`amlkit.tabular.space`); empty: nothing."""
    trials: int = field(default=20, metadata={"min": 1, "max": 1000})


@dataclass(frozen=True)
class Bound:
    """A threshold on one metric: at least `min`, at most `max`."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class GateRules:
    """What a challenger of one task must reach; `metrics.json` says which task it is."""

    primary_metric: str
    thresholds: dict[str, float | Bound] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """When a challenger may be registered."""

    rules: dict[str, GateRules] = field(default_factory=dict)
    tolerance: float = field(default=0.01, metadata={"min": 0.0})
    better_than_chance: bool = True


@dataclass(frozen=True)
class ModelSettings:
    """The registered model; the target is added to the name (see `Settings.model_name`)."""

    name: str = field(metadata={"pattern": ASSET_NAME})


@dataclass(frozen=True)
class ServingEnvironment:
    """What the serving environment is built from, beside the private wheels."""

    name: str = field(metadata={"pattern": ASSET_NAME})
    lock: str = "requirements-serve.txt"


@dataclass(frozen=True)
class EndpointSettings:
    """The address that serves the model."""

    # Azure ML's rule for endpoints, which every kind of service accepts.
    name: str = field(metadata={"pattern": r"[a-z][a-z0-9-]{1,30}[a-z0-9]"})
    environment: ServingEnvironment
    port: int = field(default=5001, metadata={"min": 0, "max": 65535})
    workers: int = field(default=1, metadata={"min": 1, "max": 64})


@dataclass(frozen=True)
class Settings:
    """Every name and number, checked. `root` is the folder that holds `config.yml`."""

    project: Project
    data: Data
    environment: EnvironmentSettings
    model: ModelSettings
    endpoint: EndpointSettings
    experiment: str = field(
        metadata={
            "pattern": EXPERIMENT_NAME,
            "rule": "letters, digits, - and _ with a letter or digit first; no dot",
        }
    )
    training: Training = field(default_factory=Training)
    gate: Gate = field(default_factory=Gate)
    azure: Azure = field(default_factory=Azure)
    root: Path = field(default=Path(), metadata={"internal": True})
    origins: Mapping[str, str] = field(default_factory=dict, metadata={"internal": True})

    def origin(self, key: str) -> str:
        """Where a dotted key's value came from, such as `config.yml:14` or `--target`."""
        return self.origins.get(key, f"the default of {key}")

    def model_name(self, target: str, *, told_apart: bool = False) -> str:
        """The registered model's name: the column's in small letters, digits and hyphens.

        A hash follows where letters are lost by that; with `told_apart` always, for a column that
        would have the name of another one, as `Sex` and `sex` do.
        """
        plain = re.sub(r"[^A-Za-z0-9]+", "-", target).strip("-").lower()[:40]
        kept = bool(plain) and target.isascii() and not told_apart
        digest = "" if kept else hashlib.sha256(target.encode()).hexdigest()[:6]
        return "-".join(filter(None, [self.model.name, plain, digest]))

    def require_azure(self) -> None:
        """Raises `SettingsError` naming at once every setting that a call to Azure ML lacks."""
        unneeded = {
            "service-principal": (),
            "azure-cli": ("TENANT_ID", "SPN_ID", "SPN_PASSWORD"),
            "managed-identity": ("TENANT_ID", "SPN_ID", "SPN_PASSWORD"),
            "workload-identity": ("SPN_PASSWORD",),
        }[self.azure.auth]
        missing = [
            f"{variable} (or {key} in config.yml)" if variable != "SPN_PASSWORD" else variable
            for variable, key in ENVIRONMENT_VARIABLES.items()
            if variable not in unneeded and not getattr(self.azure, key.split(".")[1])
        ]
        if missing:
            count = (
                "a setting that is" if len(missing) == 1 else f"{len(missing)} settings that are"
            )
            raise SettingsError(
                "on this machine? Add --local. "
                f"Azure ML needs {count} not set: {', '.join(missing)}; "
                "set them as environment variables (a pipeline maps its secrets to them)."
                + self._from_a_connection(missing)
            )

    def _from_a_connection(self, missing: Sequence[str]) -> str:
        """What else gives the settings of a workload identity."""
        names = [name for name in CONNECTION_VARIABLES if any(m.startswith(name) for m in missing)]
        if self.azure.auth != "workload-identity" or not names:
            return ""
        return f" In Azure Pipelines the task AzureCLI@2 gives {' and '.join(names)}."


def load_settings(
    root: Path,
    *,
    env: str | None = None,
    overrides: Sequence[tuple[str, Any, str]] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Reads and checks all settings.

    Args:
        root: the folder that holds `config.yml`.
        env: lays `config.<env>.yml` over it.
        overrides: from flags: (dotted key, value, flag's name), the last one wins.
        environ: environment variables; the process's own by default. An empty one counts as not
        set.

    Raises:
        SettingsError: one line that names the wrong key, type or range, its origin and what to do.
    """
    tree: Tree = read_yaml(root / "config.yml")
    before = _azure(tree)
    if env is not None:
        overlay = root / f"config.{env}.yml"
        if not re.fullmatch(r"[A-Za-z0-9_-]+", env) or not overlay.is_file():
            known = sorted(p.name[7:-4] for p in root.glob("config.*.yml"))
            raise SettingsError(
                f"--env {env}: there is no {overlay.name} beside config.yml"
                f" ({'there are: ' + ', '.join(known) if known else 'make one to use --env'})"
            )
        insert(tree, read_yaml(overlay))
    for key, value, flag in overrides:  # first: azure.auth says which variables are read
        _set(tree, key, Leaf(value, flag))
    _set_from(os.environ if environ is None else environ, tree, before)
    for key, value, flag in overrides:
        _set(tree, key, Leaf(value, flag))
    origins: dict[str, str] = {}
    settings: Settings = build(
        Settings, tree, origins=origins, extra={"root": root, "origins": origins}
    )
    return settings


def _azure(tree: Tree) -> dict[str, Any]:
    """What is under `azure:`, as it is now."""
    branch = plain(tree.get("azure") or {})
    return dict(branch) if isinstance(branch, dict) else {}


def _set_from(environ: Mapping[str, str], tree: Tree, before: Mapping[str, Any]) -> None:
    """Lays environment variables over the tree; a workload identity has no secret to read.

    A variable that only repeats config.yml, whose `azure:` is `before`, does not beat another
    workspace that an overlay names: a pipeline maps one workspace's variables in all its steps.
    """
    branch = _azure(tree)
    federated = branch.get("auth") == "workload-identity"
    for variable, key in ENVIRONMENT_VARIABLES.items():
        if federated and variable == "SPN_PASSWORD":
            continue
        other = CONNECTION_VARIABLES.get(variable, "") if federated else ""
        if name := next(filter(environ.get, (variable, other)), ""):
            last = key.rpartition(".")[2]
            repeats = environ[name].lower() == str(before.get(last, "")).lower()
            if not (repeats and last in PLACE and branch.get(last) != before.get(last)):
                _set(tree, key, Leaf(environ[name], f"${name}"))


def _set(tree: Tree, key: str, leaf: Leaf) -> None:
    """Lays one value over the tree, at its dotted key."""
    first, *rest = key.split(".")
    branch: Tree | Leaf = leaf
    for part in reversed(rest):
        branch = {part: branch}
    insert(tree, {first: branch})
