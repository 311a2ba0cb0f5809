"""Content parts for hosts that check them: markers of other hosts are left out, what cannot be sent is refused."""

from __future__ import annotations

from collections.abc import Callable

from promptside.errors import InvalidRequest, JsonObject


def without_markers(part: JsonObject) -> JsonObject:
    """Return the part without the prompt-caching marker, which strict hosts refuse as an unknown key."""
    return {name: value for name, value in part.items() if name != "cache_control"}


def refusing(provider: str, *kinds: str) -> Callable[[JsonObject], JsonObject]:
    """Return a rewriter of parts that raises InvalidRequest for the named types."""

    def rewrite(part: JsonObject) -> JsonObject:
        if part.get("type") in kinds:
            raise unsupported_part(provider, str(part["type"]))
        return without_markers(part)

    return rewrite


def unsupported_part(provider: str, kind: str) -> InvalidRequest:
    """Return the 400 for a content part that the provider has no place for."""
    return InvalidRequest(
        f"{provider} does not take content parts of type '{kind[:32]}'", param="messages", code="unsupported_content"
    )
