"""Access tokens, fetched once per identity and kept until shortly before they expire."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from promptside.errors import ProviderError, ProviderUnreachable
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient, HttpRequest

# A token must outlive the call that it is sent with.
_MARGIN_SECONDS = 300.0
_MOST_IDENTITIES = 256


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires_at` is unix seconds."""

    value: str = field(repr=False)
    expires_at: float


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: Token | None = None


class TokenCache:
    """Keeps tokens by identity. Safe for threads: one of them fetches, the others of that identity wait for it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def get(self, identity: str, fetch: Callable[[], Token]) -> str:
        """Return the token of an identity; what `fetch` raises is raised and nothing is kept."""
        entry = self._entry(identity)
        with entry.lock:
            if entry.token is None or entry.token.expires_at - _MARGIN_SECONDS <= self._clock():
                entry.token = fetch()
            return entry.token.value

    def forget(self, identity: str) -> None:
        """Drop a token that was refused."""
        with self._lock:
            self._entries.pop(identity, None)

    def _entry(self, identity: str) -> _Entry:
        with self._lock:
            if identity not in self._entries and len(self._entries) >= _MOST_IDENTITIES:
                self._entries.pop(next(iter(self._entries)))
            return self._entries.setdefault(identity, _Entry())


def identity_of(*parts: str) -> str:
    """Return a digest that stands for an identity, so that no secret is kept as a key."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def expiry(seconds: object, now: float) -> float:
    """Return when a token of this lifetime expires; a lifetime that is missing or senseless counts as none."""
    try:
        return now + float(str(seconds))
    except ValueError:
        return now


def ask_token_endpoint(client: HttpClient, request: HttpRequest, limits: Limits, *, provider: str) -> tuple[int, bytes]:
    """Return status and body. Raises ProviderUnreachable when the endpoint itself fails, and what the client raises."""
    answer = client.open(request, limits)
    try:
        body = answer.read(limits)
    finally:
        answer.close()
    if answer.status >= 500 or answer.status == 429 or 300 <= answer.status < 400:
        raise ProviderUnreachable(f"{provider}'s token endpoint answered with status {answer.status}")
    return answer.status, body


def refused(provider: str, why: str) -> ProviderError:
    """Return the error that says whose credentials are not good, so that nobody takes it for a bad key of ours."""
    return ProviderError(
        f"{provider} does not accept the configured credentials: {why}",
        status=401,
        type="authentication_error",
        code="provider_auth",
    )
