"""The context object a handler gets, with the attribute names of AWS's own."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from promptside.errors import JsonObject
from promptside.runtime.client import Invocation
from promptside.runtime.environment import RuntimeEnvironment


@dataclass(frozen=True, slots=True)
class ClientContext:
    """What the caller of a direct invoke attached: `{"client": {...}, "custom": {...}, "env": {...}}`."""

    client: JsonObject = field(default_factory=dict)
    custom: JsonObject = field(default_factory=dict)
    env: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CognitoIdentity:
    """Who called, when Cognito authorised the call; otherwise both are None."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """One invocation and the function it runs in. `deadline_ms` is unix milliseconds."""

    aws_request_id: str
    deadline_ms: int
    invoked_function_arn: str
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    tenant_id: str | None = None
    client_context: ClientContext | None = None
    identity: CognitoIdentity = field(default_factory=CognitoIdentity)

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation, never below zero."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


def build_context(invocation: Invocation, environment: RuntimeEnvironment) -> LambdaContext:
    """Return the context of `invocation`. Raises ValueError for a client context that is not a JSON object."""
    identity = _json_object(invocation.identity)
    return LambdaContext(
        aws_request_id=invocation.request_id,
        deadline_ms=invocation.deadline_ms,
        invoked_function_arn=invocation.function_arn,
        function_name=environment.function_name,
        function_version=environment.function_version,
        memory_limit_in_mb=environment.memory_limit_in_mb,
        log_group_name=environment.log_group_name,
        log_stream_name=environment.log_stream_name,
        tenant_id=invocation.tenant_id or None,
        client_context=_client_context(invocation.client_context),
        identity=CognitoIdentity(identity.get("cognitoIdentityId"), identity.get("cognitoIdentityPoolId")),
    )


def _client_context(text: str) -> ClientContext | None:
    if not text:
        return None
    value = _json_object(text)
    return ClientContext(value.get("client") or {}, value.get("custom") or {}, value.get("env") or {})


def _json_object(text: str) -> JsonObject:
    if not text:
        return {}
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("Not a JSON object")
    return value
