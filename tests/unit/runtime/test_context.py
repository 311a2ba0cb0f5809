from __future__ import annotations

import time

import pytest

from promptside.runtime.client import Invocation
from promptside.runtime.context import ClientContext, CognitoIdentity, build_context
from promptside.runtime.environment import RuntimeEnvironment

ENVIRONMENT = RuntimeEnvironment(
    runtime_api="127.0.0.1:9001",
    handler="app.handler",
    function_name="streaming",
    function_version="7",
    memory_limit_in_mb="512",
    log_group_name="/aws/lambda/streaming",
    log_stream_name="stream",
)


def test_the_context_joins_the_invocation_and_the_environment() -> None:
    invocation = Invocation(
        request_id="r-1",
        deadline_ms=1763805600000,
        function_arn="arn",
        client_context='{"client": {"app": "x"}, "custom": {"a": 1}, "env": {"locale": "de"}}',
        identity='{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
        tenant_id="blue",
    )

    context = build_context(invocation, ENVIRONMENT)

    assert (context.aws_request_id, context.deadline_ms, context.tenant_id) == ("r-1", 1763805600000, "blue")
    assert (context.function_name, context.function_version, context.memory_limit_in_mb) == ("streaming", "7", "512")
    assert (context.log_group_name, context.log_stream_name) == ("/aws/lambda/streaming", "stream")
    assert context.client_context == ClientContext({"app": "x"}, {"a": 1}, {"locale": "de"})
    assert context.identity == CognitoIdentity("i", "p")


def test_what_lambda_does_not_send_is_none() -> None:
    context = build_context(Invocation(request_id="r-1", deadline_ms=0), ENVIRONMENT)

    assert (context.tenant_id, context.client_context, context.identity) == (None, None, CognitoIdentity())


def test_the_remaining_time_is_never_negative() -> None:
    past = build_context(Invocation(request_id="r-1", deadline_ms=1), ENVIRONMENT)
    future = build_context(Invocation(request_id="r-1", deadline_ms=int(time.time() * 1000) + 60_000), ENVIRONMENT)

    assert past.get_remaining_time_in_millis() == 0
    assert 55_000 < future.get_remaining_time_in_millis() <= 60_000


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_client_context_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"object|Expecting"):
        build_context(Invocation(request_id="r-1", deadline_ms=0, client_context=text), ENVIRONMENT)


def test_the_environment_is_read_from_lambdas_variables() -> None:
    variables = {
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "_HANDLER": "app.handler",
        "AWS_LAMBDA_FUNCTION_NAME": "streaming",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/streaming",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    }

    assert RuntimeEnvironment.read(variables) == ENVIRONMENT
    assert RuntimeEnvironment.read({**variables, "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}).snap_start
