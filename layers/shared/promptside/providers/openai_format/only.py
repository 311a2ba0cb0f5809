"""What only OpenAI's own endpoints understand: the hosts that borrowed its wire start their tables from these lists."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

KNOBS: frozenset[str] = frozenset(
    {
        "audio",
        "moderation",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "verbosity",
    }
)
"""Accounting and style: the answer keeps its shape without them."""

PROMISES: Mapping[str, str] = MappingProxyType(
    {"web_search_options": "declare the provider's own search tool, if it has one, in 'tools' instead"}
)
"""An answer without these would be another answer; and why each is refused."""

TEXT_ANSWERS: Mapping[str, Any] = MappingProxyType({"modalities": ["text"]})
"""The one value of parameters that a host of text models can take."""
