"""Expressions of Resource Manager templates, as Microsoft's page of each function shows them."""

from __future__ import annotations

from typing import Any

import pytest

from standin.errors import AzureError
from standin.world.expressions import Scope, evaluate, unique_string

SCOPE: Scope = {"parameters": {"name": "Web", "list": [{"id": 1}]}.__getitem__}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[concat('a', 'b', 1)]", "ab1"),
        ("[concat(array('a'), array('b'))]", ["a", "b"]),
        ("[toLower(parameters('name'))]", "web"),
        ("[and(true(), not(false()))]", True),
        ("[or(false(), false())]", False),
        ("[empty('')]", True),
        ("[json('{\"a\": [1, 2]}').a[1]]", 2),
        ("[parameters('list')[0].id]", 1),
        ("[format('{0}-{1}', 'a', 'b')]", "a-b"),
        ("['it''s']", "it's"),
        ("[[not an expression]", "[not an expression]"),
        ("plain", "plain"),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert evaluate(text, SCOPE) == value


def test_the_branch_that_is_not_taken_is_not_computed() -> None:
    scope: Scope = {"fail": lambda: pytest.fail("computed")}
    assert evaluate("[if(equals(1, 1), 'yes', fail())]", scope) == "yes"


def test_they_are_found_at_any_depth() -> None:
    assert evaluate({"a": ["[concat('x', 'y')]", {"b": 1}]}, SCOPE) == {"a": ["xy", {"b": 1}]}


@pytest.mark.parametrize("text", ["[concat('a'", "[concat('a'))]", "[name]", "[]", "[1 2]"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(AzureError, match="InvalidTemplate"):
        evaluate(text + ("]" if not text.endswith("]") else ""), SCOPE)


def test_a_function_that_is_not_played_is_said() -> None:
    with pytest.raises(AzureError, match="does not play reference"):
        evaluate("[reference('x')]", SCOPE)


def test_a_unique_string_has_13_characters_and_is_the_same_again() -> None:
    assert unique_string("a", "b") == unique_string("a", "b") != unique_string("a", "c")
    assert len(unique_string("a")) == 13
