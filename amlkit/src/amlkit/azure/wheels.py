"""Private wheels in a workspace's storage, under names that hold their content."""

from __future__ import annotations

from pathlib import Path

from amlkit.content import file_hash, wheel_identity

# Where SDK v1 keeps them in the artifact store (azureml.core.environment); so does amlkit with v2.
ORIGIN, CONTAINER = "Environment", "azureml-private-packages"


def content_name(wheel: Path) -> str:
    """A wheel's file name with a build tag (PEP 427) that holds its content.

    The SDK takes a wheel of a known file name for the old one; pip looks at the version alone.
    """
    name, version, *tags = wheel.stem.split("-")
    return "-".join([name, version, f"0_{file_hash(wheel)[:12]}", *tags[-3:]]) + ".whl"


def shape_name(wheel: Path) -> str:
    """A wheel's name in an environment's shape: what it brings into jobs and endpoints.

    Of amlkit that is not its version, and only the part that runs there.
    """
    name, version, *tags = wheel.stem.split("-")
    version = "0" if name == "amlkit" else version
    return "-".join([name, version, f"0_{wheel_identity(wheel)}", *tags[-3:]]) + ".whl"
