"""Who calls: a key with its scopes, or somebody whom IAM has let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptside.api.runs import key_digest
from promptside.config import Settings
from promptside.errors import Forbidden, Unauthenticated
from promptside.schema.prompt import ApiKey
from promptside.store.base import PromptReader


def authorise(reader: PromptReader, headers: Mapping[str, str], scope: str, *, trusted: bool = False) -> ApiKey | None:
    """Return the caller's key, None for `trusted` callers, whom IAM has let in.

    Raises Unauthenticated without an active key, Forbidden when it lacks the scope.
    """
    if trusted:
        return None
    key = reader.find_api_key(key_digest(headers))
    if key is None:
        raise Unauthenticated
    if not key.allows(scope):
        raise Forbidden(f"This API key lacks the scope '{scope}'", param="x-portkey-api-key")
    return key


def is_iam_caller(event: Mapping[str, Any], settings: Settings) -> bool:
    """Tell whether the event comes from a route with IAM authorisation, in a stack that wants such callers.

    What AWS itself writes into the event decides; no header has a say.

    Function URLs and HTTP APIs have `requestContext.authorizer.iam.userArn`, REST APIs
    `requestContext.identity.userArn`; both are absent or null on routes without authorisation.
    """
    if not settings.iam_callers:
        return False
    context = _object(event.get("requestContext"))
    signed = _object(_object(context.get("authorizer")).get("iam"))
    return any(_is_arn(holder.get("userArn")) for holder in (signed, _object(context.get("identity"))))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_arn(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("arn:")
