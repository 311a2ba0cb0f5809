"""What an order may name as its targets, and how the stack names its own."""

from typing import Any

import pytest

from promptside.config import Settings
from promptside.errors import ConfigurationError, InvalidRequest
from promptside.events.base import ResultTarget
from promptside.events.results.targets import check_targets, default_targets, described
from promptside.events.targets import parse_targets
from tests.results import order

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/results"


def settings(**fields: Any) -> Settings:
    given = {
        "table": "t",
        "secrets_prefix": "/p",
        "bucket": "b",
        "event_bus": "bus",
        "result_queues": (QUEUE,),
        "webhook_hosts": ("hooks.example.com", "*.example.org", "odd.example.net:8443", "10.0.0.1"),
    }
    return Settings(**{**given, **fields})


def checked(value: Any, stack: Settings) -> tuple[ResultTarget, ...]:
    targets, problems = parse_targets(value)
    assert problems == []
    check_targets(order(*targets), stack)
    return targets


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "eventbridge"}, ResultTarget("eventbridge")),
        ({"type": "s3"}, ResultTarget("s3")),
        ({"type": "s3", "prefix": "reports/2026/"}, ResultTarget("s3", "reports/2026/")),
        ({"type": "sqs", "queue_url": QUEUE}, ResultTarget("sqs", QUEUE)),
        (
            {"type": "webhook", "url": "https://hooks.example.com/a?b=c"},
            ResultTarget("webhook", "https://hooks.example.com/a?b=c"),
        ),
        ({"type": "webhook", "url": "https://HOOKS.example.com"}, ResultTarget("webhook", "https://HOOKS.example.com")),
        ({"type": "webhook", "url": "https://a.b.example.org/"}, ResultTarget("webhook", "https://a.b.example.org/")),
        (
            {"type": "webhook", "url": "https://odd.example.net:8443/"},
            ResultTarget("webhook", "https://odd.example.net:8443/"),
        ),
    ],
)
def test_what_the_stack_allows_may_be_named(value: Any, expected: ResultTarget) -> None:
    assert checked(value, settings()) == (expected,)
    assert checked([value, value], settings()) == (expected, expected)


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({"type": "s3", "prefix": "inbox/welcome/"}, "result.prefix"),
        ({"type": "s3", "prefix": "batches/"}, "result.prefix"),
        ({"type": "sqs", "queue_url": QUEUE + "2"}, "result.queue_url"),
        ({"type": "webhook", "url": "http://hooks.example.com/"}, "result.url"),
        ({"type": "webhook", "url": "https://elsewhere.example.com/"}, "result.url"),
        ({"type": "webhook", "url": "https://example.org/"}, "result.url"),
        ({"type": "webhook", "url": "https://odd.example.net/"}, "result.url"),
        ({"type": "webhook", "url": "https://hooks.example.com@evil.example/"}, "result.url"),
        ({"type": "webhook", "url": "https://evil.example/#hooks.example.com"}, "result.url"),
        ({"type": "webhook", "url": "https://10.0.0.1/"}, "result.url"),
        ([{"type": "eventbridge"}, {"type": "sqs", "queue_url": "https://x"}], "result[1].queue_url"),
    ],
)
def test_what_the_stack_does_not_allow_is_refused_with_the_path_of_the_field(value: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        checked(value, settings())

    assert (raised.value.param, raised.value.code) == (param, "invalid_result_target")
    assert f"'{param}'" in raised.value.message


@pytest.mark.parametrize("own", ["queue_url", "dead_letter_queue_url"])
@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_result_never_becomes_a_request(own: str, suffix: str) -> None:
    listed = settings(result_queues=(f"{QUEUE}{suffix}",), **{own: QUEUE})

    with pytest.raises(InvalidRequest, match="is one of the stack's own queues"):
        checked({"type": "sqs", "queue_url": f"{QUEUE}{suffix}"}, listed)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    value = [{"type": "s3", "prefix": "work/"}, {"type": "sqs", "queue_url": "https://x"}]

    with pytest.raises(InvalidRequest) as raised:
        checked(value, settings())

    assert raised.value.message == (
        "'result[0].prefix' must not begin with work/, which the stack keeps for itself;"
        " 'result[1].queue_url' is no queue that this stack allows (parameter ResultQueueUrls)"
    )


@pytest.mark.parametrize(("kind", "missing"), [("s3", {"bucket": None}), ("eventbridge", {"event_bus": None})])
def test_what_the_stack_lacks_is_refused(kind: str, missing: dict[str, None]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        checked({"type": kind}, settings(**missing))

    assert raised.value.param == "result.type"


def test_a_private_stack_may_have_private_webhooks_without_tls() -> None:
    value = {"type": "webhook", "url": "http://10.0.0.1/"}

    assert checked(value, settings(allow_private_hosts=True)) == (ResultTarget("webhook", "http://10.0.0.1/"),)


def test_an_order_may_name_what_is_the_stack_s_own_target() -> None:
    own = "https://internal.example.net/runs"

    check_targets(order(ResultTarget("webhook", own)), settings(result_targets=(own,)))


def test_an_order_without_targets_is_allowed() -> None:
    check_targets(order(), settings())
    check_targets(order(results=None), settings())


def test_the_stack_s_targets_are_read() -> None:
    texts = ("eventbridge", "s3", "s3:reports/", f"sqs:{QUEUE}", "https://hooks.example.com/runs")

    assert default_targets(texts) == (
        ResultTarget("eventbridge"),
        ResultTarget("s3"),
        ResultTarget("s3", "reports/"),
        ResultTarget("sqs", QUEUE),
        ResultTarget("webhook", "https://hooks.example.com/runs"),
    )


@pytest.mark.parametrize("text", ["", "sns:x", "eventbridge:x", "s3:/x", "s3:inbox/", "sqs:", "https://", "webhook"])
def test_a_target_of_the_stack_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        default_targets((text,))

    assert raised.value.param == "PROMPTSIDE_RESULT_TARGETS"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (ResultTarget("eventbridge"), {"type": "eventbridge", "event_bus": "bus"}),
        (ResultTarget("s3", "r/"), {"type": "s3", "bucket": "b", "key": f"r/{order().run_id}.json"}),
        (ResultTarget("sqs", QUEUE), {"type": "sqs", "queue_url": QUEUE}),
        (
            ResultTarget("webhook", "https://hooks.example.com/secret?x"),
            {"type": "webhook", "host": "hooks.example.com"},
        ),
    ],
)
def test_a_record_tells_where_a_result_is_and_no_secret_of_a_url(target: ResultTarget, expected: Any) -> None:
    assert described(target, order(), settings()) == expected
