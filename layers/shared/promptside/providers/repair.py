"""Finds out from a provider's refusal which parameter to rename or leave out, so that the call can be sent once more.

Tables of models are never complete: an Azure deployment does not say what it runs, and a new model refuses what its
predecessor took. OpenAI names the parameter (`"code": "unsupported_parameter", "param": "max_tokens"`), and so do
Perplexity (`unknown field "temperature"`) and hosts that validate (`Extra inputs are not permitted`):
https://github.com/BerriAI/litellm/issues/13432, https://github.com/anomalyco/opencode/issues/32108, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptside.errors import JsonObject, PromptsideError

_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"})
_PHRASES = ("unknown field", "extra inputs are not permitted", "unsupported parameter", "unrecognized request argument")
_STATUSES = frozenset({400, 422})

# The two names of one limit: hosts and models know the one or the other.
_TWINS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

_SHAPING = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "metadata",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "temperature",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
    }
)
"""What a call can do without and still be answered in the same form: sampling, accounting and style."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One parameter of the body that is renamed or, with `renamed` None, left out."""

    name: str
    renamed: str | None = None

    def apply(self, body: JsonObject) -> JsonObject:
        """Return the repaired body; one that does not have the parameter stays as it is."""
        if self.name not in body:
            return body
        repaired = {name: value for name, value in body.items() if name != self.name}
        if self.renamed is not None:
            repaired.setdefault(self.renamed, body[self.name])
        return repaired


def find_repair(error: PromptsideError, body: JsonObject, asked: Mapping[str, Any]) -> Repair | None:
    """Return what to change in `body`, or None when that would break what was `asked` for, the call's parameters."""
    name = error.param
    if name is None or name not in body or error.status not in _STATUSES or not _refuses_parameter(error):
        return None
    if name in _TWINS:
        return Repair(name, _TWINS[name]) if _TWINS[name] not in body else Repair(name)
    # What nobody asked for was our own idea, such as `store`.
    ours = name not in asked and name not in {"model", "messages", "prompt", "input", "stream", "tools"}
    return Repair(name) if name in _SHAPING or ours else None


def _refuses_parameter(error: PromptsideError) -> bool:
    message = error.message.lower()
    return error.code in _CODES or any(phrase in message for phrase in _PHRASES)
