"""Words of others in a page: a real renderer of GitHub's Markdown shows them as they are."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amlkit.ci.markdown import block, link, seen, table, text

markdown_it = pytest.importorskip("markdown_it", reason="comes with the template's tools")
RENDERER = markdown_it.MarkdownIt("gfm-like", {"html": True, "linkify": False})

SIGNS = st.sampled_from(
    [
        *"*_`[]()<>#+-=.!|~$@:&;\\/ \n\t1a\u202e",
        *("https://a.b", "www.a.b", "a@b.c", "&lt;", "<b>", "<!--", "-->", "~~"),
        *("![x](y)", "[x]: y", "1. ", "- ", "> ", "---", "```", "| - |"),
    ]
)
WORDS = st.lists(SIGNS | st.characters(), max_size=14).map("".join)


def shown(page: str) -> str:
    """What a page's reader sees of HTML without tags."""
    return html.unescape(page.replace("<!-- -->", "")).strip()


def on_a_line(words: str) -> str:
    """The words as they are to be seen."""
    return " ".join(seen(words).split())


@given(WORDS)
@example("1. a\n- b\n# c\n| d |\n<img src=x onerror=y> `e` *f* _g_")
def test_words_are_a_paragraph_of_nothing_but_themselves(words: str) -> None:
    page = RENDERER.render(text(words))
    inside = re.fullmatch(r"<p>(.*)</p>\s*", page, re.DOTALL) if on_a_line(words) else None
    assert shown(inside[1] if inside else page) == on_a_line(words)
    assert "<" not in (inside[1] if inside else page).replace("<!-- -->", "")


@given(WORDS, WORDS)
@example("a\\|b", "c|")
def test_words_are_one_cell_of_a_table(first: str, second: str) -> None:
    page = RENDERER.render("\n".join(table(("one", "two"), [(first, second)])))
    cells = re.findall(r"<td>(.*?)</td>", page, re.DOTALL)
    assert [shown(cell) for cell in cells] == [on_a_line(first), on_a_line(second)]


@given(st.lists(WORDS.map(on_a_line), min_size=1, max_size=4))
def test_a_log_stays_within_its_fence(lines: list[str]) -> None:
    page = RENDERER.render("\n".join([*block(lines), "", "after"]))
    assert page.count("<code") == 1
    assert page.endswith("</code></pre>\n<p>after</p>\n")


@pytest.mark.parametrize("words", ["https://a.b", "HTTP://a.b", "www.a.b", "a@b.c", "@team", "#12"])
def test_nothing_links_by_itself(words: str) -> None:
    whole = r"(?i)\w+://\w|www\.\w|\w@\w|@\w|#\d"
    assert re.search(whole, words)
    assert not re.search(whole, text(words))


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://a.b", "https://a.b) [c](https://d", "https://a.b/ c", "", None],
)
def test_only_an_address_is_linked(address: str | None) -> None:
    assert link("studio", address) == ""


def test_an_address_is_linked() -> None:
    assert link("studio", "https://a.b/c?d=/e&f=g") == "[studio](https://a.b/c?d=/e&f=g)"
