"""Reads what a provider answered as one body."""

from __future__ import annotations

import json

from promptside.errors import JsonObject, ProviderUnusable


def decode_answer(body: bytes, provider: str) -> JsonObject:
    """Decode the body of a 2xx answer. Raises ProviderUnusable when it is empty, HTML, or anything but an object."""
    if not body.strip():
        raise ProviderUnusable(f"{provider} answered an empty body", provider=provider, code="empty_response")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as exc:
        what = "HTML" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        raise ProviderUnusable(f"{provider} answered {what} instead of a completion", provider=provider) from exc
    if not isinstance(answer, dict):
        raise ProviderUnusable(f"{provider} answered JSON that is no object", provider=provider)
    return answer
