"""What each generation of Gemini takes, as one table; the Gemini API and Vertex AI both decide by it.

https://ai.google.dev/gemini-api/docs/thinking and /docs/thought-signatures, the google-genai 3.4.0 types and LiteLLM's
model map (read 2026-11-22). Rows are chosen by version, not by a list of names, so that a model that comes out tomorrow
is treated like its predecessor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from promptside.providers.base import ProviderCall

Thinking = Literal["no", "budget", "level"]


def _levels(least: str, medium: str = "MEDIUM") -> Mapping[str, str]:
    levels = {"none": least, "minimal": least, "low": "LOW", "medium": medium}
    return MappingProxyType({**levels, "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"})


def _budgets(*, off: int, least: int, most: int) -> Mapping[str, int]:
    budgets = {"none": off, "minimal": least, "low": 1_024, "medium": 8_192, "high": 24_576}
    return MappingProxyType({**budgets, "xhigh": most, "max": most})


@dataclass(frozen=True, slots=True)
class GeminiModel:
    """The capabilities of one generation.

    `thinking` says how it is asked for: not at all, as a budget of tokens, or as a level; `budgets` and `levels` are
    what each reasoning effort becomes, `none` being the least there is. `sampling` is false where temperature, top_p
    and top_k have no effect. `tracks_calls` is the third generation's way with tools: calls have ids, and a replayed
    call needs the signature of its thought. `combines` allows JSON answers and Google's own tools beside functions.
    `detail` takes a resolution for one image, and media inside a tool's result.
    """

    thinking: Thinking = "no"
    budgets: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    levels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sampling: bool = True
    penalties: bool = True
    tracks_calls: bool = False
    combines: bool = False
    detail: bool = False
    system: bool = True


_GEMINI_2 = GeminiModel()
_FLASH_2_5 = replace(_GEMINI_2, thinking="budget", budgets=_budgets(off=0, least=512, most=24_576))
_PRO_2_5 = replace(_GEMINI_2, thinking="budget", budgets=_budgets(off=128, least=128, most=32_768))
_PRO_3 = GeminiModel(
    thinking="level",
    levels=_levels("LOW", medium="HIGH"),
    penalties=False,
    tracks_calls=True,
    combines=True,
    detail=True,
)
_PRO_3_1 = replace(_PRO_3, levels=_levels("LOW"))
_FLASH_3 = replace(_PRO_3, levels=_levels("MINIMAL"))
_PRO_3_6 = replace(_PRO_3_1, sampling=False)
_FLASH_3_6 = replace(_FLASH_3, sampling=False)

ROWS: tuple[tuple[str | None, tuple[int, int], GeminiModel], ...] = (
    ("flash", (3, 6), _FLASH_3_6),
    ("flash-lite", (3, 5), _FLASH_3_6),
    (None, (3, 6), _PRO_3_6),
    ("flash", (3, 0), _FLASH_3),
    ("flash-lite", (3, 0), _FLASH_3),
    (None, (3, 1), _PRO_3_1),
    (None, (3, 0), _PRO_3),
    ("pro", (2, 5), _PRO_2_5),
    (None, (2, 5), _FLASH_2_5),
    (None, (0, 0), _GEMINI_2),
)
"""Tier (None is any), first version, capabilities; the first row that fits counts."""

UNKNOWN = replace(_FLASH_2_5, combines=True)
"""A name without a version, such as a tuned model's number, says nothing: most is sent, and the provider decides."""

_GEMMA = GeminiModel()
_GEMMA_3 = replace(_GEMMA, system=False)
_LATEST = (99, 0)

_VERSION = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_TIER = re.compile(r"-(flash-lite|flash|pro)(?![a-z])")
# Models that draw or speak take no thinking configuration.
_NO_THINKING = re.compile(r"-(image|tts)(?![a-z])")


def gemini_model(call: ProviderCall) -> GeminiModel:
    """Return what the call's model takes; the setting `base_model` overrides its name."""
    name = (call.settings.get("base_model") or call.model).lower()
    if "gemma" in name:
        return _GEMMA_3 if "gemma-3" in name else _GEMMA
    version = _version(name)
    if version is None:
        return UNKNOWN
    tier = _TIER.search(name)
    known = tier[1] if tier else None
    row = next(row for only, first, row in ROWS if only in (None, known) and version >= first)
    return replace(row, thinking="no") if _NO_THINKING.search(name) else row


def _version(name: str) -> tuple[int, int] | None:
    if match := _VERSION.search(name):
        return int(match[1]), int(match[2] or 0)
    return _LATEST if name.startswith("gemini-") and name.endswith("-latest") else None
