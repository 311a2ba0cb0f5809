"""The knobs of the OpenAI-compatible family: what a provider's file may say it does differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall

RewriteAnswer = Callable[[JsonObject], None]
"""Changes a decoded answer or chunk, or a message or delta, in place, before it is normalised."""

RewriteBody = Callable[[JsonObject, ProviderCall, list[str]], JsonObject]
"""Returns the body to send, from the one the tables made; notes what it leaves out with `parameters.drop`."""

Wire = Literal["chat", "responses"]
ChooseWire = Callable[[ProviderCall], Wire]


def always_chat(_: ProviderCall) -> Wire:
    """Return the wire of a host that has no other."""
    return "chat"


@dataclass(frozen=True, slots=True)
class MessageRules:
    """How messages are rewritten for a host that checks them strictly.

    Null members are always left out, except `content`. `keys` lists what a message may hold, by role; roles that are
    not listed keep everything. `tool_call_keys` does the same for the calls in an assistant's message. `tool_call_id`
    makes an id that the host accepts, the same one for a call and its result. `part` rewrites one content part.
    """

    developer_as_system: bool = True
    join_text_parts: bool = False
    keys: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    tool_call_keys: frozenset[str] | None = None
    tool_call_id: Callable[[str], str] | None = None
    part: Callable[[JsonObject], JsonObject] | None = None


@dataclass(frozen=True, slots=True)
class ToolRules:
    """How tools are rewritten.

    `strip` names keys of a tool and of its `function` that the host refuses, such as `strict`. `choices` renames the
    words of `tool_choice`, such as `required` to `any`. `schema` rewrites the JSON schema of the parameters.
    `needs_parameters` writes the empty schema for a function that has none, where the host demands one.
    """

    strip: frozenset[str] = frozenset()
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    schema: Callable[[JsonObject], JsonObject] | None = None
    needs_parameters: bool = False


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """How answers are read.

    `tools_outrank_stop` turns `stop` into `tool_calls` when the choice called tools; OpenAI's own `stop` after a forced
    tool is meant. `ends_without_done` says that a stream may end without `[DONE]` and without a finish reason, once
    usage was seen. `answer` rewrites whole answers and chunks, `message` their messages and deltas. A chunk that is
    a plain piece of text goes through `answer` only if it has one of `answer_keys`; without them, every chunk does.
    """

    tools_outrank_stop: bool = False
    ends_without_done: bool = False
    answer: RewriteAnswer | None = None
    answer_keys: frozenset[str] | None = None
    message: RewriteAnswer | None = None
