"""The parameters that stored prompts are expected to have, so that a slip of the pen is noticed before a call fails.

OpenAI's are those of the openai 3.54.0 types, read 2026-11-22; the others are what the adapters read besides. A name
that is not here is sent as it is all the same.
"""

from __future__ import annotations

import difflib
import re

OPENAI = frozenset(
    {
        "audio", "best_of", "echo", "frequency_penalty", "function_call", "functions", "include", "logit_bias",
        "logprobs", "max_completion_tokens", "max_output_tokens", "max_tokens", "metadata", "modalities", "moderation",
        "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning", "reasoning_effort", "response_format", "safety_identifier", "seed",
        "service_tier", "stop", "store", "stream", "stream_options", "suffix", "temperature", "text", "tool_choice",
        "tools", "top_logprobs", "top_p", "truncation", "user", "verbosity", "web_search_options",
    }
)  # fmt: skip
OTHERS = frozenset(
    {
        "additional_model_request_fields", "additional_model_response_field_paths", "anthropic_beta", "betas",
        "cache_control", "cached_content", "chat_template_kwargs", "container", "context_management",
        "disable_search", "enable_search_classifier", "generation_config",
        "guardrail_config", "ignore_eos", "labels", "last_updated_after_filter",
        "last_updated_before_filter", "mcp_servers", "media_resolution", "min_p",
        "output_config", "performance_config", "prompt_mode", "random_seed",
        "reasoning_format", "repetition_penalty", "request_metadata", "response_mime_type",
        "response_modalities", "response_schema", "return_images", "return_related_questions", "safe_prompt",
        "safety_model", "safety_settings", "search_after_date_filter", "search_before_date_filter",
        "search_domain_filter", "search_mode", "search_recency_filter", "speech_config", "stop_sequences",
        "strict_params", "system", "thinking", "thinking_budget", "thinking_config", "top_a", "top_k",
        "typical_p", "context_length_exceeded_behavior", "include_reasoning",
    }
)  # fmt: skip
_KNOWN = OPENAI | OTHERS
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def unknown_parameter(name: str) -> str | None:
    """Return a sentence about a name that nobody knows, with the likeliest known one; None for a known name."""
    plain = _HUMP.sub("_", name).lower()
    if plain in _KNOWN:
        return None
    (near, *_) = [*difflib.get_close_matches(plain[:64], sorted(_KNOWN), n=1, cutoff=0.8), ""]
    hint = f"; did you mean '{near}'?" if near else ": check its spelling"
    return f"The parameter '{name[:64]}' is not a known one and is sent as it is{hint}"
