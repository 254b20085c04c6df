"""Render plain text and plain substitutions without compiling them.

Nearly all files of the template are copied word for word, or hold a package's name and no more.
Compiling each with Jinja is most of what a template adds to cookiecutter's own time, so:

* text in which the word `cookiecutter` does not occur is taken as it is. `${{ … }}` of pipelines
  needs no `{% raw %}`, and, unlike files under `_copy_without_render`, `--skip-if-file-exists`
  keeps the user's own;
* text whose only Jinja is `{{ cookiecutter.name }}` or `{{ cookiecutter.name | filter }}`, the
  filter being one of ours, is put together from its pieces;
* everything else is Jinja's.

Where the folder is new, what lies under `_copy_when_new` is not even that: cookiecutter copies it.
It does so over whatever is there, and puts whole folders in place of old ones, so that an existing
folder is rendered file by file. cruft does not say where it renders, and never copies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment, Template, TemplateSyntaxError
from jinja2.runtime import Context

Filters = Mapping[str, Callable[[Any], str]]
SUBSTITUTION = re.compile(r"\{\{ ?cookiecutter(?:\.(\w+))?(?: \| (\w+))? ?\}\}")
FOLDER = "{{cookiecutter.project_slug}}"
DELIMITER = re.compile(r"\{[{%#]")


class Pieces:
    """A text as `[text, answer, filter, text, answer, filter, …, text]`."""

    def __init__(self, pieces: list[str | None], filters: Filters) -> None:
        self.pieces = pieces
        self.filters = filters

    def render(self, context: Context, *_: Any, **__: Any) -> Iterable[str]:
        """Yield the parts of the rendered text; an unknown answer is Jinja's UndefinedError."""
        yield self.pieces[0] or ""
        step = iter(self.pieces[1:])
        for answer, name, text in zip(step, step, step, strict=True):
            value = context.resolve("cookiecutter")
            if answer:
                value = context.environment.getattr(value, answer)
            yield self.filters[name](value) if name else str(value)
            yield text or ""


def pieces_of(source: str, filters: Filters) -> Pieces | None:
    """Return the pieces of `source`, or None where it needs Jinja itself."""
    if "cookiecutter" not in source:
        return Pieces([source], filters)
    pieces: list[str | None] = SUBSTITUTION.split(source)
    texts = [text or "" for text in pieces[::3]]
    # A brace right before another two is one of Jinja's dictionaries.
    if any(DELIMITER.search(text) for text in texts) or any(t.endswith("{") for t in texts[:-1]):
        return None
    if any(name and name not in filters for name in pieces[2::3]):
        return None
    return Pieces(pieces, filters)


class Folder(Pieces):
    """The name of the folder, which is rendered once and first: the moment to look for it."""

    def render(self, context: Context, *_: Any, **__: Any) -> Iterable[str]:
        """Return the name; have cookiecutter copy what it may if there is no such folder yet."""
        answers = context.resolve("cookiecutter")
        name = answers["project_slug"]
        where = answers.get("_output_dir")
        if where and not os.path.exists(os.path.join(where, name)):
            answers["_copy_without_render"] = answers.get("_copy_when_new", [])
        return [name]


class QuickTemplate(Template):
    """A Jinja template that can also be made of pieces."""

    @classmethod
    def from_code(cls, environment: Environment, code: Any, *args: Any, **kwargs: Any) -> Template:
        """Build from compiled code, or from the pieces that stand in its place."""
        if not isinstance(code, Pieces):
            return super().from_code(environment, code, *args, **kwargs)
        module: dict[str, Any] = {
            "name": None,
            "blocks": {},
            "root": code.render,
            "debug_info": "",
            "__file__": "",
        }
        return cls.from_module_dict(environment, module, args[0] if args else kwargs["globals"])


def install(environment: Environment, filters: Filters) -> None:
    """Make `environment` take the shortcut wherever it can."""
    compile_with_jinja: Any = environment.compile

    def compile_quickly(source: Any, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(source, str):
            pieces = Folder([], filters) if source == FOLDER else pieces_of(source, filters)
            if pieces:
                return pieces
        try:
            return compile_with_jinja(source, name, *args, **kwargs)
        except TemplateSyntaxError as error:
            if name:
                raise
            # No name: an answer given as an argument, which cookiecutter renders.
            raise FailedHookException(f"An answer holds broken Jinja: {error.message}.") from error

    environment.compile = compile_quickly  # type: ignore[method-assign]
    environment.template_class = QuickTemplate
