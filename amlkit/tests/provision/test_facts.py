"""Facts about Azure, held to where they come from: the stand-in has them from Microsoft's text."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from amlkit.provision.cloud.facts import PROVIDERS, ROLES, VERSIONS

STANDIN = Path(__file__).parents[3] / "standin"
pytestmark = pytest.mark.skipif(not STANDIN.exists(), reason="needs this repository")


def constant(file: str, name: str) -> Any:
    """The source of a constant's value in a module of the stand-in."""
    tree = ast.parse((STANDIN / file).read_text(encoding="utf-8"))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return node.value  # type: ignore[attr-defined]
    raise AssertionError(f"{file} has no {name}")


def test_the_ids_of_roles_are_those_of_the_documentation() -> None:
    """`standin/world/roles.py` has each definition as JSON from "Azure built-in roles"."""
    roles = constant("world/roles.py", "DEFINITIONS")
    published = {
        ast.literal_eval(name): ast.literal_eval(role.args[0])
        for name, role in zip(roles.keys, roles.values, strict=True)
    }
    assert {name: published[name] for name in ROLES} == ROLES


def test_providers_are_known_by_their_name() -> None:
    known = ast.literal_eval(constant("world/providers.py", "TYPES"))
    assert set(PROVIDERS) <= set(known)


def test_versions_are_dates() -> None:
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", version) for version in VERSIONS.values())
