"""What a call would cost at most, before anybody has counted its tokens, and what one has cost.

The rule of the estimate: a token is four ASCII characters or one other character, each message has four tokens more
and the call three. It counts texts and definitions of tools, not images, audio or files. It is an estimate: a
provider's own count is in the `usage` of an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall, ProviderRequest
from promptside.providers.prices import find_price

_PER_MESSAGE = 4
_PER_CALL = 3
_PLAIN_TIERS = frozenset({None, "auto", "default", "standard_only"})
_TEXT_PARTS = frozenset({None, "text", "input_text", "refusal"})
_ANSWER_LIMITS = (
    ("max_completion_tokens",), ("max_tokens",), ("max_output_tokens",), ("generationConfig", "maxOutputTokens"),
    ("inferenceConfig", "maxTokens"),
)  # fmt: skip
"""Where providers' bodies have the limit of the answer."""


def estimated_tokens(body: JsonObject) -> int:
    """Return the tokens of a neutral body's prompt by the rule above."""
    messages = body.get("messages")
    texts = [*_texts(messages), *_texts(body.get("prompt"))]
    texts += [json.dumps(body[name]) for name in ("tools", "functions", "response_format") if body.get(name)]
    ascii_characters = sum(_ascii(text) for text in texts)
    others = sum(len(text) - _ascii(text) for text in texts)
    count = len(messages) if isinstance(messages, list) else 0
    return -(-ascii_characters // 4) + others + count * _PER_MESSAGE + _PER_CALL


def answer_limit(request: ProviderRequest) -> int | None:
    """Return the most tokens that the request allows in an answer, as it would be sent."""
    sent = json.loads(request.body)
    for path in _ANSWER_LIMITS:
        value: Any = sent
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def has_uncounted_parts(messages: Any) -> bool:
    """Tell whether messages hold images, audio or files."""
    contents = [message.get("content") for message in messages or [] if isinstance(message, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    return any(part.get("type") not in _TEXT_PARTS for part in parts)


def highest_cost(
    provider: str | None, call: ProviderCall, *, prompt_tokens: int, completion_tokens: int | None
) -> JsonObject:
    """Return `{"currency", "amount", "prompt", "completion", "source", "date"}`, amounts in units of the currency.

    `amount` is null with a `reason` where the price or the limit is unknown: never zero. `provider` is None behind a
    host of one's own.
    """
    price = None if provider is None else find_price(provider, call.model)
    if price is None:
        return _unknown(f"no price is known for the model '{call.model[:64]}' there")
    if call.parameters.get("service_tier") not in _PLAIN_TIERS:
        return _unknown("prices of service tiers are not known", price.currency)
    answers = call.parameters.get("n") or call.parameters.get("best_of") or 1
    if completion_tokens is None or not isinstance(answers, int):
        return _unknown("no limit: set max_completion_tokens", price.currency)
    asked = _amount(price.input, prompt_tokens)
    answered = _amount(price.output, completion_tokens * answers)
    return {
        "currency": price.currency,
        "amount": float(asked + answered),
        "prompt": float(asked),
        "completion": float(answered),
        "source": price.source,
        "date": price.date,
    }


def cost_in_usd(provider: str | None, model: str, usage: JsonObject) -> float | None:
    """Return what counted tokens cost by the list, None when that is not known: never zero instead.

    `usage` is that of a completion or of OpenAI's Responses. Tokens read from a provider's cache count in full, as the
    list has no other price for them; where tokens were written to one, or are audio, nothing is known.
    """
    price = None if provider is None else find_price(provider, model)
    if price is None or price.currency != "USD":
        return None
    asked = usage.get("prompt_tokens", usage.get("input_tokens"))
    answered = usage.get("completion_tokens", usage.get("output_tokens", 0))
    if not isinstance(asked, int) or not isinstance(answered, int) or _has_special_tokens(usage):
        return None
    return float(_amount(price.input, asked) + _amount(price.output, answered))


def _has_special_tokens(usage: JsonObject) -> bool:
    details = [value for name, value in usage.items() if name.endswith("_tokens_details") and isinstance(value, dict)]
    return any(detail.get(name) for detail in details for name in ("audio_tokens", "cache_write_tokens"))


def _amount(per_million: float, tokens: int) -> Decimal:
    return Decimal(str(per_million)) * tokens / 1_000_000


def _unknown(reason: str, currency: str | None = None) -> JsonObject:
    return {"currency": currency, "amount": None, "reason": reason}


def _ascii(text: str) -> int:
    return len(text) if text.isascii() else sum(character < "\x80" for character in text)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a message list or a prompt: contents, text parts, arguments of tool calls."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict) and value.get("type") in _TEXT_PARTS:
        for name in ("content", "text", "refusal", "name"):
            if isinstance(value.get(name), str | list):
                yield from _texts(value[name])
        if value.get("tool_calls"):
            yield json.dumps(value["tool_calls"])
