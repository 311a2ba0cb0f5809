"""Looks at templates as the stack would: do they compile, which partials do they use, what would surprise in them."""

from __future__ import annotations

from collections.abc import Iterator

from cli.importing.braces import odd_names, sigils, single_braces
from cli.importing.message_lists import texts_of
from cli.stored_form import split_messages
from promptside.errors import TemplateError
from promptside.schema.prompt import Kind
from promptside.template.prompt import compile_prompt


def template_fault(string: str, kind: Kind, *, raw: bool = False) -> str | None:
    """Return why a template does not compile, with line and column; None when it does."""
    try:
        compile_prompt(string, kind=kind, raw=raw)
    except TemplateError as exc:
        return exc.message
    return None


def partials_in(string: str, kind: Kind, *, raw: bool = False) -> tuple[str, ...]:
    """Return the references of partials in a template that compiles."""
    return tuple(compile_prompt(string, kind=kind, raw=raw).partials)


def remarks_about(string: str, kind: Kind, *, mustache: bool, raw: bool = False) -> list[str]:
    """Return sentences about what compiles, but likely means something else than in the source."""
    return [
        place + sentence
        for place, text in _texts(string, kind, raw=raw)
        for sentence in (*single_braces(text), *odd_names(text), *([] if mustache else sigils(text)))
    ]


def _texts(string: str, kind: Kind, *, raw: bool) -> Iterator[tuple[str, str]]:
    messages = None if kind == "text" or raw else split_messages(string)
    if messages is None:
        yield "", string
        return
    for number, message in enumerate(messages, start=1):
        for text in texts_of(message):
            yield f"message {number}, ", text
