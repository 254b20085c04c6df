"""Which answers are good: `local_extensions/rules.py`, `names.py`, `quoting.py`."""

from __future__ import annotations

import ast
import json
import keyword
import re
import sys
import tomllib

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from local_extensions import names, quoting, rules

GOOD = {
    "project_name": ["x", "日本語", "🎉", 'a "quote" \\ \n and $(x) `y` # : ${{ z }}', "x" * 300],
    "project_slug": ["a", "a-b_c.d", "A1", "x" * 50, "console", "123"],
    "package_name": ["a", "penguins_model", "X9", "x" * 40, "connect"],
    "description": ["", "anything: at all"],
    "subscription_id": ["", "01234567-89ab-cdef-0123-456789ABCDEF"],
    "location": [
        "westeurope",
        "eastus2",
        "West Europe",
        "west-europe",
        "(US) East US 2",
        " Eastus ",
    ],
    "resource_group": ["a", "rg_(x)-1.y", "x" * 90],
    "workspace_name": ["abc", "1-_", "x" * 33],
    "service_principal_name": ["sp", "My principal 1.0", "x" * 120],
}
BAD = {
    "project_name": [
        "",
        " \n ",
        "a {{ b",
        "a {% b",
        "a {# b",
        "${{ cookiecutter.x }}",
        "bell \x07",
        "tab\t",
        "\ud800",
    ],
    "project_slug": [
        *["", ".", "a.", "-a", "a b", "a/b", "a\\b", "a\n", "é", "..", "a:b", "x" * 51, '"'],
        *["con", "CON", "nul", "com1", "LPT9", "aux.txt"],
    ],
    "package_name": [
        *["", "1a", "a-b", "a b", "_a", "__init__", "é", "a\n", "a.b", "x" * 41, "con", "nul"],
        *["class", "None", "none", "true", "match", "type", "json", "Random", "distutils"],
        *["amlkit", "data", "environment", "model", "deploy", "infra", "tests", "src", "conftest"],
        *["numpy", "pandas", "sklearn", "mlflow", "pyarrow", "yaml", "joblib", "azureml", "azure"],
    ],
    "subscription_id": [
        *["none", "01234567-89ab-cdef-0123-456789abcde", " 01234567-89ab-cdef-0123-456789abcdef"],
        *["01234567-89ab-cdef-0123-456789abcdeg", "{01234567-89ab-cdef-0123-456789abcdef}"],
        "0123456789abcdef0123456789abcdef",
    ],
    "location": ["", " ", "1west", "x" * 51, "west/europe", "(Europe)", "wésteurope"],
    "resource_group": ["", "a.", "a b", "a/b", "x" * 91, "a\n"],
    "workspace_name": ["", "ab", "-ab", "a.b.c", "a b c", "x" * 34, "äbc"],
    "service_principal_name": ["", "a", " ab", "ab ", "a'b", "x" * 121, "a$b"],
}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return each answer with each of its values."""
    return [(answer, value) for answer, values in table.items() for value in values]


@pytest.mark.parametrize(("answer", "value"), pairs(GOOD))
def test_a_good_answer_passes(answer: str, value: str) -> None:
    assert rules.refusal(answer, value) is None


@pytest.mark.parametrize(("answer", "value"), pairs(BAD))
def test_a_bad_answer_is_refused_in_one_line(answer: str, value: str) -> None:
    reason = rules.refusal(answer, value)
    assert reason
    assert len(reason.splitlines()) == 1
    assert len(reason) < 250


def test_no_name_of_python_itself_can_be_a_package() -> None:
    taken = {*keyword.kwlist, *keyword.softkwlist, *sys.stdlib_module_names}
    assert [name for name in taken if rules.refusal("package_name", name) is None] == []


@given(st.text(), st.text())
@example(name="", slug=f"{'a' * 27}-prod")
def test_derived_names_are_always_valid(name: str, slug: str) -> None:
    # A slug of the user's own is checked before anything is derived from it.
    derived = names.slug_for(name)
    for folder in {derived, slug if not rules.project_slug(slug) else derived}:
        assert rules.refusal("project_slug", folder) is None
        assert rules.refusal("package_name", names.package_for(folder)) is None
        assert rules.refusal("resource_group", names.resource_group_for(folder)) is None
        assert rules.refusal("workspace_name", names.workspace_for(folder)) is None
        principal = names.service_principal_for(folder)
        assert rules.refusal("service_principal_name", principal) is None
        endpoints = names.endpoint_for(folder), names.production_endpoint_for(folder)
        assert endpoints[0] != endpoints[1]
        for endpoint in endpoints:  # Azure ML's rule
            assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", endpoint)


@pytest.mark.parametrize(
    ("name", "slug", "package"),
    [
        ("Penguins model", "penguins-model", "penguins_model"),
        ("123", "123", "model_123"),
        ("con", "con-model", "con_model"),
        ("🎉🎉", "azure-ml-model", "azure_ml_model"),
        ("中文项目", "zhong-wen-xiang-mu", "zhong_wen_xiang_mu"),
        ("amlkit", "amlkit", "amlkit_model"),
        ("numpy", "numpy", "numpy_model"),
        ("Class!", "class", "class_model"),
    ],
)
def test_names_derived_from_difficult_projects(name: str, slug: str, package: str) -> None:
    assert names.slug_for(name) == slug
    assert names.package_for(slug) == package


@given(st.text())
def test_an_escaped_text_reads_back_in_every_format(text: str) -> None:
    if rules.text(text):
        return
    string = f'"{quoting.escaped(text)}"'
    assert tomllib.loads(f"x = {string}")["x"] == text
    assert yaml.safe_load(f"x: {string}  # comment")["x"] == text
    assert json.loads(string) == text
    assert ast.literal_eval(string) == text


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    assert len(quoting.oneline(text).splitlines()) <= 1
    assert len(quoting.markdown(text).splitlines()) <= 1


def test_markdown_is_no_markup() -> None:
    assert quoting.markdown("# a_b [c](d) <e>\n`f`") == r"\# a\_b \[c\](d) \<e\> \`f\`"
    assert quoting.markdown("- x") == r"\- x"
    assert quoting.markdown("1. x") == r"1\. x"
    assert quoting.markdown("2024 was - fine.") == "2024 was - fine."
