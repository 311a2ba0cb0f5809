"""Webhooks at a real receiver on loopback, which checks the signature by itself."""

import base64
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from promptside.errors import StoreUnavailable
from promptside.events.base import DeliveryFailed, ResultTarget
from promptside.transport.client import HttpClient
from tests.engines import Engine
from tests.product import MemorySecrets
from tests.results import FAILURE, KEY, NOW, SECRET, Targets, assert_valid, order, outcome, signatures
from tests.unit.events.results.test_dispatch import DOCUMENT, LARGE
from tests.upstream import Fault, Reply, Upstream

TAKEN = Reply(200, steps=(b"thanks",))
OLD_KEY = bytes(range(32))


@pytest.fixture
def targets(engine: Engine) -> Iterator[Targets]:
    made = Targets(engine)
    yield made
    made.close()


def hook(receiver: Upstream) -> ResultTarget:
    return ResultTarget("webhook", f"{receiver.url}/hooks/runs?team=7")


def failure(targets: Targets, of: Any, *, seconds: float = 60.0) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as raised:
        targets.deliver(of, seconds=seconds)
    return raised.value


def test_a_webhook_is_posted_and_signed(targets: Targets) -> None:
    with Upstream(TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver))))

        (request,) = receiver.requests
    headers = dict(request.headers)
    assert (request.method, request.path) == ("POST", "/hooks/runs?team=7")
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == order().run_id
    assert headers["webhook-timestamp"] == str(int(NOW) + 9)
    assert headers["webhook-signature"].split(",", 1) == signatures(KEY, headers, request.body)
    body = json.loads(request.body)
    assert body == {"type": "prompt.run.completed", "timestamp": "2026-11-21T22:26:42Z", "data": DOCUMENT}
    assert_valid(body, "webhook")


def test_a_failed_run_has_a_type_of_its_own(targets: Targets) -> None:
    with Upstream(TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver)), status=502, body=FAILURE))

        body = receiver.requests[0].json()
    assert (body["type"], body["data"]["error"]["code"]) == ("prompt.run.failed", "provider_error")
    assert_valid(body, "webhook")


def test_while_a_secret_is_replaced_both_sign(targets: Targets) -> None:
    targets.secret.versions = [{"api_key": f"{SECRET} whsec_{base64.b64encode(OLD_KEY).decode()}"}]
    with Upstream(TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver))))

        (request,) = receiver.requests
    headers = dict(request.headers)
    assert [signature.split(",", 1) for signature in headers["webhook-signature"].split(" ")] == [
        signatures(KEY, headers, request.body),
        signatures(OLD_KEY, headers, request.body),
    ]


def test_a_result_that_queues_do_not_take_is_posted_whole(targets: Targets) -> None:
    with Upstream(TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver)), body=LARGE))

        data = receiver.requests[0].json()["data"]
    assert (data["response"], data["response_location"], targets.objects()) == (LARGE, None, {})


def test_what_is_too_large_for_a_webhook_goes_by_reference(targets: Targets) -> None:
    body = {**LARGE, "note": "x" * 1_100_000}
    with Upstream(TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver)), body=body))

        data = receiver.requests[0].json()["data"]
    assert data["response"] is None
    assert targets.objects()[data["response_location"]["key"]]["response"] == body


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_webhook_is_posted_again_under_the_same_id(targets: Targets, status: int) -> None:
    with Upstream(Reply(status), TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver))))

        first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert targets.time.slept == [0.2]


def test_a_run_that_completes_after_it_failed_is_another_webhook(targets: Targets) -> None:
    with Upstream(TAKEN, TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver)), status=502, body=FAILURE))
        targets.deliver(outcome(order(hook(receiver))))

        identities = [request.headers["webhook-id"] for request in receiver.requests]
    assert identities == [f"{order().run_id}-failed", order().run_id]


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_connection_that_breaks_is_no_refusal(targets: Targets, fault: Fault) -> None:
    with Upstream(Reply(steps=(fault,), framing="raw"), TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver))))

        assert len(receiver.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422])
def test_any_other_answer_is_final_and_redirects_are_not_followed(targets: Targets, status: int) -> None:
    with Upstream(Reply(status, {"location": "/elsewhere"}, (b"words of the host",))) as receiver:
        error = failure(targets, outcome(order(hook(receiver))))

        assert len(receiver.requests) == 1
    assert error.final
    assert error.message == f"The result did not reach its target (webhook): its host answered {status}"


@pytest.mark.parametrize(
    ("value", "slept"),
    [
        ("7", [7.0]),
        # The clock of these tests is nine seconds on.
        (format_datetime(datetime.fromtimestamp(NOW + 20, UTC), usegmt=True), [11.0]),
        ("soon", [0.2]),
        ("-3", [0.2]),
    ],
)
def test_the_host_says_when_to_come_back(targets: Targets, value: str, slept: list[float]) -> None:
    with Upstream(Reply(503, {"retry-after": value}), TAKEN) as receiver:
        targets.deliver(outcome(order(hook(receiver))))

    assert targets.time.slept == slept


def test_a_host_that_wants_more_time_than_there_is_gets_its_webhook_with_the_next_delivery(targets: Targets) -> None:
    with Upstream(Reply(429, {"retry-after": "120"})) as receiver:
        error = failure(targets, outcome(order(hook(receiver))))

        assert len(receiver.requests) == 1
    assert (error.final, error.retry_after, targets.time.slept) == (False, 120.0, [])


def test_tries_end_with_the_time_there_is(targets: Targets) -> None:
    with Upstream(*[Reply(503)] * 6) as receiver:
        error = failure(targets, outcome(order(hook(receiver))), seconds=1.0)

        assert len(receiver.requests) == 3
    assert (error.final, targets.time.slept) == (False, [0.2, 0.4])


def test_a_host_that_stays_silent_is_not_waited_for_beyond_the_deadline(targets: Targets) -> None:
    with Upstream(Reply(steps=(Fault.HANG,), framing="raw")) as receiver:
        error = failure(targets, outcome(order(hook(receiver))), seconds=0.2)

    assert not error.final


def test_a_private_host_is_refused_whatever_its_name_says(targets: Targets) -> None:
    targets.http.close()
    targets.http = HttpClient(resolver=lambda host, port: ["127.0.0.1"])
    with Upstream(TAKEN) as receiver:
        error = failure(targets, outcome(order(hook(receiver))))

        assert receiver.requests == []
    assert error.final


@pytest.mark.parametrize(
    "secret",
    [
        [],
        [{"api_key": "c2VjcmV0"}],
        [{"api_key": "whsec_not base64"}],
        [{"api_key": "whsec_" + base64.b64encode(b"x" * 23).decode()}],
        [{"api_key": "whsec_" + base64.b64encode(b"x" * 65).decode()}],
        [{"other": SECRET}],
    ],
)
def test_a_secret_that_is_missing_or_unusable_is_named_by_its_parameter(
    targets: Targets, secret: list[dict[str, str]], log_output: io.StringIO
) -> None:
    targets.secret.versions = secret or [{}]
    with Upstream() as receiver:
        error = failure(targets, outcome(order(hook(receiver))))

        assert receiver.requests == []
    assert (error.final, error.code) == (True, "not_configured")
    assert "/promptside/test/webhooks/signing-secret" in error.message
    assert not any(text in log_output.getvalue() for text in ("c2VjcmV0", "not base64"))


def test_a_secret_that_cannot_be_read_now_may_be_later(targets: Targets) -> None:
    class Down(MemorySecrets):
        def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
            raise StoreUnavailable("The store did not answer", retry_after=2.0)

    targets.secret = Down([])
    with Upstream() as receiver:
        error = failure(targets, outcome(order(hook(receiver))))

    assert (error.final, error.retry_after) == (False, 2.0)


def test_nothing_of_a_result_or_of_the_host_s_words_is_logged(targets: Targets, log_output: io.StringIO) -> None:
    with Upstream(Reply(400, steps=(b"words of the host",))) as receiver:
        failure(targets, outcome(order(hook(receiver))))

    assert not any(text in log_output.getvalue() for text in ("words of the host", "Ann", "hooks/runs", "whsec"))


def test_one_connection_serves_several_webhooks(targets: Targets) -> None:
    with Upstream(TAKEN, TAKEN) as receiver:
        for _ in range(2):
            targets.deliver(outcome(order(hook(receiver))))

        assert len({request.connection for request in receiver.requests}) == 1
