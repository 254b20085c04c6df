"""Builds the environments that jobs and endpoints run in: the lock and the private wheels.

`python src/environment.py` makes in the workspace of config.yml those whose content is new. With
--local it compares what is installed here with the lock.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

try:
    from amlkit.calls import Calls, EnvironmentParts
    from amlkit.flow import environment as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azure.ai.ml.entities import Environment

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"


def environment(parts: EnvironmentParts) -> Environment:
    """The environment of a training or, with `parts.serving`, of an endpoint.

    What it returns is its version: a change here builds a new image, once. Packages come from
    the requirements-*.in.
    """
    from azure.ai.ml.entities import Environment

    if parts.ready_image:  # a finished image with everything in it: nothing is installed
        return Environment(name=parts.name, image=parts.ready_image)
    index = [f"--index-url {parts.package_index}"] if parts.package_index else []
    conda = {
        "channels": list(parts.conda_channels) or ["conda-forge"],
        "dependencies": [
            f"python={parts.python}",
            *parts.conda_packages,
            "pip",
            {"pip": [*index, *parts.pip_packages, *parts.wheels]},
        ],
    }
    return Environment(name=parts.name, image=parts.base_image or IMAGE, conda_file=conda)


if __name__ == "__main__":
    sys.exit(flow.main(__file__, Calls(environment)))
