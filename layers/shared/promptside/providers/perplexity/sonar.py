"""Perplexity's Sonar API, the chat-completions wire that the Agent API replaces.

https://docs.perplexity.ai/docs/sonar/openai-compatibility and the types of perplexityai 0.46.1, read 2026-11-23. Its
chunks repeat the whole message so far beside the delta, and usage and citations in every one; most models end their
streams without `[DONE]`.
"""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.only import KNOBS, TEXT_ANSWERS
from promptside.providers.openai_format.rules import AnswerRules
from promptside.providers.openai_format.values import objects
from promptside.providers.parameters import ParameterTable, unsupported

_NAME = "perplexity-ai"

SONAR_PARAMETERS = ParameterTable(
    rename={"max_completion_tokens": "max_tokens"},
    drop=(KNOBS - {"audio"}) | {"logit_bias", "metadata", "prediction", "seed", "service_tier", "user"},
    fixed={**TEXT_ANSWERS, "n": 1},
    refuse={"audio": "its answers are text only"},
)


def rewrite_for_sonar(body: JsonObject, _: ProviderCall, __: list[str]) -> JsonObject:
    """Refuse the answer format that Sonar does not have. Raises InvalidRequest."""
    form = body.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_object":
        raise unsupported("response_format", _NAME, "use the type json_schema, which says how the JSON shall look")
    return body


def without_repetition(answer: JsonObject) -> None:
    """Take the message so far out of a chunk."""
    for choice in objects(answer.get("choices")):
        if "delta" in choice:
            choice.pop("message", None)


SONAR_ANSWERS = AnswerRules(ends_without_done=True, answer=without_repetition)
"""How answers and chunks are read."""
