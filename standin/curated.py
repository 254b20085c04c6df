"""Curated environments: ready-made images that every workspace has.

Source: Azure/azureml-assets, `assets/training/general/environments/*/context`: of what an image
holds, the packages that jobs import, at the image's pins (sklearn-1.5 and lightgbm-3.3 of 2026).
Where there is no wheel of a version as old for the Python of jobs here, the nearest stands for it;
the log of a job says what stands for its image.
"""

from __future__ import annotations

import re

from .routing import Json

_REGISTRY = re.compile(
    r"azureml://registries/azureml/environments/([^/]+)/(?:versions|labels)/([^/]+)/?"
)
_WORKSPACE = re.compile(
    r"azureml:(AzureML-[^:@/]+)[:@](.+)|.*/environments/(AzureML-[^/]+)/.*/(.+)"
)
_COMMON = (
    *("pandas~=1.5.3", "scipy~=1.10.0", "joblib~=1.2.0", "tqdm~=4.66.3"),
    *("numpy~=1.23.5", "matplotlib~=3.6.0", "psutil"),  # ~=1.22.0, ~=3.5.0, ~=5.8.0
    "pyarrow<24",  # of azureml-defaults
)
_MLFLOW = ("azureml-mlflow==1.62.0.post6", "mlflow-skinny==3.15.0")
_SKLEARN = (*_COMMON, "scikit-learn~=1.5.0", *_MLFLOW)

#: A name without `AzureML-` → the pip packages that are in the image.
PACKAGES = {
    "sklearn-1.5": _SKLEARN,
    "sklearn-1.1": _SKLEARN,
    "sklearn-1.0-ubuntu20.04-py38-cpu": _SKLEARN,
    "lightgbm-3.3": (*_SKLEARN, "lightgbm"),
    "lightgbm-3.2-ubuntu18.04-py37-cpu": (*_SKLEARN, "lightgbm"),
    # what `_constants.py` of mldesigner, which names these two, puts in their place
    "mldesigner-minimal": ("mldesigner",),
    "mldesigner": ("mldesigner", "azure-ai-ml", *_MLFLOW),
}
VERSION = "1"
PREFIX = "AzureML-"  # of their names in a workspace


def named(environment_id: str) -> tuple[str, str] | None:
    """Name and version of the curated environment that an id names, None for another one."""
    if found := _REGISTRY.fullmatch(environment_id):
        return found[1], found[2]
    if found := _WORKSPACE.fullmatch(environment_id):
        return found[1] or found[3], found[2] or found[4]
    return None


def image(name: str) -> str:
    """The image of a curated environment in Microsoft's registry."""
    return f"mcr.microsoft.com/azureml/curated/{name.removeprefix('AzureML-').lower()}"


def definition(name: str, version: str) -> Json:
    """A curated environment as the image builder of v1 knows it."""
    return {
        "name": name,
        "version": version,
        "docker": {"baseImage": image(name)},
        "python": {"userManagedDependencies": True, "interpreterPath": "python"},
    }


def images() -> dict[str, list[str]]:
    """The images and what is in them, for the registry that jobs pull from."""
    return {image(name): list(packages) for name, packages in PACKAGES.items()}
