"""Tells whether IAM has let a caller in, from what AWS itself writes into an event; no header has a say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptside.config import Settings


def is_iam_caller(event: Mapping[str, Any], settings: Settings) -> bool:
    """Tell whether the event comes from a route with IAM authorisation, in a stack that wants such callers.

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
