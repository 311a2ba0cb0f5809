"""What events say, and what is said about those that say it wrong."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptside.api.paths import path_segments
from promptside.errors import InvalidRequest, PromptsideError
from promptside.events.base import Order, ResultTarget
from promptside.events.envelope import envelope_of, order_of, parse_envelope


def order(envelope: dict[str, Any]) -> Order:
    return order_of(envelope, key="sqs:m1", source="sqs")


def problem(envelope: dict[str, Any]) -> str:
    with pytest.raises(InvalidRequest) as raised:
        order(envelope)
    assert (raised.value.status, raised.value.code) == (400, "invalid_envelope")
    return raised.value.message


def test_the_smallest_envelope_names_a_prompt() -> None:
    assert order({"prompt_id": "welcome@production"}) == Order(
        key="sqs:m1", path="/v1/prompts/welcome@production/completions", source="sqs"
    )


def test_every_field_finds_its_place() -> None:
    envelope = {
        "prompt_id": "welcome",
        "variables": {"name": "Ann"},
        "max_tokens": 100,
        "temperature": 0.2,
        "config": {"retry": {"attempts": 2}},
        "virtual_key": "openai-eu",
        "provider": "openai",
        "metadata": {"user_id": 7},
        "headers": {"X-Portkey-Request-Timeout": "3000"},
        "trace_id": "t-9",
        "correlation_id": "order-17",
        "idempotency_key": "k-1",
        "result": {"type": "s3", "prefix": "reports/"},
    }

    assert order(envelope) == Order(
        key="k-1",
        path="/v1/prompts/welcome/completions",
        body={"variables": {"name": "Ann"}, "max_tokens": 100, "temperature": 0.2},
        headers={
            "x-portkey-request-timeout": "3000",
            "x-portkey-virtual-key": "openai-eu",
            "x-portkey-provider": "openai",
            "x-portkey-trace-id": "t-9",
            "x-portkey-config": '{"retry": {"attempts": 2}}',
            "x-portkey-metadata": '{"user_id": 7}',
        },
        source="sqs",
        correlation_id="order-17",
        metadata={"user_id": "7"},
        results=(ResultTarget("s3", "reports/"),),
    )


def test_a_prompt_id_cannot_lead_to_another_route() -> None:
    assert order({"prompt_id": "a/../b?c#d@1"}).path == "/v1/prompts/a%2F..%2Fb%3Fc%23d@1/completions"


def test_null_is_as_good_as_absent() -> None:
    names = ("variables", "config", "virtual_key", "metadata", "headers", "idempotency_key", "result", "trace_id")

    assert order({"prompt_id": "hi", **dict.fromkeys(names)}).key == "sqs:m1"


@pytest.mark.parametrize(
    ("result", "targets"),
    [
        ({"type": "eventbridge"}, (ResultTarget("eventbridge"),)),
        ({"type": "s3"}, (ResultTarget("s3"),)),
        ({"type": "sqs", "queue_url": "https://sqs/1/q"}, (ResultTarget("sqs", "https://sqs/1/q"),)),
        ({"type": "webhook", "url": "https://a.example/h"}, (ResultTarget("webhook", "https://a.example/h"),)),
        ([{"type": "eventbridge"}, {"type": "s3"}], (ResultTarget("eventbridge"), ResultTarget("s3"))),
        ([], ()),
    ],
)
def test_results_may_go_to_one_place_to_several_or_to_none(result: Any, targets: tuple[ResultTarget, ...]) -> None:
    assert order({"prompt_id": "hi", "result": result}).results == targets


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prompt_id": None}, "'prompt_id' must be a text that is not empty"),
        ({"prompt_id": 7}, "'prompt_id' must be a text that is not empty"),
        ({"prompt_id": " "}, "'prompt_id' must be a text that is not empty"),
        ({"prompt_id": "x" * 256}, "'prompt_id' must have at most 255 characters"),
        ({"variables": []}, "'variables' must be a JSON object"),
        ({"config": 1}, "'config' must be a text that is not empty"),
        ({"virtual_key": {}}, "'virtual_key' must be a text that is not empty"),
        ({"metadata": "x"}, "'metadata' must be a JSON object"),
        ({"headers": {"a": 1}}, "'headers.a' must be a text"),
        ({"prompt_id": "\ud800"}, "'prompt_id' must be printable"),
        ({"correlation_id": "a\nb"}, "'correlation_id' must be printable"),
        ({"trace_id": "caf\u00e9"}, "'trace_id' must be printable ASCII"),
        ({"idempotency_key": "a\nb"}, "'idempotency_key' must be printable"),
        ({"correlation_id": 17}, "'correlation_id' must be a text that is not empty"),
        ({"result": "s3"}, "'result' must be an object with a 'type', or a list of such"),
        ({"result": [1]}, "'result[0]' must be a JSON object with a 'type'"),
        ({"result": {"type": "mail"}}, "'result.type' must be one of eventbridge, s3, sqs, webhook"),
        ({"result": {"type": ["s3"]}}, "'result.type' must be one of eventbridge, s3, sqs, webhook"),
        ({"result": {"type": "sqs"}}, "'result.queue_url' must be a URL with https://"),
        ({"result": {"type": "webhook", "url": "ftp://a"}}, "'result.url' must be a URL with https://"),
        ({"result": {"type": "webhook", "url": "https://[::1"}}, "'result.url' must be a URL with https://"),
        ({"result": {"type": "s3", "prefix": 1}}, "'result.prefix' must be a text"),
        ({"result": {"type": "s3", "bucket": "b"}}, "'result.bucket' is unknown for a target of type s3"),
        ({"result": [{"type": "s3"}] * 11}, "'result' must list at most 10 targets"),
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, Any], message: str) -> None:
    assert problem({"prompt_id": "hi", **wrong}) == message


@pytest.mark.parametrize("prefix", ["/a", "../a", "a/../b", "x" * 513, "\u20ac" * 171, "a\nb/", "a\0/", "\ud800/"])
def test_a_prefix_is_the_beginning_of_a_key(prefix: str) -> None:
    assert "'result.prefix' must" in problem({"prompt_id": "hi", "result": {"type": "s3", "prefix": prefix}})


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert problem({"variables": 1, "result": {"type": "x"}}).count(";") == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "invalid_envelope"), ("{", "invalid_json"), ("[]", "invalid_json"), ("hello", "invalid_json")],
)
def test_a_body_that_is_no_envelope_is_refused(text: str, code: str) -> None:
    with pytest.raises(PromptsideError) as raised:
        order(parse_envelope(text))
    assert raised.value.code == code


def test_half_a_surrogate_in_a_message_is_no_crash() -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        parse_envelope('{"prompt_id": "\ud800"}')


def test_the_detail_of_an_eventbridge_event_is_the_envelope_and_its_id_the_key() -> None:
    event = {"id": "evt-1", "detail-type": "Order Placed", "source": "shop", "detail": {"prompt_id": "hi"}}

    assert envelope_of(event) == ({"prompt_id": "hi"}, "event:evt-1")


@pytest.mark.parametrize("identity", [None, 7, "", "x" * 201, "\ud800", "caf\u00e9"])
def test_an_id_that_can_be_no_key_is_none(identity: Any) -> None:
    assert envelope_of({"id": identity, "detail-type": "x", "detail": {}}) == ({}, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
TARGET = st.fixed_dictionaries({"type": st.sampled_from(["s3", "sqs", "webhook", "eventbridge", "x"])})
FIELDS = {
    name: JSON
    for name in (
        "variables", "config", "virtual_key", "provider", "metadata", "headers", "trace_id", "correlation_id",
        "idempotency_key", "max_tokens",
    )
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"prompt_id": st.text(max_size=20)}, optional={**FIELDS, "result": JSON | TARGET}))
def test_whatever_an_envelope_says_it_is_an_order_or_refused(envelope: dict[str, Any]) -> None:
    try:
        made = order(envelope)
    except InvalidRequest:
        return
    assert path_segments(made.path) == ("prompts", envelope["prompt_id"], "completions")
    assert made.run_id.startswith("run_")
    assert all(isinstance(text, str) for text in made.headers.values())
    json.dumps(made.body).encode()


def test_what_is_no_eventbridge_event_is_the_envelope_itself() -> None:
    assert envelope_of({"prompt_id": "hi", "detail": "much"}) == ({"prompt_id": "hi", "detail": "much"}, None)


def test_a_detail_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequest) as raised:
        envelope_of({"detail-type": "x", "detail": json.dumps({})})
    assert raised.value.param == "detail"
