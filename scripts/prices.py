"""Writes the layer's price list from the data of genai-prices (MIT, https://github.com/pydantic/genai-prices).

    python -m scripts.prices

Of tiered prices the highest tier is kept, of dated ones what counts today, of processing variants the plain one; prices
for anything but tokens are left out. Run it after an update of genai-prices and commit the result.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "layers/shared/promptside/providers/prices.json"
PROVIDERS = {
    "anthropic": "anthropic",
    "azure-openai": "azure",
    "bedrock": "aws",
    "fireworks-ai": "fireworks",
    "google": "google",
    "groq": "groq",
    "mistral-ai": "mistral",
    "openai": "openai",
    "perplexity-ai": "perplexity",
    "together-ai": "together",
    "vertex-ai": "google",
}
"""Our names and theirs; ai21, anyscale and custom hosts have no prices there."""


def main() -> int:
    """Write the file and say how large it is."""
    from genai_prices import data

    today = datetime.now(UTC).date()
    theirs = {provider.id: provider for provider in data.providers}
    models = {
        name: [_model(model, today) for model in provider.models]
        for name, provider in ((name, theirs[identifier]) for name, identifier in sorted(set(PROVIDERS.items())))
        if name != "vertex-ai"
    }
    document = {
        "source": f"genai-prices {version('genai-prices')}",
        "date": today.isoformat(),
        "currency": "USD",
        "per_tokens": 1_000_000,
        "providers": models,
    }
    TARGET.write_text(_readable(document))
    print(f"{TARGET.name}: {sum(map(len, models.values()))} models, {TARGET.stat().st_size} bytes")
    return 0


def _model(model: Any, today: date) -> dict[str, Any]:
    """Return `{"match": ..., "input"?: 0.4, "output"?: 1.6}`; without prices the model is known and no more."""
    prices = _current(model.prices, today)
    entry: dict[str, Any] = {"match": _clause(model.match)}
    paid, earned = _highest(prices.input_mtok), _highest(prices.output_mtok)
    if paid is not None and earned is not None:
        entry.update(input=float(paid), output=float(earned))
    return entry


def _current(prices: Any, today: date) -> Any:
    if not isinstance(prices, list):
        return prices
    counting = prices[0].prices
    for entry in prices[1:]:
        start = getattr(entry.constraint, "start_date", None)
        if start is not None and start <= today:
            counting = entry.prices
    return counting


def _highest(price: Any) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    highest: Decimal = max(price.base, *(tier.price for tier in price.tiers))
    return highest


def _clause(clause: Any) -> dict[str, Any]:
    """Return `{"equals": text}`, `{"starts_with": text}` and so on, or `{"or": [...]}`, `{"and": [...]}`."""
    for name in ("equals", "starts_with", "ends_with", "contains", "regex"):
        if hasattr(clause, name):
            return {name: getattr(clause, name)}
    for name in ("or", "and"):
        if hasattr(clause, f"{name}_"):
            return {name: [_clause(part) for part in getattr(clause, f"{name}_")]}
    raise TypeError(f"{type(clause).__name__} is a new kind of clause")


def _readable(document: dict[str, Any]) -> str:
    """Return the JSON with one line for each model, so that a review shows what became dearer."""
    head = {name: value for name, value in document.items() if name != "providers"}
    lines = [json.dumps(head)[:-1] + ', "providers": {']
    providers = list(document["providers"].items())
    for index, (name, models) in enumerate(providers):
        lines.append(f"{json.dumps(name)}: [")
        lines.append(",\n".join(json.dumps(model) for model in models))
        lines.append("]" if index == len(providers) - 1 else "],")
    return "\n".join([*lines, "}}"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
