"""The cache of a config over the whole path: what the caller saw, and how often a provider was called."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from promptside.api.http import HttpResponse
from promptside.store.answers import AnswerStore
from promptside.store.vectors import VectorStore
from tests.engines import Engine
from tests.functions.test_completions import ANSWER, STREAM
from tests.functions.test_routing_examples import EXAMPLES, KEYS
from tests.product import Product, events_of, json_of, whole
from tests.store_proxy import StoreProxy, broken
from tests.upstream import Fault, Reply, Request, Upstream, json_reply, sse_reply

SIMPLE = {"cache": {"mode": "simple", "max_age": 60}}
STATUS = "x-portkey-cache-status"


def respond(request: Request) -> Any:
    return sse_reply(STREAM) if request.json().get("stream") else json_reply(ANSWER)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        made.default = respond
        yield made


class Cached:
    """A product with a cache in a real table, and a clock that a test can set."""

    def __init__(self, engine: Engine, upstream: Upstream, *, url: str | None = None, **options: Any) -> None:
        ids = count(1)
        self.now = 1_795_300_000.0
        client = engine.client("dynamodb") if url is None else engine.new_client("dynamodb", url=url)
        table = engine.new_table()
        store = AnswerStore(client, table=table, workspace="default", new_id=lambda: f"a{next(ids)}")
        vectors = VectorStore(client, table=table, workspace="default")
        self.product = Product(upstream.url, allowed_custom_hosts=("127.0.0.1",), **options)
        self.product.services = replace(
            self.product.services, answers=store, vectors=lambda: vectors, clock=lambda: self.now
        )

    def run(
        self, body: Any = None, config: Any = SIMPLE, *, headers: Mapping[str, str] | None = None
    ) -> tuple[str, HttpResponse]:
        sent = {"x-portkey-config": json.dumps(config), **(headers or {})}
        response = self.product.post(body or {"variables": {"name": "Ann"}}, headers=sent)
        return response.headers.get(STATUS, ""), response


@pytest.fixture
def cached(engine: Engine, upstream: Upstream) -> Cached:
    return Cached(engine, upstream)


def test_row_77_the_second_of_two_equal_calls_comes_from_the_cache(cached: Cached, upstream: Upstream) -> None:
    first, miss = cached.run()
    second, hit = cached.run()

    assert (first, second) == ("MISS", "HIT")
    assert json_of(hit) == json_of(miss)
    assert hit.headers["x-portkey-provider"] == "openai"
    assert hit.headers["x-promptside-prompt-version"] == "3"
    assert len(upstream.requests) == 1


def test_without_a_cache_in_the_config_nothing_is_kept(cached: Cached, upstream: Upstream) -> None:
    statuses = [cached.run(config={"retry": {"attempts": 1}})[0] for _ in range(2)]

    assert statuses == ["DISABLED", "DISABLED"]
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"variables": {"name": "Bob"}}, {}),
        ({"variables": {"name": "Ann"}, "temperature": 0.5}, {}),
        ({"variables": {"name": "Ann"}, "model": "m2"}, {}),
        ({"variables": {"name": "Ann"}}, {"x-portkey-metadata": '{"user_id": "7"}'}),
        ({"variables": {"name": "Ann"}}, {"x-portkey-cache-namespace": "other"}),
        ({"variables": {"name": "Ann"}}, {"x-portkey-strict-open-ai-compliance": "true"}),
        ({"variables": {"name": "Ann"}}, {"x-portkey-forward-headers": "x-beta", "x-beta": "on"}),
    ],
)
def test_a_call_that_differs_in_what_decides_the_answer_is_another(
    cached: Cached, body: Any, headers: Mapping[str, str]
) -> None:
    cached.run()

    assert [cached.run(body, headers=headers)[0] for _ in range(2)] == ["MISS", "HIT"]


def test_a_refresh_calls_the_provider_and_replaces_what_was_kept(cached: Cached, upstream: Upstream) -> None:
    cached.run()
    upstream.default = json_reply({**ANSWER, "id": "newer"})

    refreshed = cached.run(headers={"x-portkey-cache-force-refresh": "true"})
    hit = cached.run()

    assert (refreshed[0], json_of(refreshed[1])["id"]) == ("REFRESH", "newer")
    assert (hit[0], json_of(hit[1])["id"]) == ("HIT", "newer")
    assert len(upstream.requests) == 2


def test_who_wants_nothing_logged_wants_nothing_cached(cached: Cached) -> None:
    assert [cached.run(headers={"x-portkey-debug": "false"})[0] for _ in range(2)] == ["DISABLED", "DISABLED"]


def test_an_answer_older_than_max_age_is_not_given_again(cached: Cached, upstream: Upstream) -> None:
    cached.run()
    cached.now += 59.0
    young = cached.run()[0]
    shorter = cached.run(config={"cache": {"mode": "simple", "max_age": 10}})[0]
    cached.now += 61.0
    old = cached.run()[0]

    assert (young, shorter, old) == ("HIT", "MISS", "MISS")
    assert len(upstream.requests) == 3


def test_the_namespace_of_the_config_gives_way_to_the_requests_own(cached: Cached) -> None:
    config = {"cache": {"mode": "simple", "namespace": "a"}}

    assert cached.run(config=config)[0] == "MISS"
    assert cached.run()[0] == "MISS"
    assert cached.run(headers={"x-portkey-cache-namespace": "a"})[0] == "HIT"


def test_a_streamed_answer_is_kept_and_given_again_in_either_form(cached: Cached, upstream: Upstream) -> None:
    body = {"variables": {"name": "Ann"}, "stream": True}

    first, miss = cached.run(body)
    events = events_of(whole(miss))
    second, hit = cached.run({**body, "stream_options": {"include_usage": True}})
    replayed = events_of(whole(hit))
    third, plain = cached.run()

    assert (first, second, third) == ("MISS", "HIT", "HIT")
    assert events[-1] == replayed[-1] == "[DONE]"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in replayed[:-2]) == "Hello"
    assert replayed[-2]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    completion = json_of(plain)
    assert completion["object"] == "chat.completion"
    assert completion["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ]
    assert completion["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert len(upstream.requests) == 1


def test_a_whole_answer_is_given_again_as_a_stream(cached: Cached) -> None:
    cached.run()
    status, hit = cached.run({"variables": {"name": "Ann"}, "stream": True})
    events = events_of(whole(hit))

    assert (status, hit.headers["content-type"]) == ("HIT", "text/event-stream; charset=utf-8")
    assert events[-1] == "[DONE]"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "Hello Ann"
    assert {event["id"] for event in events[:-1]} == {"chatcmpl-1"}


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_stream_that_was_cut_is_not_kept(cached: Cached, upstream: Upstream, fault: Fault) -> None:
    upstream.default = sse_reply([*STREAM[:2], fault])
    body = {"variables": {"name": "Ann"}, "stream": True}

    whole(cached.run(body)[1])
    upstream.default = respond

    assert cached.run()[0] == "MISS"


def test_a_stream_whose_client_left_is_not_kept(cached: Cached) -> None:
    body = {"variables": {"name": "Ann"}, "stream": True}
    _, left = cached.run(body)
    assert not isinstance(left.body, bytes)
    next(iter(left.body))
    left.body.close()

    assert cached.run()[0] == "MISS"


def test_an_error_is_not_kept(cached: Cached, upstream: Upstream) -> None:
    upstream.enqueue(json_reply({"error": {"message": "boom"}}, status=500))
    failed, _ = cached.run()
    after, _ = cached.run()

    assert (failed, after) == ("", "MISS")


def test_an_answer_that_is_too_large_is_given_and_not_kept(cached: Cached, upstream: Upstream) -> None:
    import secrets

    noise = secrets.token_hex(4_500_000)
    message = {"role": "assistant", "content": noise}
    upstream.default = json_reply({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    statuses = []
    for _ in range(2):
        status, response = cached.run()
        statuses.append(status)
        assert json_of(response)["choices"][0]["message"]["content"] == noise

    assert statuses == ["MISS", "MISS"]


def test_an_answer_of_several_pieces_comes_back_whole(cached: Cached, upstream: Upstream) -> None:
    import secrets

    noise = secrets.token_hex(700_000)
    message = {"role": "assistant", "content": noise}
    upstream.default = json_reply({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    cached.run()

    status, response = cached.run()

    assert status == "HIT"
    assert json_of(response)["choices"][0]["message"]["content"] == noise


def test_callers_with_credentials_of_their_own_share_nothing(cached: Cached, upstream: Upstream) -> None:
    def with_key(key: str) -> str:
        own = {"provider": "openai", "api_key": key, "custom_host": upstream.url}
        return cached.run(config={**own, **SIMPLE})[0]

    assert [with_key("sk-first"), with_key("sk-second"), with_key("sk-first")] == ["MISS", "MISS", "HIT"]


def test_a_fallback_gives_again_what_its_second_target_has_answered(cached: Cached, upstream: Upstream) -> None:
    with Upstream() as first:
        first.default = json_reply({"error": {"message": "boom"}}, status=500)
        targets = [{"provider": "openai", "api_key": "sk-own", "custom_host": host.url} for host in (first, upstream)]
        config = {"strategy": {"mode": "fallback"}, "targets": targets, **SIMPLE}
        outcomes = []
        for _ in range(2):
            status, response = cached.run(config=config)
            outcomes.append((status, response.headers["x-portkey-last-used-option-index"]))

        # The first target is asked each time: it might be well again, and its answer is the one that is wanted.
        assert outcomes == [("MISS", "config.targets[1]"), ("HIT", "config.targets[1]")]
        assert (len(first.requests), len(upstream.requests)) == (2, 1)


def test_a_table_that_fails_costs_the_cache_and_nothing_else(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        cached = Cached(engine, upstream, url=proxy.url)
        proxy.always = broken

        statuses = [(status, response.status) for status, response in (cached.run() for _ in range(2))]

        assert statuses == [("MISS", 200), ("MISS", 200)]
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_table_that_fails_is_waited_for_once_in_a_run(engine: Engine, upstream: Upstream, stream: bool) -> None:
    """However many targets there are; while it hangs, each wait is seconds."""
    with StoreProxy(engine.url) as proxy, Upstream(json_reply({}, status=500)) as first:
        cached = Cached(engine, upstream, url=proxy.url)
        proxy.always = broken
        failing = {"provider": "openai", "api_key": "sk", "custom_host": first.url}
        config = {**SIMPLE, "strategy": {"mode": "fallback"}, "targets": [failing, {}]}

        status, response = cached.run({"variables": {"name": "Ann"}, "stream": stream}, config)

        assert (response.status, whole(response).endswith(b"[DONE]\n\n")) == (200, stream)
        assert (status, response.headers["x-portkey-last-used-option-index"]) == ("MISS", "config.targets[1]")
        assert proxy.operations == ["GetItem"]


def test_a_hit_costs_one_read_and_a_run_without_a_cache_none(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        cached = Cached(engine, upstream, url=proxy.url)
        cached.run()
        cached.run()
        cached.run(config={"retry": {"attempts": 1}})

        assert proxy.operations == ["GetItem", "PutItem", "GetItem"]


@pytest.mark.parametrize("config", [example for example in EXAMPLES if "cache" in example])
def test_an_example_of_the_documentation_gives_the_same_answer_again(
    engine: Engine, upstream: Upstream, config: Any
) -> None:
    cached = Cached(engine, upstream, virtual_keys=KEYS)
    upstream.routes["/embeddings"] = json_reply({"data": [{"index": 0, "embedding": [0.6, 0.8]}]})

    assert [cached.run(config=config)[0] for _ in range(2)] in (["MISS", "HIT"], ["SEMANTIC MISS", "HIT"])


def test_the_winner_of_a_hedged_pair_is_kept_under_its_own_target(cached: Cached, upstream: Upstream) -> None:
    with Upstream() as slow:
        slow.default = Reply(200, {"content-type": "application/json"}, [Fault.HANG])
        targets = [{"provider": "openai", "api_key": "sk-own", "custom_host": host.url} for host in (slow, upstream)]
        config = {"strategy": {"mode": "fallback"}, "hedge": {"after_ms": 1}, "targets": targets, **SIMPLE}
        outcomes = []
        for _ in range(2):
            status, response = cached.run(config=config)
            outcomes.append((status, response.headers["x-portkey-last-used-option-index"]))

        assert outcomes == [("MISS", "config.targets[1]"), ("HIT", "config.targets[1]")]
        assert len(upstream.requests) == 1
