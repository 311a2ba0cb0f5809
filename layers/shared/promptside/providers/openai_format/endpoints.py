"""Joins a base URL and a path the way people write base URLs."""

from __future__ import annotations

from collections.abc import Mapping

# Longest first: a base URL that was pasted with its path may end in any of them.
_PATHS = ("/chat/completions", "/completions", "/responses")


def join_url(base_url: str, path: str) -> str:
    """Return `base_url` with `path`; one that already ends in an API path is not extended a second time.

    >>> join_url("http://localhost:11434/v1/", "/chat/completions")
    'http://localhost:11434/v1/chat/completions'

    No `/v1` is added on a guess. A query stays at the end.
    """
    base, mark, query = base_url.partition("?")
    base = base.rstrip("/")
    known = next((ending for ending in (*_PATHS, path) if base.endswith(ending)), "")
    return f"{base.removesuffix(known)}{path}{mark}{query}"


def bearer(credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the authorization header for `api_key`, or none for a host that takes no key."""
    key = credentials.get("api_key", "").removeprefix("Bearer ").strip()
    return {"authorization": f"Bearer {key}"} if key else {}
