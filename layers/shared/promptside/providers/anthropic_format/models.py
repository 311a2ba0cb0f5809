"""What each generation of Claude takes, as one table; Anthropic, Bedrock and Vertex AI all decide by it.

Read 2026-11-22 from the vendor's deprecation notices and LiteLLM's model map. Rows are chosen by version, not by a list
of ids, so that a model that comes out tomorrow is treated like its predecessor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Sampling = Literal["all", "one", "none"]
Thinking = Literal["no", "budget", "both", "adaptive"]
ThinkingOff = Literal["absent", "between_tools", "never"]

_ALL_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """The capabilities of one generation.

    `sampling` says whether temperature, top_p and top_k are taken: all of them, one of temperature and top_p, or none.
    `thinking` is how it is asked for: a token budget, `adaptive`, or both. `thinking_off` is how a model that thinks
    unasked is told not to: leaving it out, `between_tools`, or never. `forced_tools` allows `any` and `tool`.
    """

    sampling: Sampling = "all"
    thinking: Thinking = "no"
    thinks_unasked: bool = False
    thinking_off: ThinkingOff = "absent"
    efforts: frozenset[str] = frozenset()
    prefill: bool = True
    forced_tools: bool = True
    later_system: bool = False
    json_schema: bool = False
    cache_ttl: bool = False
    strict_on_bedrock: bool = False
    max_output: int = 8_192


_CLAUDE_3 = ClaudeModel(max_output=4_096)
_CLAUDE_3_5 = ClaudeModel()
_CLAUDE_3_7 = ClaudeModel(thinking="budget", max_output=64_000)
_CLAUDE_4 = ClaudeModel(sampling="one", thinking="budget", max_output=32_000)
_CLAUDE_4_5 = replace(_CLAUDE_4, json_schema=True, cache_ttl=True, strict_on_bedrock=True, max_output=64_000)
_CLAUDE_4_6 = replace(
    _CLAUDE_4_5,
    thinking="both",
    efforts=frozenset({"low", "medium", "high", "max"}),
    prefill=False,
    max_output=128_000,
)
_CLAUDE_4_7 = replace(_CLAUDE_4_6, sampling="none", thinking="adaptive", efforts=_ALL_EFFORTS, strict_on_bedrock=False)
_CLAUDE_4_8 = replace(_CLAUDE_4_7, later_system=True)
_HAIKU_5_5 = replace(_CLAUDE_4_8, thinks_unasked=True, strict_on_bedrock=True)
_SONNET_5_5 = replace(_HAIKU_5_5, thinking_off="between_tools", forced_tools=False)
_OPUS_5_5 = replace(_SONNET_5_5, thinking_off="never")

ROWS: tuple[tuple[str | None, tuple[int, int], ClaudeModel], ...] = (
    ("fable", (5, 1), _OPUS_5_5),
    ("mythos", (5, 1), _OPUS_5_5),
    ("opus", (5, 5), _OPUS_5_5),
    ("sonnet", (5, 5), _SONNET_5_5),
    ("haiku", (5, 5), _HAIKU_5_5),
    (None, (5, 5), _OPUS_5_5),
    (None, (4, 8), _CLAUDE_4_8),
    (None, (4, 7), _CLAUDE_4_7),
    (None, (4, 6), _CLAUDE_4_6),
    (None, (4, 5), _CLAUDE_4_5),
    (None, (4, 0), _CLAUDE_4),
    (None, (3, 7), _CLAUDE_3_7),
    (None, (3, 5), _CLAUDE_3_5),
    (None, (0, 0), _CLAUDE_3),
)
"""Family (None is any), first version, capabilities; the first row that fits counts."""

UNKNOWN = ClaudeModel(thinking="both", efforts=_ALL_EFFORTS, json_schema=True, cache_ttl=True)
"""A name without a version says nothing: everything is sent as it is asked for, and the provider decides."""

_NAMED = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_NUMBERED = re.compile(r"claude-(\d{1,2})(?:[-.](\d{1,2}))?-([a-z]+)")


def claude_model(model: str, *, override: str | None = None) -> ClaudeModel:
    """Return what a model takes; `override` is the model whose row counts instead, for names that do not tell.

    The name may stand inside another, such as `us.anthropic.claude-sonnet-4-5-20250929-v1:0`.
    """
    name = (override or model).lower()
    if "claude-mythos-preview" in name:
        name = "claude-mythos-5"
    version = _version(name)
    if version is None:
        return UNKNOWN
    family, number = version
    return next(row for only, first, row in ROWS if only in (None, family) and number >= first)


def _version(name: str) -> tuple[str, tuple[int, int]] | None:
    if match := _NAMED.search(name):
        return match[1], (int(match[2]), int(match[3] or 0))
    if match := _NUMBERED.search(name):
        return match[3], (int(match[1]), int(match[2] or 0))
    return None
