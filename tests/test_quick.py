"""The shortcut of `local_extensions/quick.py` gives what Jinja would give."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined, UndefinedError

from local_extensions import FILTERS, Template
from local_extensions.quick import pieces_of
from tests.conftest import FOLDER

ANSWERS = {"project_slug": "a-b", "package_name": "a_b", "author_name": 'x "y" {{ z }}\\'}
PARTS = ["{{ cookiecutter.project_slug }}", "{{cookiecutter.package_name}}", "text\n", "{", "}}"]
PARTS += ["{{ cookiecutter.author_name | escaped }}", "cookiecutter", "$", "\\", " "]


def jinja() -> Environment:
    """Jinja as cookiecutter sets it up, with our filters and without the shortcut."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    environment.filters.update(FILTERS)
    return environment


def quick() -> Environment:
    """The same with the shortcut."""
    options: dict[str, Any] = {"undefined": StrictUndefined, "keep_trailing_newline": True}
    return Environment(extensions=[Template], **options)  # noqa: S701


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_the_shortcut_agrees_with_jinja(source: str) -> None:
    plain = "cookiecutter" not in source  # where braces mean nothing, as below
    if pieces_of(source, FILTERS) is None or (plain and "{{" in source):
        return
    expected = jinja().from_string(source).render(cookiecutter=ANSWERS)
    assert quick().from_string(source).render(cookiecutter=ANSWERS) == expected


def test_text_without_an_answer_is_copied() -> None:
    source = "run: ${{ parameters.x }} {% if %} {# #}\n"
    assert quick().from_string(source).render(cookiecutter=ANSWERS) == source


def test_all_else_is_jinja() -> None:
    source = "{% if cookiecutter.package_name == 'a_b' %}yes{% endif %}"
    assert quick().from_string(source).render(cookiecutter=ANSWERS) == "yes"


def test_an_unknown_answer_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nothing"):
        quick().from_string("{{ cookiecutter.nothing }}").render(cookiecutter=ANSWERS)


def test_broken_jinja_in_an_answer_is_one_line() -> None:
    with pytest.raises(FailedHookException, match="An answer holds broken Jinja"):
        quick().from_string("{% cookiecutter")


def test_what_is_copied_into_a_new_folder_is_all_that_holds_no_answer(template: Path) -> None:
    patterns = json.loads((template / "cookiecutter.json").read_text())["_copy_when_new"]
    names = [path for path in (template / FOLDER).rglob("*") if path.is_file()]
    used = set()
    for path in names:
        name = path.relative_to(template / FOLDER)
        reached = [name.as_posix(), *(folder.as_posix() for folder in name.parents)]
        by = {pattern for pattern in patterns for part in reached if fnmatch(part, pattern)}
        assert bool(by) == ("cookiecutter" not in path.read_text(encoding="utf-8")), name
        used |= by
    assert used == set(patterns)


def test_only_the_licence_needs_jinja_itself(template: Path) -> None:
    compiled = []
    for path in sorted((template / FOLDER).rglob("*")):
        if path.is_file() and path.suffix not in {".parquet", ".png"}:
            source = path.read_text(encoding="utf-8")
            if pieces_of(source, FILTERS) is None:
                compiled.append(path.name)
    assert compiled == ["LICENSE"]
