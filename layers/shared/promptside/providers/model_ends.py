"""When models are shut down, as far as their vendors have said so.

OpenAI: https://developers.openai.com/api/docs/deprecations. Anthropic: the model list of its SDK and LiteLLM's map.
AI21: https://docs.ai21.com/august-deprecation-notice. Google: LiteLLM's map. Read 2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_DATED = r"(-\d{4}(-\d{2}-\d{2})?)?"


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """The last day of some models; `day` is None where only the fact is known. `names` matches a whole base name."""

    names: str
    day: date | None


ENDS: dict[str, tuple[ModelEnd, ...]] = {
    "openai": (
        ModelEnd(r"(gpt-3\.5-turbo-instruct|babbage-002|davinci-002)" + _DATED, date(2026, 9, 28)),
        ModelEnd(r"(gpt-3\.5-turbo|gpt-4|gpt-4-turbo|o1|o3-mini|o4-mini)" + _DATED, date(2026, 10, 23)),
        ModelEnd(r"(gpt-5|gpt-5-mini|gpt-5-nano|o3)" + _DATED, date(2026, 12, 11)),
        ModelEnd(r"(gpt-4o|gpt-4o-mini|gpt-4\.1|gpt-4\.1-mini)" + _DATED, date(2027, 1, 14)),
    ),
    "anthropic": (
        ModelEnd(r"claude-sonnet-4-5(-\d{8})?", date(2026, 11, 30)),
        ModelEnd(r"claude-(v?[12]|instant|3)\b.*|claude-(opus|sonnet)-4(-[01])?(-\d{8})?", None),
    ),
    "ai21": (ModelEnd(r"j2-.*|jamba-.*", date(2026, 8, 9)),),
    "google": (ModelEnd(r"gemini-(1\.\d|2\.0)-.*|gemini-pro", None),),
}


def end_warning(provider: str, model: str, today: date) -> str | None:
    """Return a sentence about the end of a model, or None when none is known."""
    base = model.removeprefix("ft:").rpartition("/")[2].partition(":")[0]
    for end in ENDS.get(provider, ()):
        if re.fullmatch(end.names, base):
            return _sentence(provider, base[:64], end.day, today)
    return None


def _sentence(provider: str, model: str, day: date | None, today: date) -> str:
    if day is None:
        return f"{provider} no longer offers the model '{model}': choose its successor"
    if day <= today:
        return f"{provider} has shut down the model '{model}' on {day}: choose its successor"
    return f"{provider} will shut down the model '{model}' on {day}"
