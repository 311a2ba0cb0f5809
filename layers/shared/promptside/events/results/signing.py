"""Signs webhooks as Standard Webhooks 1.0.0 has it: HMAC-SHA256 over id, timestamp and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-23
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from promptside.errors import ConfigurationError
from promptside.store.base import SecretStore

SECRET_NAME = "webhooks/signing-secret"  # noqa: S105 - the name, not the secret
PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64


def signing_keys(secrets: SecretStore) -> tuple[bytes, ...]:
    """Return the keys to sign with: several, separated by spaces, while one replaces another.

    Raises ConfigurationError that names the parameter, StoreUnavailable.
    """
    path = secrets.path(SECRET_NAME)
    fields = secrets.find(SECRET_NAME)
    if not fields:
        raise ConfigurationError(
            f"There is no secret to sign webhooks with: store one in the SSM parameter {path}", param=path
        )
    keys = tuple(_key(text) for text in fields.get("api_key", "").split())
    if not keys or None in keys:
        raise ConfigurationError(
            f"The SSM parameter {path} must be '{PREFIX}' and {_SHORTEST} to {_LONGEST} bytes in base64", param=path
        )
    return tuple(key for key in keys if key is not None)


def signed_headers(keys: tuple[bytes, ...], *, identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a webhook; `identity` stays the same however often it is sent."""
    content = f"{identity}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(text: str) -> bytes | None:
    if not text.startswith(PREFIX):
        return None
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return None
    return key if _SHORTEST <= len(key) <= _LONGEST else None
