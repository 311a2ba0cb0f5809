"""OpenAI's message list as turns of typed parts: what every provider with a wire of its own starts from.

The rules: `developer` is `system`; the leading system messages are the system prompt and later ones stay in place;
texts that are empty or only white space are left out, as are messages without any part; tool results are parts of a
user turn; neighbours of the same role are one turn, with tool results first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from promptside.errors import InvalidRequest
from promptside.providers.message_parts import MessageReader, compact_json
from promptside.providers.turns import (
    Conversation,
    Part,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    merge,
    parts_text,
)
from promptside.schema.chat import Message


def read_conversation(messages: Iterable[Message], *, provider: str) -> Conversation:
    """Read OpenAI's messages. Raises InvalidRequest naming the message that cannot be understood or has no use.

    A list with only system messages becomes one user turn with the same texts, for no provider answers to silence.
    """
    reader = MessageReader()
    turns = merge(turn for turn in map(reader.read, messages) if turn is not None)
    system: tuple[Text, ...] = ()
    if turns and turns[0].role == "system":
        system = tuple(part for part in turns[0].parts if isinstance(part, Text))
        turns = turns[1:]
    if not turns and system:
        return Conversation((), (Turn("user", system),))
    if not turns:
        raise InvalidRequest(
            f"{provider} needs at least one message with content", param="messages", code="invalid_messages"
        )
    return Conversation(system, tuple(turns))


def tools_as_text(turn: Turn) -> Turn:
    """Replay tool calls and results as text, for a request that declares no tools: they cannot be called again."""
    return replace(turn, parts=tuple(text for part in turn.parts for text in _as_text(part)))


def system_as_user(turn: Turn) -> Turn:
    """Make a later system message part of the user's turn, for models without such messages."""
    return replace(turn, role="user") if turn.role == "system" else turn


def _as_text(part: Part) -> tuple[Part, ...]:
    if isinstance(part, ToolCall):
        return (Text(f"[Called the tool {part.name} with {compact_json(part.arguments)}]", part.cache_control),)
    if isinstance(part, ToolResult):
        outcome = "failed" if part.is_error else "answered"
        told = f"[The tool {part.name or part.call_id} {outcome}: {parts_text(part.content)}]"
        others = tuple(item for item in part.content if not isinstance(item, Text))
        return (Text(told, part.cache_control), *others)
    return (part,)
