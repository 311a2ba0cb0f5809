"""API keys and IAM callers over the whole path: what management decides counts for the very next run."""

import copy
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.functions import LocalContext
from promptside.store.reader import DynamoPromptReader
from tests.engines import Engine
from tests.function_modules import import_function
from tests.functions.test_completions import ANSWER
from tests.management_function import http_api_event, management_function, rest_api_event
from tests.upstream import Upstream, json_reply
from tests.whole_stack import WholeStack, whole_stack

KEYS = "/v1/api-keys"
ARN = "arn:aws:iam::111122223333:user/ann"


@pytest.fixture
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine) as running, Upstream(*[json_reply(ANSWER)] * 9) as upstream:
        fields = {"name": "a", "slug": "a", "provider": "custom", "custom_host": f"{upstream.url}/v1"}
        running.manage.create("/v1/virtual-keys", fields)
        running.manage.create("/v1/prompts", {"slug": "p", "string": "x", "model": "m", "virtual_key": "a"})
        yield running


def created(stack: WholeStack, **fields: Any) -> Any:
    body = {"name": "ci", "scopes": ["completions.write"], **fields}
    return stack.manage.create(f"{KEYS}/organisation/service", body)


def status(stack: WholeStack, key: str) -> int:
    return stack.post("/v1/prompts/p/render", key=key).status


def test_a_key_is_shown_once_and_works_at_once(stack: WholeStack) -> None:
    key = created(stack, expires_at="2999-01-01T00:00:00Z")

    assert key.keys() == {"id", "key", "object"}
    assert status(stack, key["key"]) == 200
    read = stack.manage.call("GET", f"{KEYS}/{key['id']}").body
    assert read == {
        "id": key["id"], "name": "ci", "scopes": ["completions.write"], "status": "active",
        "created_at": read["created_at"], "last_updated_at": read["created_at"],
        "expires_at": "2999-01-01T00:00:00Z", "object": "api-key",
    }  # fmt: skip


def test_a_revoked_key_is_refused_by_the_next_run(stack: WholeStack) -> None:
    key = created(stack)
    before = status(stack, key["key"])

    stack.manage.call("DELETE", f"{KEYS}/{key['id']}")

    assert (before, status(stack, key["key"])) == (200, 401)


def test_a_rotated_key_works_beside_its_successor_for_the_time_given(stack: WholeStack) -> None:
    old = created(stack)

    new = stack.manage.create(f"{KEYS}/{old['id']}/rotate", {"key_transition_period_ms": 60_000})
    newest = stack.manage.create(f"{KEYS}/{old['id']}/rotate", {})

    assert [status(stack, key["key"]) for key in (old, new, newest)] == [200, 401, 200]
    assert {key["id"] for key in (old, new, newest)} == {old["id"]}
    stack.manage.call("DELETE", f"{KEYS}/{old['id']}")
    assert [status(stack, key["key"]) for key in (old, new, newest)] == [401, 401, 401]


@pytest.mark.parametrize("milliseconds", [-1, 2_592_000_001, "soon", True, 1.5])
def test_a_transition_has_its_bounds(stack: WholeStack, milliseconds: Any) -> None:
    key = created(stack)

    answer = stack.manage.call("POST", f"{KEYS}/{key['id']}/rotate", {"key_transition_period_ms": milliseconds})

    assert (answer.status, answer.body["error"]["param"]) == (400, "key_transition_period_ms")
    assert status(stack, key["key"]) == 200


def test_a_key_without_the_scope_does_not_run_prompts(stack: WholeStack) -> None:
    key = created(stack, scopes=["prompts.*"])

    answer = stack.run("p", key=key["key"])

    assert (answer.status, answer.body["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("scopes", [["logs.view"], ["*.*"], ["prompts.frobnicate"], [], "*", [7], None])
def test_scopes_are_a_closed_list(stack: WholeStack, scopes: Any) -> None:
    answer = stack.manage.call("POST", f"{KEYS}/workspace/user", {"name": "n", "scopes": scopes})

    assert (answer.status, answer.body["error"]["param"]) == (400, "scopes")


def iam_events() -> list[dict[str, Any]]:
    http = http_api_event("GET", "/v1/prompts", None, {"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/x"})
    http["requestContext"]["authorizer"] = {"iam": {"userArn": ARN, "accountId": "111122223333"}}
    rest = rest_api_event("GET", "/v1/prompts", None, {})
    rest["requestContext"]["identity"]["userArn"] = ARN
    return [http, rest]


@pytest.mark.parametrize(("wanted", "expected"), [("true", 200), ("false", 401)])
def test_iam_callers_manage_where_the_stack_wants_them(engine: Engine, wanted: str, expected: int) -> None:
    with management_function(engine, environment={"PROMPTSIDE_IAM_CALLERS": wanted}) as function:
        assert [function.send(event).status for event in iam_events()] == [expected] * 2


def test_no_header_makes_an_iam_caller(engine: Engine) -> None:
    with management_function(engine, environment={"PROMPTSIDE_IAM_CALLERS": "true"}) as function:
        forged = {"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/x", "x-amzn-iam-user-arn": ARN, "userArn": ARN}

        event = http_api_event("GET", "/v1/prompts", None, forged)

        assert function.send(event).status == 401


def imported(name: str, environment: dict[str, str]) -> Any:
    """Import a function that runs prompts with the environment of a stack."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        return import_function(name)


def statuses(stack: WholeStack, engine: Engine, wanted: str) -> list[int]:
    """Return how both functions answer a signed request without a key, and a forged one."""
    environment = {**stack.manage.environment, "PROMPTSIDE_IAM_CALLERS": wanted}
    signed = http_api_event("POST", "/v1/prompts/p/render", b"{}", {"authorization": "AWS4-HMAC-SHA256 Credential=A"})
    forged = copy.deepcopy(signed)
    forged["headers"]["x-amzn-iam-user-arn"] = ARN
    signed["requestContext"]["authorizer"] = {"iam": {"userArn": ARN}}
    context = LocalContext("run", time.monotonic() + 20)
    found = []
    streaming, completion = imported("streaming", environment), imported("completion", environment)
    for module in (streaming, completion):
        reader = DynamoPromptReader(engine.new_reads(), table=stack.manage.table)
        module.services = replace(module.services, prompts=reader)
    for event in (signed, forged):
        found += [streaming.handler(event, context).status, completion.handler(event, context)["statusCode"]]
    return found


@pytest.mark.parametrize(("wanted", "expected"), [("true", [200, 200]), ("false", [401, 401])])
def test_iam_callers_run_prompts_where_the_stack_wants_them(
    stack: WholeStack, engine: Engine, wanted: str, expected: list[int]
) -> None:
    assert statuses(stack, engine, wanted) == [*expected, 401, 401]
