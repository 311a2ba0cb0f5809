"""One key, one paid call: over real routes, a real engine and real sockets."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from promptside.api.http import HttpResponse
from promptside.store.claims import ClaimStore
from promptside.store.patience import Patience
from tests.engines import Engine
from tests.product import Product, json_of, whole
from tests.store_proxy import StoreProxy, broken, lost_answer
from tests.upstream import Fault, Reply, Upstream, json_reply, sse_reply

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1795300000, "model": "m1-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello Ann"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
EVENTS = [
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m1","choices":[{"index":0,"delta":'
    b'{"role":"assistant","content":"Hello"},"finish_reason":null}]}\n\n',
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m1","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]
ANN = {"variables": {"name": "Ann"}}
REPLAYED = "x-promptside-idempotent-replay"


class Calls:
    """A product whose claims are in a table of the engine, and a clock that a test may move."""

    def __init__(self, engine: Engine, upstream: Upstream, *, url: str | None = None) -> None:
        self.now = 1_795_300_000.0
        client = engine.new_client("dynamodb", url=url)
        patience = Patience(attempts=2, first_pause_seconds=0.001)
        claims = ClaimStore(client, table=engine.new_table(), workspace="default", patience=patience)
        self.product = Product(upstream.url)
        self.product.services = replace(self.product.services, claims=claims, clock=lambda: self.now)

    def post(self, body: Any = ANN, *, key: str = "k-1", path: str = "/v1/prompts/hi/completions") -> HttpResponse:
        return self.product.post(body, path=path, headers={"idempotency-key": key})


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(*[json_reply(ANSWER)] * 3) as running:
        yield running


@pytest.fixture
def calls(engine: Engine, upstream: Upstream) -> Calls:
    return Calls(engine, upstream)


def code_of(response: HttpResponse) -> tuple[int, str]:
    return response.status, json_of(response)["error"]["code"]


def test_a_repeated_call_gets_the_first_answer_byte_for_byte(calls: Calls, upstream: Upstream) -> None:
    first, second = calls.post(), calls.post()

    assert second.status == 200
    assert whole(second) == whole(first)
    assert second.headers == {**first.headers, REPLAYED: "true"}
    assert len(upstream.requests) == 1


def test_another_key_is_another_run(calls: Calls, upstream: Upstream) -> None:
    calls.post(key="k-1")

    assert REPLAYED not in calls.post(key="k-2").headers
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("other", [{"variables": {"name": "Bob"}}, {**ANN, "temperature": 1}, {**ANN, "stream": True}])
def test_a_key_that_was_used_for_another_request_is_refused(
    calls: Calls, upstream: Upstream, other: dict[str, Any]
) -> None:
    calls.post()

    assert code_of(calls.post(other)) == (422, "idempotency_key_reused")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(calls: Calls, upstream: Upstream, key: str) -> None:
    assert code_of(calls.post(key=key)) == (400, "invalid_request")
    assert not upstream.requests


def test_a_running_call_answers_409_and_when_to_come_back(engine: Engine) -> None:
    go_on = threading.Event()
    slow = Reply(200, {"content-type": "application/json"}, [go_on, b"{}"], "close")
    with Upstream(slow) as upstream, ThreadPoolExecutor() as pool:
        calls = Calls(engine, upstream)
        first = pool.submit(calls.post)
        try:
            upstream.wait_for_requests(1)
            second = calls.post()
        finally:
            go_on.set()
        first.result()

    assert code_of(second) == (409, "idempotency_in_progress")
    assert second.headers["retry-after"] == "5"


def test_of_many_calls_at_once_exactly_one_is_paid(engine: Engine, upstream: Upstream) -> None:
    calls = Calls(engine, upstream)
    with ThreadPoolExecutor(24) as pool:
        statuses = [response.status for response in pool.map(lambda _: calls.post(), range(48))]

    assert len(upstream.requests) == 1
    assert set(statuses) <= {200, 409}
    assert 200 in statuses


def test_a_claim_of_a_run_that_died_can_be_taken_after_it_has_expired(calls: Calls, upstream: Upstream) -> None:
    calls.product.services = replace(calls.product.services, new_id=_die_after_the_claim())
    assert calls.post().status == 500
    calls.product.services = replace(calls.product.services, new_id=lambda: "next")
    calls.now += 869
    assert code_of(calls.post()) == (409, "idempotency_in_progress")
    calls.now += 2

    assert calls.post().status == 200
    assert len(upstream.requests) == 1


def _die_after_the_claim() -> Any:
    ids = iter(["run-1"])
    return lambda: next(ids)


def test_an_answer_is_forgotten_after_a_day(calls: Calls, upstream: Upstream) -> None:
    calls.post()
    calls.now += 24 * 3600 + 1

    assert REPLAYED not in calls.post().headers
    assert len(upstream.requests) == 2


def test_an_answer_of_many_items_is_replayed_whole(engine: Engine) -> None:
    text = random.Random(1).randbytes(600_000).hex()
    big = {
        **ANSWER,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
    }
    with Upstream(json_reply(big)) as upstream:
        calls = Calls(engine, upstream)
        first, second = calls.post(), calls.post()

    assert len(upstream.requests) == 1
    assert whole(second) == whole(first)


def test_a_finished_stream_is_replayed_byte_for_byte(engine: Engine) -> None:
    with Upstream(sse_reply(EVENTS)) as upstream:
        calls = Calls(engine, upstream)
        first = whole(calls.post({**ANN, "stream": True}))
        again = calls.post({**ANN, "stream": True})

    assert len(upstream.requests) == 1
    assert whole(again) == first
    assert again.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert again.headers[REPLAYED] == "true"


def test_a_stream_that_was_cut_is_not_paid_for_twice(engine: Engine) -> None:
    with Upstream(sse_reply([EVENTS[0], Fault.CUT])) as upstream:
        calls = Calls(engine, upstream)
        whole(calls.post({**ANN, "stream": True}))

        assert code_of(calls.post({**ANN, "stream": True})) == (410, "idempotency_answer_gone")
    assert len(upstream.requests) == 1


def test_a_client_that_left_does_not_pay_twice_unknowingly(engine: Engine) -> None:
    with Upstream(sse_reply([EVENTS[0], Fault.HANG])) as upstream:
        calls = Calls(engine, upstream)
        body = calls.post({**ANN, "stream": True}).body
        assert not isinstance(body, bytes)
        body.close()

        assert code_of(calls.post({**ANN, "stream": True})) == (410, "idempotency_answer_gone")


@pytest.mark.parametrize(("status", "paid"), [(400, 1), (500, 1), (401, 2), (429, 2), (503, 2)])
def test_a_providers_final_error_is_kept_and_one_that_began_nothing_is_not(
    engine: Engine, status: int, paid: int
) -> None:
    refused = json_reply({"error": {"message": "no", "type": "x"}}, status=status)
    with Upstream(refused, refused) as upstream:
        calls = Calls(engine, upstream)
        first, second = calls.post(), calls.post()

    assert (first.status, second.status) == (status, status)
    assert whole(first) == whole(second)
    assert (second.headers.get(REPLAYED) == "true") is (paid == 1)
    assert len(upstream.requests) == paid


def test_a_refused_request_leaves_its_key_free(calls: Calls, upstream: Upstream) -> None:
    assert calls.post({**ANN, "messages": "no list"}).status == 400

    assert calls.post().status == 200
    assert len(upstream.requests) == 1


def test_a_provider_that_cannot_be_reached_leaves_the_key_free(calls: Calls, engine: Engine) -> None:
    with Upstream(json_reply(ANSWER)) as closed:
        nobody = Calls(engine, closed)
    assert code_of(nobody.post()) == (502, "provider_unreachable")

    assert REPLAYED not in nobody.post().headers


def test_without_a_valid_key_nothing_is_claimed_or_replayed(calls: Calls) -> None:
    calls.post()

    answer = calls.product.post(ANN, headers={"idempotency-key": "k-1", "x-portkey-api-key": "wrong"})

    assert code_of(answer) == (401, "invalid_api_key")


def test_without_a_run_table_the_key_is_refused(upstream: Upstream) -> None:
    answer = Product(upstream.url).post(ANN, headers={"idempotency-key": "k-1"})

    assert code_of(answer) == (400, "idempotency_unavailable")
    assert not upstream.requests


def test_nothing_is_paid_while_the_run_table_is_down(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        proxy.always = broken
        calls = Calls(engine, upstream, url=proxy.url)

        assert code_of(calls.post()) == (503, "store_unavailable")
    assert not upstream.requests


def test_a_call_without_a_key_does_not_touch_the_run_table(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        calls = Calls(engine, upstream, url=proxy.url)

        assert calls.product.post(ANN).status == 200
        assert proxy.operations == []


def test_a_claim_whose_answer_was_lost_on_the_way_is_still_ours(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        proxy.next_answers.append(lost_answer)
        calls = Calls(engine, upstream, url=proxy.url)

        assert calls.post().status == 200
        assert calls.post().headers[REPLAYED] == "true"
    assert len(upstream.requests) == 1


def test_an_answer_that_cannot_be_kept_still_reaches_its_caller(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        proxy.next_answers.extend([None, broken, broken])
        calls = Calls(engine, upstream, url=proxy.url)

        assert calls.post().status == 200
        assert code_of(calls.post()) == (409, "idempotency_in_progress")
    assert len(upstream.requests) == 1


def test_the_responses_shape_is_replayed_as_well(calls: Calls, upstream: Upstream) -> None:
    body = {"prompt": {"id": "hi", "variables": {"name": "Ann"}}}
    first, second = calls.post(body, path="/v1/responses"), calls.post(body, path="/v1/responses")

    assert first.status == 200
    assert whole(second) == whole(first)
    assert len(upstream.requests) == 1
