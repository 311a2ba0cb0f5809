"""Whose limits a run is under. `promptside.metering` knows what the limits themselves mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from promptside.errors import JsonObject

SubjectKind = Literal["api_key", "virtual_key", "prompt"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What has limits. `id` is what its use is counted under, `name` what messages call it.

    `limits` are as they are stored: `{"rate_limits": [...], "usage_limits": {...}, "usage_since": "..."}`.
    """

    kind: SubjectKind
    id: str
    name: str
    limits: JsonObject = field(repr=False)
