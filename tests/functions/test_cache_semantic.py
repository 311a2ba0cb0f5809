"""The semantic cache over the whole path: who was asked for a vector, who for an answer, and what the caller saw."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.schema.prompt import VirtualKey
from tests.engines import Engine
from tests.functions.test_cache import Cached
from tests.functions.test_completions import ANSWER, STREAM
from tests.product import events_of, json_of, prompt, whole
from tests.store_proxy import StoreProxy, broken
from tests.upstream import Fault, Reply, Request, Upstream, json_reply, sse_reply

QUESTION = '[{"role": "system", "content": "Be {{mood}}."}, {"role": "user", "content": "{{question}}"}]'
MEANINGS = {
    "How do I reset my password?": [1.0, 0.0, 0.0],
    "I forgot my password, what now?": [2.0, 0.4, 0.0],
    "Where is my invoice?": [0.0, 1.0, 0.0],
    "I have lost my password!": [1.0, -0.1, 0.0],
}
RESET, FORGOT, INVOICE, LOST = MEANINGS
SEMANTIC = {"cache": {"mode": "semantic", "max_age": 3600}}


def embedded(request: Request) -> Reply:
    vector = MEANINGS[request.json()["input"]]
    return json_reply(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": vector}],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        }
    )


def respond(request: Request) -> Reply:
    if request.path.endswith("/embeddings"):
        return embedded(request)
    return sse_reply(STREAM) if request.json().get("stream") else json_reply(ANSWER)


class Semantic(Cached):
    """A product with a semantic cache in a real table."""

    def __init__(self, engine: Engine, upstream: Upstream, **options: Any) -> None:
        options.setdefault("version", prompt(string=QUESTION))
        super().__init__(engine, upstream, **options)

    def ask(self, question: str, config: Any = SEMANTIC, *, headers: Any = None, **body: Any) -> str:
        """Ask and return what the header says of the cache."""
        return self.answer(question, config, headers=headers, **body)[0]

    def answer(self, question: str, config: Any = SEMANTIC, *, headers: Any = None, **body: Any) -> tuple[str, Any]:
        mood = body.pop("mood", "kind")
        variables = {"question": question, "mood": mood}
        status, response = self.run({"variables": variables, **body}, config, headers=headers)
        assert response.status == 200, whole(response)
        return status, response


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        made.default = respond
        yield made


@pytest.fixture
def cached(engine: Engine, upstream: Upstream) -> Semantic:
    return Semantic(engine, upstream)


def asked_for(upstream: Upstream) -> list[str]:
    """Return `vector` or `answer` for each request that arrived."""
    return ["vector" if request.path.endswith("/embeddings") else "answer" for request in upstream.requests]


def test_another_question_that_means_the_same_gets_the_same_answer(cached: Semantic, upstream: Upstream) -> None:
    first, miss = cached.answer(RESET)
    second, hit = cached.answer(FORGOT)

    assert (first, second) == ("SEMANTIC MISS", "SEMANTIC HIT")
    assert json_of(hit) == json_of(miss)
    assert asked_for(upstream) == ["vector", "answer", "vector"]


def test_the_very_same_question_needs_no_vector(cached: Semantic, upstream: Upstream) -> None:
    cached.ask(RESET)

    assert cached.ask(RESET) == "HIT"
    assert asked_for(upstream) == ["vector", "answer"]


def test_a_question_below_the_threshold_is_asked(cached: Semantic, upstream: Upstream) -> None:
    cached.ask(RESET)

    assert cached.ask(INVOICE) == "SEMANTIC MISS"
    assert cached.ask(FORGOT, {"cache": {**SEMANTIC["cache"], "threshold": 0.99}}) == "SEMANTIC MISS"
    assert asked_for(upstream) == ["vector", "answer"] * 3


@pytest.mark.parametrize(
    "changed",
    [
        {"mood": "brief"},
        {"temperature": 0.5},
        {"model": "m2"},
        {"headers": {"x-portkey-metadata": '{"user_id": "7"}'}},
        {"headers": {"x-portkey-cache-namespace": "other"}},
        {"config": {"cache": {"mode": "semantic", "embedding": {"model": "text-embedding-3-large"}}}},
    ],
)
def test_a_run_that_differs_in_more_than_its_question_is_another(cached: Semantic, changed: Any) -> None:
    cached.ask(RESET)

    assert cached.ask(FORGOT, **changed) == "SEMANTIC MISS"


def test_the_vector_is_asked_of_the_target_itself(cached: Semantic, upstream: Upstream) -> None:
    cached.ask(RESET)

    sent = upstream.requests[0]
    assert sent.path == "/embeddings"
    assert sent.headers["authorization"] == "Bearer sk-canary"
    assert sent.json() == {"model": "text-embedding-3-small", "input": RESET, "dimensions": 256}


def test_another_virtual_key_may_give_the_vectors(engine: Engine, upstream: Upstream) -> None:
    cached = Semantic(engine, upstream, virtual_keys={"vectors": VirtualKey("vectors", "mistral-ai", {})})
    config = {"cache": {"mode": "semantic", "embedding": {"virtual_key": "vectors", "model": "codestral-embed"}}}

    assert [cached.ask(RESET, config), cached.ask(FORGOT, config)] == ["SEMANTIC MISS", "SEMANTIC HIT"]
    assert upstream.requests[0].json() == {"model": "codestral-embed", "input": RESET, "output_dimension": 256}


def test_a_secret_that_was_replaced_is_read_anew_for_a_vector(cached: Semantic, upstream: Upstream) -> None:
    secrets = cached.product.secrets.versions
    secrets.append({**secrets[0], "api_key": "sk-new"})
    upstream.routes["/embeddings"] = lambda request: (
        embedded(request)
        if request.headers["authorization"] == "Bearer sk-new"
        else json_reply({"error": {"message": "no", "code": "invalid_api_key"}}, status=401)
    )
    cached.ask(RESET)

    assert asked_for(upstream) == ["vector", "vector", "answer"]
    assert cached.ask(FORGOT) == "SEMANTIC HIT"


@pytest.mark.parametrize(
    "failure",
    [
        json_reply({"error": {"message": "overloaded"}}, status=503),
        json_reply({"object": "list", "data": []}),
        json_reply({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.0, 0.0]}]}),
        Reply(200, {"content-type": "text/html"}, [b"<html>"]),
        Reply(200, {"content-type": "application/json"}, [Fault.RESET]),
    ],
)
def test_who_gives_no_vector_costs_the_comparison_and_nothing_else(
    cached: Semantic, upstream: Upstream, failure: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.routes["/embeddings"] = failure

    assert [cached.ask(RESET), cached.ask(FORGOT), cached.ask(RESET)] == ["SEMANTIC MISS", "SEMANTIC MISS", "HIT"]
    assert [record.message for record in caplog.records].count("question_not_embedded") == 2


def test_a_vector_that_does_not_come_takes_a_share_of_the_callers_time(cached: Semantic, upstream: Upstream) -> None:
    upstream.routes["/embeddings"] = Reply(200, {"content-type": "application/json"}, [Fault.HANG], "chunked")

    assert cached.ask(RESET, headers={"x-portkey-request-timeout": "1000"}) == "SEMANTIC MISS"
    assert asked_for(upstream) == ["vector", "answer"]
    assert upstream.requests[0].client_closed.wait(5)


@pytest.mark.parametrize(
    ("version", "body"),
    [
        (prompt(string='[{"role": "assistant", "content": "{{question}}"}]'), {}),
        (prompt(string='[{"role": "user", "content": "  "}]'), {}),
        (prompt(string=json.dumps([{"role": "user", "content": "a"}] * 5)), {}),
        (prompt(string='[{"role": "user", "content": "{{question}}"}]'), {"question": "a" * 8_001}),
        (
            prompt(
                string='[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", '
                '"image_url": {"url": "https://example.com/a.png"}}]}]'
            ),
            {},
        ),
        (prompt(kind="text", string="{{question}}"), {}),
    ],
)
def test_what_is_no_plain_question_is_cached_as_in_simple_mode(
    engine: Engine, upstream: Upstream, version: Any, body: Any
) -> None:
    cached = Semantic(engine, upstream, version=version)
    if version.kind == "text":
        upstream.default = json_reply(
            {**ANSWER, "object": "text_completion", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]}
        )
    question = body.get("question", RESET)

    assert [cached.ask(question), cached.ask(question)] == ["MISS", "HIT"]
    assert asked_for(upstream) == ["answer"]


def test_a_question_in_one_part_of_text_is_a_plain_one(engine: Engine, upstream: Upstream) -> None:
    string = '[{"role": "user", "content": [{"type": "text", "text": "{{question}}"}]}]'
    cached = Semantic(engine, upstream, version=prompt(string=string))

    assert [cached.ask(RESET), cached.ask(FORGOT)] == ["SEMANTIC MISS", "SEMANTIC HIT"]


@pytest.mark.parametrize(
    ("embedding", "code"),
    [
        ({"virtual_key": "nobody", "model": "m"}, "unknown_virtual_key"),
        ({"virtual_key": "claude"}, "no_embeddings"),
        ({"provider": "@claude", "model": "m"}, "no_embeddings"),
        ({"model": "@claude/m"}, "no_embeddings"),
    ],
)
def test_a_cache_without_anybody_who_gives_vectors_is_a_simple_one(
    cached: Semantic, embedding: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    cached.product.prompts.virtual_keys = {"claude": VirtualKey("claude", "anthropic", {})}
    config = {"cache": {"mode": "semantic", "embedding": embedding}}

    assert [cached.ask(RESET, config), cached.ask(FORGOT, config), cached.ask(RESET, config)] == ["MISS", "MISS", "HIT"]
    told = [record for record in caplog.records if record.message == "semantic_cache_not_possible"]
    assert [getattr(record, "code", None) for record in told] == [code] * 3


def test_a_target_without_embeddings_has_a_simple_cache(engine: Engine, upstream: Upstream) -> None:
    cached = Semantic(engine, upstream, version=prompt(string=QUESTION, virtual_key="groq"))

    assert [cached.ask(RESET), cached.ask(FORGOT), cached.ask(RESET)] == ["MISS", "MISS", "HIT"]
    assert asked_for(upstream) == ["answer", "answer"]


def test_a_refresh_asks_again_and_is_found_by_similar_questions(cached: Semantic, upstream: Upstream) -> None:
    refresh = {"x-portkey-cache-force-refresh": "true"}
    cached.ask(RESET)
    upstream.default = lambda request: (
        embedded(request) if request.path.endswith("/embeddings") else json_reply({**ANSWER, "id": "newer"})
    )
    status, _ = cached.answer(RESET, headers=refresh)
    found, hit = cached.answer(FORGOT)

    assert (status, found, json_of(hit)["id"]) == ("REFRESH", "SEMANTIC HIT", "newer")


def test_an_answer_that_is_too_old_is_no_match(cached: Semantic) -> None:
    cached.ask(RESET)
    cached.now += 1800
    shorter = cached.ask(FORGOT, {"cache": {"mode": "semantic", "max_age": 600}})
    cached.now += 3600

    assert shorter == "SEMANTIC MISS"
    assert cached.ask(FORGOT) == "SEMANTIC MISS"


def test_a_streamed_answer_is_found_by_a_similar_question_in_either_form(cached: Semantic, upstream: Upstream) -> None:
    first, miss = cached.run({"variables": {"question": RESET}, "stream": True}, SEMANTIC)
    whole(miss)
    second, hit = cached.run({"variables": {"question": FORGOT}, "stream": True}, SEMANTIC)
    events = events_of(whole(hit))
    third, plain = cached.run({"variables": {"question": FORGOT}}, SEMANTIC)

    assert (first, second, third) == ("SEMANTIC MISS", "SEMANTIC HIT", "SEMANTIC HIT")
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "Hello"
    assert events[-1] == "[DONE]"
    assert json_of(plain)["choices"][0]["message"]["content"] == "Hello"
    assert asked_for(upstream).count("answer") == 1


def test_a_table_that_fails_costs_the_cache_and_nothing_else(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        cached = Semantic(engine, upstream, url=proxy.url)
        proxy.always = broken

        assert [cached.ask(RESET), cached.ask(RESET)] == ["SEMANTIC MISS", "SEMANTIC MISS"]
        assert asked_for(upstream) == ["answer", "answer"]


def test_a_search_that_fails_costs_the_comparison_and_nothing_else(engine: Engine, upstream: Upstream) -> None:
    with StoreProxy(engine.url) as proxy:
        cached = Semantic(engine, upstream, url=proxy.url)
        proxy.next_answers.extend([None, broken])

        assert [cached.ask(RESET), cached.ask(FORGOT)] == ["SEMANTIC MISS", "SEMANTIC HIT"]
        assert proxy.operations == ["GetItem", "Query", "PutItem", "PutItem", "GetItem", "Query", "GetItem"]


@pytest.mark.parametrize(
    ("cache", "problem"),
    [
        ({"mode": "simple", "threshold": 0.9}, "config.cache.threshold is for the mode semantic only"),
        ({"mode": "simple", "embedding": {}}, "config.cache.embedding is for the mode semantic only"),
        ({"mode": "semantic", "threshold": 0.4}, "config.cache.threshold must be a number from 0.5 to 1"),
        ({"mode": "semantic", "threshold": True}, "config.cache.threshold must be a number from 0.5 to 1"),
        (
            {"mode": "semantic", "embedding": {"provider": "openai", "virtual_key": "a"}},
            "config.cache.embedding names both a provider and a virtual_key",
        ),
        (
            {"mode": "semantic", "embedding": {"provider": "azure"}},
            "config.cache.embedding.model is missing: azure-openai has no usual one",
        ),
        ({"mode": "semantic", "embedding": {"model": ""}}, "config.cache.embedding.model must be a text"),
    ],
)
def test_a_cache_that_cannot_be_is_refused_with_its_path(cached: Semantic, cache: Any, problem: str) -> None:
    _, response = cached.run({"variables": {"question": RESET}}, {"cache": cache})

    assert response.status == 400
    assert json_of(response)["error"]["message"] == problem


def test_a_provider_without_embeddings_is_refused(cached: Semantic) -> None:
    config = {"cache": {"mode": "semantic", "embedding": {"provider": "anthropic"}}}
    _, response = cached.run({"variables": {"question": RESET}}, config)

    assert json_of(response)["error"]["message"].startswith("config.cache.embedding.provider has no embeddings here")


def test_a_simple_cache_does_not_need_the_store_of_vectors(engine: Engine, upstream: Upstream) -> None:
    cached = Semantic(engine, upstream)

    assert cached.ask(RESET, {"cache": {"mode": "simple"}}) == "MISS"
    assert asked_for(upstream) == ["answer"]


def test_the_first_of_a_hedged_pair_gives_the_answer_that_both_would_find(cached: Semantic, upstream: Upstream) -> None:
    own = {"provider": "openai", "api_key": "sk-own", "custom_host": upstream.url}
    config = {"strategy": {"mode": "fallback"}, "hedge": {"after_ms": 1}, "targets": [own, own], **SEMANTIC}

    cached.ask(RESET, config)

    assert cached.ask(FORGOT, config) == "SEMANTIC HIT"


def test_vectors_of_callers_with_credentials_of_their_own_are_paid_by_them(
    cached: Semantic, upstream: Upstream
) -> None:
    def ask(question: str, key: str) -> str:
        own = {"provider": "openai", "api_key": key, "custom_host": upstream.url}
        return cached.ask(question, {**own, **SEMANTIC})

    assert [ask(RESET, "sk-a"), ask(FORGOT, "sk-b"), ask(FORGOT, "sk-a")] == [
        "SEMANTIC MISS",
        "SEMANTIC MISS",
        "SEMANTIC HIT",
    ]
    assert [request.headers["authorization"] for request in upstream.requests] == [
        *["Bearer sk-a"] * 2,
        *["Bearer sk-b"] * 2,
        "Bearer sk-a",
    ]


def test_a_similar_question_whose_answer_is_too_old_gives_way_to_the_next(cached: Semantic, upstream: Upstream) -> None:
    cached.ask(RESET)
    cached.now += 100
    upstream.default = lambda request: (
        embedded(request) if request.path.endswith("/embeddings") else json_reply({**ANSWER, "id": "younger"})
    )
    cached.ask(LOST, {"cache": {"mode": "semantic", "threshold": 1}})
    cached.now += 20

    status, hit = cached.answer(FORGOT, {"cache": {"mode": "semantic", "max_age": 50}})

    assert (status, json_of(hit)["id"]) == ("SEMANTIC HIT", "younger")
