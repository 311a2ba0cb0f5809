"""A conversation as turns of typed parts, the form between OpenAI's messages and a provider's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from promptside.errors import JsonObject
from promptside.providers.media import Media

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text, byte for byte as the caller wrote it."""

    text: str = field(repr=False)
    cache_control: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image as bytes (`media`) or as an address (`url`), never both."""

    where: str
    media: Media | None = None
    url: str | None = field(default=None, repr=False)
    detail: str | None = None
    cache_control: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file as bytes, as an address, or as the id of an upload at the provider."""

    where: str
    name: str | None = None
    media: Media | None = None
    url: str | None = field(default=None, repr=False)
    file_id: str | None = None
    cache_control: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made earlier. `source` is the whole entry as the caller sent it, for a provider's extras."""

    id: str
    name: str
    arguments: JsonObject = field(repr=False)
    source: JsonObject = field(default_factory=dict, repr=False)
    cache_control: JsonObject | None = None


Content = Text | Image | Document


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered; `name` is the tool's when the call it answers is in the list."""

    call_id: str
    name: str | None
    content: tuple[Content, ...] = field(repr=False)
    is_error: bool = False
    cache_control: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block of an earlier answer, kept verbatim: providers check its signature."""

    block: JsonObject = field(repr=False)


Part = Content | ToolCall | ToolResult | Thinking


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything one side said before the other spoke."""

    role: Role
    parts: tuple[Part, ...]

    def has(self, kind: type[Part]) -> bool:
        """Tell whether a part of that type is in the turn."""
        return any(isinstance(part, kind) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The system prompt and the turns after it."""

    system: tuple[Text, ...]
    turns: tuple[Turn, ...]

    @property
    def has_tools(self) -> bool:
        """Tell whether a tool was called or answered."""
        return any(turn.has(ToolCall) or turn.has(ToolResult) for turn in self.turns)

    def map_turns(self, change: Callable[[Turn], Turn]) -> Conversation:
        """Return the conversation with every turn changed and neighbours of one role merged again."""
        return replace(self, turns=tuple(merge(change(turn) for turn in self.turns)))


def merge(turns: Iterable[Turn]) -> list[Turn]:
    """Join neighbours of one role; in a user turn tool results come first, as the answered turn demands."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1] = replace(turn, parts=merged[-1].parts + turn.parts)
        else:
            merged.append(turn)
    return [_results_first(turn) if turn.has(ToolResult) else turn for turn in merged]


def parts_text(parts: Iterable[Part]) -> str:
    """Join the texts among the parts with nothing between them."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def _results_first(turn: Turn) -> Turn:
    results = tuple(part for part in turn.parts if isinstance(part, ToolResult))
    others = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
    return replace(turn, parts=results + others)
