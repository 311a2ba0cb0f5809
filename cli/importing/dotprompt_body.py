"""Turns the body of a `.prompt` file into messages, as long as its tags are plain names.

LiteLLM renders bodies with Jinja and then looks for lines that start with `System:`, `User:` or `Assistant:`; Dotprompt
renders them with Handlebars and has `{{role "system"}}` and `{{history}}`. Texts stay as written but for white space
around each message, that LiteLLM takes away too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cli.importing.braces import line_of
from cli.importing.collector import Collector
from cli.importing.dotprompt_front_matter import Refused
from cli.importing.message_lists import Item

_TAG = re.compile(r"\{\{\{(?P<bare>.*?)\}\}\}|\{\{(?P<inside>.*?)\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_PARTIAL = re.compile(r">\s*[A-Za-z0-9][A-Za-z0-9_-]*")
_WORDS = frozenset({"else", "this", "true", "false", "none", "null", "True", "False", "None"})
_ROLE = re.compile(r"\{\{\s*role\s+[\"'](?P<role>\w+)[\"']\s*\}\}|\{\{\s*(?P<history>history)\s*\}\}")
_ROLE_TAG = re.compile(r"\{\{\s*role\s")
_PREFIX = re.compile(r"^[ \t]*(?P<role>System|User|Assistant):", re.MULTILINE)
_ROLES = {"model": "assistant", "System": "system", "User": "user", "Assistant": "assistant"}
_EDGES = re.compile(r"^[ \t]+\S|\S[ \t]+$", re.MULTILINE)
_JINJA = "Jinja logic is not Mustache: write a section, {{#name}}...{{/name}}, or decide in your code"
_HANDLEBARS = "Handlebars logic is not Mustache: write a section, {{#name}}...{{/name}}, or decide in your code"
_EXPRESSION = "an expression: Mustache takes plain names only, so compute the value in your code"


def read_body(collector: Collector, body: str, what: str, *, first_line: int) -> list[Item]:
    """Return the messages. `first_line` is the body's place in the file. Raises Refused, with the file's line."""
    is_dotprompt = _ROLE_TAG.search(body) is not None
    text = _checked(collector, body, what, first_line=first_line, is_dotprompt=is_dotprompt)
    items = list(_dotprompt_messages(text, first_line) if is_dotprompt else _litellm_messages(text))
    if not is_dotprompt and any(isinstance(item, dict) and _EDGES.search(item["content"]) for item in items):
        collector.note(what, "LiteLLM takes away the white space around each line; here it stays as written")
    return items


def _checked(collector: Collector, body: str, what: str, *, first_line: int, is_dotprompt: bool) -> str:
    """Return the body without Jinja's comments. Raises Refused for any tag that is more than a name."""
    pieces: list[str] = []
    position = 0
    for match in _TAG.finditer(body):
        pieces.append(body[position : match.start()])
        position = match.end()
        line = first_line + line_of(body, match.start()) - 1
        if match["inside"] is None and match["bare"] is None and not is_dotprompt:
            if match[0].startswith("{%"):
                raise Refused(line, _JINJA)
            collector.skip(f"{what}, line {line}: a comment", "Jinja's comments never reach the model")
            continue
        if match["inside"] is not None or match["bare"] is not None:
            _check_tag(match, line, is_dotprompt=is_dotprompt)
        pieces.append(match[0])
    return "".join(pieces) + body[position:]


def _check_tag(match: re.Match[str], line: int, *, is_dotprompt: bool) -> None:
    inside = (match["bare"] if match["bare"] is not None else match["inside"]).strip()
    if _NAME.fullmatch(inside) and inside not in _WORDS:
        return
    if match["bare"] is None and (inside.startswith("!") or _PARTIAL.fullmatch(inside)):
        return
    if is_dotprompt and _ROLE.fullmatch(match[0]):
        return
    raise Refused(line, _HANDLEBARS if inside[:1] in ("#", "/", "^") or inside in _WORDS else _EXPRESSION)


def _litellm_messages(text: str) -> Iterator[Item]:
    role, position = "user", 0
    for match in _PREFIX.finditer(text):
        yield from _message(role, text[position : match.start()])
        role, position = _ROLES[match["role"]], match.end()
    yield from _message(role, text[position:])


def _dotprompt_messages(text: str, first_line: int) -> Iterator[Item]:
    role: str | None = "user"
    position = 0
    for match in [*_ROLE.finditer(text), None]:
        content = text[position : match.start() if match else len(text)]
        if content.strip() and role is None:
            raise Refused(first_line + line_of(text, position) - 1, "the text after {{history}} needs a {{role}}")
        yield from _message(role or "user", content)
        if match is None:
            return
        position = match.end()
        if match["history"]:
            yield "{{history}}"
            role = None
        else:
            role = _ROLES.get(match["role"], match["role"])


def _message(role: str, text: str) -> Iterator[Item]:
    if text.strip():
        yield {"role": role, "content": text.strip()}
