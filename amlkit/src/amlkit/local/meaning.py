"""What an endpoint of this machine has no such thing for, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from amlkit.records import DeploymentDefinition, WorkError


def without_meaning(definition: DeploymentDefinition) -> Iterator[str]:
    """Lines that name what this machine has no such thing for."""
    scale = definition.scale
    if scale.instance_count > 1:
        kind = f" of {scale.instance_type}" if scale.instance_type else ""
        yield f"not on this machine: {scale.instance_count} instances{kind}; workers count here"


def only_one(endpoint: str, shares: Mapping[str, int], mirrored: Mapping[str, int]) -> str:
    """The one deployment that gets all of the traffic."""
    names = [name for name, share in shares.items() if share]
    if len(names) != 1 or shares[names[0]] != 100 or mirrored:
        told = ", ".join(f"{name} {share}" for name, share in shares.items()) or "none"
        raise WorkError(
            f"endpoint {endpoint}: on this machine one deployment gets 100 % of the traffic "
            f"(asked for: {told})"
        )
    return names[0]
