"""Expressions, by the tables and examples of Microsoft's page "Expressions - Azure Pipelines"."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.pipelines.runner.errors import ExpressionError, NotPlayed
from tests.pipelines.runner.expressions import Known, evaluate
from tests.pipelines.runner.values import (
    CASTS,
    NotConvertible,
    Version,
    to_boolean,
    to_number,
    to_string,
    to_version,
    type_name,
)

FOO = [
    {"id": Decimal(1), "a": "avalue1"},
    {"id": Decimal(2), "a": "avalue2"},
    {"id": Decimal(3), "a": "avalue3"},
]
CONTEXTS = {
    "variables": {"letters": "ABC", "numbers": "123", "emptyString": "", "MyVar": "my", "a.b": "c"},
    "foo": FOO,
    "parameters": {"myArray": ["FOO", "BAR", "ZOO"], "nested": {"list": ["x", "y"]}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("-1.2", Decimal("-1.2")),
        (".5", Decimal("0.5")),
        ("'a b c'", "a b c"),
        ("'It''s OK if they''re using contractions.'", "It's OK if they're using contractions."),
        ("1.2.3", Version((1, 2, 3))),
        ("1.2.3.4", Version((1, 2, 3, 4))),
        ("variables['MyVar']", "my"),
        ("variables.MyVar", "my"),
        ("variables.myvar", "my"),
        ("variables['noSuch']", None),
        ("variables['a.b']", "c"),
        ("parameters.nested.list[1]", "y"),
        ("parameters.nested.list[2]", None),
        ("foo.*.id", [Decimal(1), Decimal(2), Decimal(3)]),
        ("foo.*.none", []),
    ],
)
def test_literals_and_references(text: str, value: Any) -> None:
    found = evaluate(text, CONTEXTS)
    assert (type(found), found) == (type(value), value)


# The examples of the page's section "Functions", and what its words add to them.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("and(eq(variables.letters, 'ABC'), eq(variables.numbers, 123))", True),
        ("and(true, false)", False),
        ("and(false, gt('no', 1))", False),  # short-circuits
        ("coalesce(variables.couldBeNull, variables.couldAlsoBeNull, 'literal')", "literal"),
        ("coalesce(variables.emptyString, '', 'literal value')", "literal value"),
        ("contains('ABCDE', 'BCD')", True),
        ("contains('abcde', 'BCD')", True),
        ("containsValue(parameters.myArray, 'bar')", True),
        ("containsValue(parameters.myArray, 'baz')", False),
        ("endsWith('ABCDE', 'DE')", True),
        ("eq(variables.letters, 'abc')", True),
        ("eq('', variables['noSuch'])", True),
        ("eq(variables['noSuch'], '')", True),
        ("eq(variables['noSuch'], 'x')", False),
        ("eq(1, 'one')", False),  # a conversion that fails is not equal
        ("eq(true, 'false')", True),  # any text is True
        ("eq('true', true)", True),
        ("format('Hello {0} {1}', 'John', 'Doe')", "Hello John Doe"),
        (
            "format('literal left brace {{ and literal right brace }}')",
            "literal left brace { and literal right brace }",
        ),
        ("ge(5, 5)", True),
        ("gt(5, 2)", True),
        ("gt('b', 'A')", True),
        ("in('B', 'A', 'B', 'C')", True),
        ("in('b', 'A', 'B', 'C')", True),
        ("in('D', 'A', 'B', 'C')", False),
        ("join(';', parameters.myArray)", "FOO;BAR;ZOO"),
        ("join(';', 'text')", "text"),
        ("join(';', foo)", ";;"),  # objects are empty strings
        ("le(2, 2)", True),
        ("length('fabrikam')", Decimal(8)),
        ("length(parameters.myArray)", Decimal(3)),
        ("lower('FOO')", "foo"),
        ("lt(2, 5)", True),
        ("lt(False, True)", True),
        ("lt(True, False)", False),
        ("lt(1.2.3, '1.10')", True),  # versions by number
        ("ne(1, 2)", True),
        ("ne(1, 'one')", True),
        ("not(eq(1, 2))", True),
        ("notIn('D', 'A', 'B', 'C')", True),
        ("or(eq(1, 1), eq(2, 3))", True),
        ("or(true, gt('no', 1))", True),  # short-circuits
        (
            "replace('https://www.tinfoilsecurity.com/saml/consume',"
            "'https://www.tinfoilsecurity.com','http://server')",
            "http://server/saml/consume",
        ),
        ("split('prod1,prod2', ',')", ["prod1", "prod2"]),
        ("split('a,,b;', ',;')", ["a", "", "b", ""]),
        ("split('/a/b', '/')[1]", "a"),
        ("startsWith('ABCDE', 'AB')", True),
        ("trim('  a ')", "a"),
        ("upper('bah')", "BAH"),
        ("xor(True, False)", True),
        ("xor(True, True)", False),
        ("iif(eq(1, 1), 'yes', 'no')", "yes"),
        ("iif('', 'yes', 'no')", "no"),
        ("EQ(1, 1)", True),
        ("\n  and\n  (\n  true,\n  true\n  )", True),
    ],
)
def test_functions(text: str, value: Any) -> None:
    assert evaluate(text, CONTEXTS) == value


# The table "From / To": what converts always, what partly, and what never.
SAMPLES: dict[str, list[Any]] = {
    "Boolean": [True, False],
    "Null": [None],
    "Number": [Decimal(0), Decimal("1.5")],
    "String": ["", "words"],
    "Version": [Version((1, 2))],
}
TABLE = {
    ("Boolean", "Null"): "no",
    ("Boolean", "Number"): "yes",
    ("Boolean", "String"): "yes",
    ("Boolean", "Version"): "no",
    ("Null", "Boolean"): "yes",
    ("Null", "Number"): "yes",
    ("Null", "String"): "yes",
    ("Null", "Version"): "no",
    ("Number", "Boolean"): "yes",
    ("Number", "Null"): "no",
    ("Number", "String"): "yes",
    ("Number", "Version"): "partial",
    ("String", "Boolean"): "yes",
    ("String", "Null"): "partial",
    ("String", "Number"): "partial",
    ("Version", "Boolean"): "yes",
    ("Version", "Null"): "no",
    ("Version", "Number"): "no",
    ("Version", "String"): "yes",
}


@pytest.mark.parametrize(("names", "word"), TABLE.items())
def test_the_table_of_conversions(names: tuple[str, str], word: str) -> None:
    source, target = names
    worked = []
    for sample in SAMPLES[source]:
        assert type_name(sample) == source
        try:
            CASTS[target](sample)
            worked.append(True)
        except NotConvertible:
            worked.append(False)
    assert {"yes": all(worked), "no": not any(worked), "partial": len(set(worked)) == 2}[word]


def test_texts_of_versions_convert_and_others_do_not() -> None:
    assert to_version("1.2.3.4") == Version((1, 2, 3, 4))
    for text in ("1", "a.b", "1.2.3.4.5", "", "1.99999999999"):
        with pytest.raises(NotConvertible):
            to_version(text)


@pytest.mark.parametrize(
    ("convert", "value", "result"),
    [
        (to_number, False, 0),
        (to_number, True, 1),
        (to_string, False, "False"),
        (to_string, True, "True"),
        (to_boolean, None, False),
        (to_number, None, 0),
        (to_string, None, ""),
        (to_boolean, Decimal(0), False),
        (to_boolean, Decimal(-3), True),
        (to_string, Decimal("1000.50"), "1000.5"),
        (to_string, Decimal("100"), "100"),
        (to_boolean, "", False),
        (to_boolean, "false", True),
        (to_number, "", 0),
        (to_number, " 1,234.5 ", Decimal("1234.5")),
        (to_number, "-7", -7),
        (to_boolean, Version((0, 0)), True),
        (to_string, Version((1, 2, 3)), "1.2.3"),
    ],
)
def test_conversions(convert: Any, value: Any, result: Any) -> None:
    assert convert(value) == result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gt('abc', 1, 2)", "takes no 3"),
        ("gt(1, 'abc')", "is no number"),
        ("eq(1", "expected ','"),
        ("eq 1", "found '1'"),
        ("eq(1,)", "expected a value"),
        ('"double"', "cannot read"),
        ("variables.", "a property"),
        ("variables['x'", "expected ']'"),
        ("1.2.x", "neither a number nor a version"),
        ("null", "unrecognised 'null'"),
        ("nothing.here", "unrecognised 'nothing'"),
        ("format('{1}', 'a')", "nothing for {1}"),
        ("format('{0:yyyy}', 'a')", "nothing for {"),
        ("", "found the end"),
    ],
)
def test_what_cannot_be_evaluated_says_why(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        evaluate(text, CONTEXTS)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ["counter", "succeeded", "nonsense"])
def test_a_function_that_is_not_played_is_refused(name: str) -> None:
    with pytest.raises(NotPlayed, match=name):
        evaluate(f"{name}('a')", CONTEXTS)


def test_a_missing_name_in_a_known_context_is_a_mistake() -> None:
    contexts = {"parameters": Known("parameters", {"path": "p"})}
    assert evaluate("parameters.PATH", contexts) == "p"
    with pytest.raises(ExpressionError, match="parameters has no 'pth'; it has: path"):
        evaluate("eq(parameters.pth, 'p')", contexts)
