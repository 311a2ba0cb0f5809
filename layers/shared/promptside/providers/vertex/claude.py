"""Claude on Vertex AI: the Messages body without its model, with the version of the API inside.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import ProviderError
from promptside.providers.anthropic_format.request import MessagesBody, build_messages_body
from promptside.providers.anthropic_format.response import parse_messages_error
from promptside.providers.base import ProviderCall
from promptside.providers.error_bodies import read_details
from promptside.providers.parameters import drop

ANTHROPIC_VERSION = "vertex-2023-10-16"

_NOT_HERE = ("service_tier", "speed")


def build_claude_body(call: ProviderCall, *, provider: str) -> MessagesBody:
    """Build the body for a chat call. Raises InvalidRequest that names what the model cannot do."""
    dropped: list[str] = []
    for name in _NOT_HERE:
        if call.parameters.get(name) is not None:
            drop(name, dropped, strict=call.strict_params, provider=provider)
    kept = {name: value for name, value in call.parameters.items() if name not in _NOT_HERE}
    built = build_messages_body(replace(call, parameters=kept), provider=provider)
    body = {name: value for name, value in built.body.items() if name != "model"}
    body = {"anthropic_version": ANTHROPIC_VERSION, **body}
    if call.stream:
        body["stream"] = True
    return replace(built, body=body, dropped=(*dropped, *built.dropped))


def claude_error(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError | None:
    """Return the error if the model gave it, in Anthropic's envelope; None for the platform's, which is Google's."""
    details = read_details(body)
    if details.native_type is None or "status" in details.extra or not details.native_type.endswith("_error"):
        return None
    return parse_messages_error(provider, status, headers, body)
