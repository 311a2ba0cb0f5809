"""What tokens cost, by a dated list that ships with the layer; `scripts/prices.py` writes it.

The list also tells which models are known at all. It is read on first use: only plans and drafts need it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from promptside.errors import JsonObject

_FILE = Path(__file__).with_name("prices.json")
_SAME = {"vertex-ai": "google"}
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost at most: of tiered prices the highest."""

    input: float
    output: float
    currency: str
    source: str
    date: str


def find_price(provider: str, model: str) -> Price | None:
    """Return the price of a model, or None when it is not known or not paid by token."""
    entry = _find(provider, model)
    if entry is None or "input" not in entry:
        return None
    document = _document()
    return Price(entry["input"], entry["output"], document["currency"], document["source"], document["date"])


def knows_model(provider: str, model: str) -> bool | None:
    """Tell whether the provider has such a model; None when the list has nothing of the provider."""
    if _SAME.get(provider, provider) not in _document()["providers"]:
        return None
    return _find(provider, model) is not None


def _find(provider: str, model: str) -> JsonObject | None:
    models: list[JsonObject] = _document()["providers"].get(_SAME.get(provider, provider), [])
    name = model.lower()[:_LONGEST_NAME]
    return next((entry for entry in models if _matches(entry["match"], name)), None)


def _matches(clause: JsonObject, name: str) -> bool:
    ((kind, value),) = clause.items()
    match kind:
        case "equals":
            return bool(name == value)
        case "starts_with":
            return name.startswith(value)
        case "ends_with":
            return name.endswith(value)
        case "contains":
            return value in name
        case "regex":
            return re.search(value, name) is not None
        case "or":
            return any(_matches(part, name) for part in value)
        case _:
            return all(_matches(part, name) for part in value)


@cache
def _document() -> Any:
    return json.loads(_FILE.read_text())
