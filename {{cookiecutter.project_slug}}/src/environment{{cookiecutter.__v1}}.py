"""Builds the environments that jobs and endpoints run in: the lock and the private wheels.

`python src/environment.py` makes in the workspace of config.yml those whose content is new. With
--local it compares what is installed here with the lock.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from amlkit.calls import Calls, EnvironmentParts
    from amlkit.flow import environment as flow
except ModuleNotFoundError as missing:
    sys.exit(f"error: no {missing.name} in {sys.executable}: activate .venv; `make setup` makes it")

if TYPE_CHECKING:
    from azureml.core import Environment, Workspace


def environment(parts: EnvironmentParts) -> Environment:
    """The environment of a training or, with `parts.serving`, of an endpoint.

    What it returns is its version: a change here builds a new image, once. Packages come from
    the requirements-*.in.
    """
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies

    env = Environment(parts.name)
    if parts.ready_image:  # a finished image with everything in it: nothing is installed
        env.docker.base_image = parts.ready_image
        env.python.user_managed_dependencies = True
        return env
    if parts.base_image:
        env.docker.base_image = parts.base_image
    conda = CondaDependencies.create(
        python_version=parts.python,
        conda_packages=list(parts.conda_packages) or None,
        pip_packages=[*parts.pip_packages, *parts.wheels],
        pin_sdk_version=False,
    )
    for channel in list(conda.conda_channels):  # the SDK adds anaconda, which has a licence
        if parts.conda_channels or channel == "anaconda":
            conda.remove_channel(channel)
    for channel in parts.conda_channels:
        conda.add_channel(channel)
    for option in list(conda.pip_options):  # public indexes that the SDK adds by itself
        conda.remove_pip_option(option)
    if parts.package_index:
        conda.set_pip_option(f"--index-url {parts.package_index}")
    env.python.conda_dependencies = conda
    return env


def private_wheel(workspace: Workspace, wheel: Path) -> str:
    """Sends a wheel to the workspace, once for each content; its address there."""
    from azureml.core import Environment

    return Environment.add_private_pip_wheel(workspace, file_path=str(wheel), exist_ok=True)


if __name__ == "__main__":
    sys.exit(flow.main(__file__, Calls(environment, private_wheel)))
