"""A stored prompt, compiled once per version and rendered to messages or text with every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from promptside.errors import InvalidRequest, JsonObject
from promptside.template.budget import Budget
from promptside.template.compiler import DEFAULT_LIMITS, Template, compile_template
from promptside.template.raw import render_raw
from promptside.template.renderer import Scope, as_data, render_in
from promptside.template.source import Source
from promptside.template.structured import Structure, compile_structure


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A prompt ready to render. The names are those of its templates, in order of first use.

    `content` is a template for text prompts and raw chat prompts, a compiled message list for the other chat prompts.
    """

    kind: Literal["chat", "text"]
    raw: bool
    content: Template | Structure

    @property
    def variables(self) -> tuple[str, ...]:
        """Dotted names of variables and sections."""
        return self.content.variables

    @property
    def partials(self) -> tuple[str, ...]:
        """Stored partials as written: `slug`, `slug@5`, `slug@latest`."""
        return self.content.partials

    @property
    def caller_partials(self) -> tuple[str, ...]:
        """Names of `{{>>name}}`."""
        return self.content.caller_partials


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """Exactly one of the two is set."""

    messages: list[JsonObject] | None = None
    text: str | None = None


def compile_prompt(
    string: str, *, kind: Literal["chat", "text"], raw: bool = False, name: str | None = None
) -> CompiledPrompt:
    """Return the compiled prompt. `string` is the JSON text of a message list for chat, plain text otherwise.

    `raw` makes that JSON text one template as a whole, parsed after rendering; it means nothing for text prompts.
    `name` is for errors: `prompt 'pp-hello-1a2b3c'`. Raises TemplateError.
    """
    if kind == "text" or raw:
        return CompiledPrompt(kind, raw, compile_template(string, name=name))
    source = Source(string, name)
    if len(string) > DEFAULT_LIMITS.template_size:
        raise source.error(f"The template is longer than {DEFAULT_LIMITS.template_size} characters", 0)
    return CompiledPrompt(kind, raw, compile_structure(source))


def render_prompt(
    prompt: CompiledPrompt, variables: Mapping[str, Any], partials: Mapping[str, Template]
) -> RenderedPrompt:
    """Return the prompt filled with variables; missing ones are empty, others are ignored.

    `partials` maps every reference in the prompt and in its partials, as written, to its template. Raises
    TemplateError, or InvalidRequest that names the variable or the message at fault.
    """
    scope = Scope(as_data(variables), partials, Budget())
    content = prompt.content
    if isinstance(content, Structure):
        return RenderedPrompt(messages=_checked(content.root.build(scope)))
    if prompt.kind == "text":
        return RenderedPrompt(text=render_in(content, scope))
    return RenderedPrompt(messages=_checked(render_raw(content, scope)))


def _checked(messages: Any) -> list[JsonObject]:
    """Return a rendered message list if providers can read it as one."""
    if not isinstance(messages, list) or not messages:
        raise _invalid("The rendered prompt must be a list with at least one message")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _invalid(f"messages[{index}] of the rendered prompt must be an object with a 'role'")
        role = message.get("role")
        if not isinstance(role, str) or not role:
            raise _invalid(f"messages[{index}] of the rendered prompt must have a text as its 'role'")
    return messages


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="messages", code="invalid_messages")
