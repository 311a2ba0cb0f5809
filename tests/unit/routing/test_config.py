"""Reading configs: what is understood, what is inherited, and what is refused with its path."""

import json
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.routing.config import Option, parse_config, parse_config_text
from promptside.routing.identity import Identity, secret_fields
from promptside.routing.settings import CacheSettings, CircuitBreaker, Embedding, Retry
from promptside.schema.prompt import Reference


def refused(value: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequest) as raised:
        parse_config(value)
    assert (raised.value.status, raised.value.code) == (400, "invalid_config")
    assert raised.value.message.startswith(str(raised.value.param))
    return raised.value.param, raised.value.message


def nested(depth: int) -> dict[str, Any]:
    return {"targets": [nested(depth - 1)]} if depth > 1 else {}


def test_an_empty_config_changes_nothing() -> None:
    assert parse_config({}) == Option()


def test_everything_that_a_target_can_say_is_read() -> None:
    option = parse_config(
        {
            "name": "a", "weight": 0.5, "provider": "openai", "api_key": "sk", "openai_organization": "o",
            "prompt_id": "pp-x@staging", "retry": {"attempts": 2, "on_status_codes": [429]},
            "cache": {"mode": "simple", "max_age": 60}, "request_timeout": 1500,
            "override_params": {"a": 1}, "default_params": {"b": 2}, "drop_params": ["c"],
            "forward_headers": ["X-A"], "strict_open_ai_compliance": True,
            "cb_config": {"failure_threshold": 3, "cooldown_interval": 30000, "failure_status_codes": [500]},
        }
    )  # fmt: skip

    assert option == Option(
        name="a",
        weight=0.5,
        identity=Identity("openai", None, {"api_key": "sk", "openai_organization": "o"}),
        prompt=Reference("pp-x", "staging"),
        override_params={"a": 1},
        default_params={"b": 2},
        drop_params=("c",),
        retry=Retry(2, frozenset({429})),
        timeout_seconds=1.5,
        forward_headers=("x-a",),
        strict_openai=True,
        cache=CacheSettings("simple", 60),
        circuit_breaker=CircuitBreaker(3, 30.0, status_codes=frozenset({500})),
    )


def test_a_target_inherits_and_the_nearest_wins() -> None:
    option = parse_config(
        {
            "provider": "openai", "retry": {"attempts": 1}, "request_timeout": 1000, "forward_headers": ["x-a"],
            "override_params": {"model": "root", "n": 1}, "drop_params": ["seed"], "weight": 7, "name": "root",
            "targets": [
                {"override_params": {"model": "leaf"}, "drop_params": ["user"]},
                {"virtual_key": "vk", "retry": {"attempts": 4}, "targets": [{"request_timeout": 5}]},
            ],
        }
    )  # fmt: skip
    first, second = option.leaves()

    assert first == Option(
        path="config.targets[0]",
        identity=Identity("openai"),
        override_params={"model": "leaf", "n": 1},
        drop_params=("seed", "user"),
        retry=Retry(1),
        timeout_seconds=1.0,
        forward_headers=("x-a",),
    )
    assert second.path == "config.targets[1].targets[0]"
    assert (second.identity, second.retry, second.timeout_seconds) == (Identity(None, "vk"), Retry(4), 0.005)


def test_a_custom_host_is_inherited_by_another_provider_but_its_key_is_not() -> None:
    option = parse_config(
        {"provider": "openai", "api_key": "sk", "custom_host": "https://h", "targets": [{"provider": "groq"}, {}]}
    )

    assert [leaf.identity for leaf in option.leaves()] == [
        Identity("groq", None, {"custom_host": "https://h"}),
        Identity("openai", None, {"api_key": "sk", "custom_host": "https://h"}),
    ]


def test_a_semantic_cache_says_who_gives_vectors_and_how_similar_questions_must_be() -> None:
    embedding = {"virtualKey": "@vectors", "model": "text-embedding-3-small"}
    cache = {"mode": "semantic", "maxAge": 60, "namespace": "a", "threshold": 0.9, "embedding": embedding}
    whole, plain = ({"cache": each} for each in (cache, {"mode": "semantic", "embedding": {"provider": "gemini"}}))

    assert parse_config(whole).cache == CacheSettings(
        "semantic", 60, "a", 0.9, Embedding(virtual_key="vectors", model="text-embedding-3-small")
    )
    assert parse_config(plain).cache == CacheSettings("semantic", None, None, 0.95, Embedding("gemini"))


def test_a_cache_may_be_its_mode_alone() -> None:
    assert parse_config({"cache": "simple"}) == parse_config({"cache": {"mode": "simple"}})


def test_the_longest_age_is_the_90_days_of_portkey() -> None:
    assert parse_config({"cache": {"mode": "simple", "max_age": 7_776_000}}).cache == CacheSettings("simple", 7_776_000)


def test_both_spellings_of_names_are_understood_and_nulls_are_nothing() -> None:
    camel = {
        "strategy": {"mode": "fallback", "onStatusCodes": [429]},
        "requestTimeout": 10,
        "cache": None,
        "targets": [{"virtualKey": "a", "overrideParams": {"maxTokens": 1}}, {"promptId": "b"}],
    }
    snake = {
        "strategy": {"mode": "fallback", "on_status_codes": [429]},
        "request_timeout": 10,
        "targets": [{"virtual_key": "a", "override_params": {"maxTokens": 1}}, {"prompt_id": "b"}],
    }

    assert parse_config(camel) == parse_config(snake)


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ([], "config"),
        ("text", "config"),
        ({"retries": 1}, "config.retries"),
        ({"targets": []}, "config.targets"),
        ({"targets": {}}, "config.targets"),
        ({"targets": [1]}, "config.targets[0]"),
        ({"targets": [{}, {"weight": "1"}]}, "config.targets[1].weight"),
        ({"weight": -0.1}, "config.weight"),
        ({"weight": float("nan")}, "config.weight"),
        ({"weight": float("inf")}, "config.weight"),
        ({"strategy": {"mode": "random"}}, "config.strategy.mode"),
        ({"strategy": {}}, "config.strategy.mode"),
        ({"strategy": {"mode": "fallback"}}, "config.targets"),
        ({"strategy": {"mode": "single", "on_status_codes": [1]}}, "config.strategy.on_status_codes"),
        ({"strategy": {"mode": "fallback", "on_status_codes": [99]}, "targets": [{}]},
         "config.strategy.on_status_codes[0]"),
        ({"strategy": {"mode": "fallback", "on_status_codes": []}, "targets": [{}]}, "config.strategy.on_status_codes"),
        ({"strategy": {"mode": "loadbalance"}, "targets": [{"weight": 0}, {"weight": 0.0}]}, "config.targets"),
        ({"strategy": {"mode": "loadbalance", "sticky_session": {"hash_fields": ["user"]}}, "targets": [{}]},
         "config.strategy.sticky_session.hash_fields[0]"),
        ({"strategy": {"mode": "loadbalance", "sticky_session": {"hash_fields": []}}, "targets": [{}]},
         "config.strategy.sticky_session.hash_fields"),
        ({"retry": 3}, "config.retry"),
        ({"retry": {}}, "config.retry.attempts"),
        ({"retry": {"attempts": 6}}, "config.retry.attempts"),
        ({"retry": {"attempts": True}}, "config.retry.attempts"),
        ({"retry": {"attempts": 1, "codes": [1]}}, "config.retry.codes"),
        ({"cache": {"mode": "fast"}}, "config.cache.mode"),
        ({"cache": "fast"}, "config.cache.mode"),
        ({"cache": True}, "config.cache"),
        ({"cache": {"mode": "simple", "max_age": 0}}, "config.cache.max_age"),
        ({"cache": {"mode": "simple", "max_age": 7_776_001}}, "config.cache.max_age"),
        ({"cache": {"mode": "semantic", "threshold": "high"}}, "config.cache.threshold"),
        ({"cache": {"mode": "semantic", "embedding": {"dimensions": 3}}}, "config.cache.embedding.dimensions"),
        ({"targets": [{"cache": {"mode": "simple", "embedding": {}}}]}, "config.targets[0].cache.embedding"),
        ({"cb_config": {"failure_threshold": 1, "cooldown_interval": 29999}}, "config.cb_config.cooldown_interval"),
        ({"cb_config": {}}, "config.cb_config.failure_threshold"),
        ({"request_timeout": 0}, "config.request_timeout"),
        ({"request_timeout": 1.5}, "config.request_timeout"),
        ({"override_params": []}, "config.override_params"),
        ({"drop_params": "x"}, "config.drop_params"),
        ({"forward_headers": [""]}, "config.forward_headers[0]"),
        ({"strict_open_ai_compliance": "true"}, "config.strict_open_ai_compliance"),
        ({"targets": [{"prompt_id": "a/../b"}]}, "config.targets[0].prompt_id"),
        ({"prompt_id": "@1"}, "config.prompt_id"),
        ({"provider": "nobody"}, "config.provider"),
        ({"provider": "openai", "vertex_region": "x"}, "config.vertex_region"),
        ({"provider": "openai", "api_key": 7}, "config.api_key"),
        ({"output_guardrails": []}, "config.output_guardrails"),
        ({"before_request_hooks": [{"id": "x"}]}, "config.before_request_hooks"),
        ({"passthrough": True}, "config.passthrough"),
        ({"hedge": {"after_ms": 10}}, "config.hedge"),
        (nested(6), "config.targets[0].targets[0].targets[0].targets[0].targets[0]"),
        ({"targets": [{}] * 51}, "config.targets"),
        ({"targets": [{"targets": [{}] * 25}, {"targets": [{}] * 25}]}, "config.targets[1].targets"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_path(config: Any, param: str) -> None:
    assert refused(config)[0] == param


@pytest.mark.parametrize(
    ("strategy", "param"),
    [
        ({}, "conditions"),
        ({"conditions": [{"query": {"metadata.a": 1}, "then": "a"}]}, "default"),
        ({"conditions": [{"query": {"metadata.a": 1}, "then": "x"}], "default": "a"}, "conditions[0].then"),
        ({"conditions": [{"query": {"metadata.a": 1}, "then": "a"}], "default": "x"}, "default"),
        ({"conditions": [{"then": "a"}], "default": "a"}, "conditions[0].query"),
        ({"conditions": [{"query": {}, "then": "a"}], "default": "a"}, "conditions[0].query"),
    ],
)
def test_a_conditional_strategy_needs_conditions_a_default_and_names_that_exist(
    strategy: dict[str, Any], param: str
) -> None:
    config = {"strategy": {"mode": "conditional", **strategy}, "targets": [{"name": "a"}, {"name": "b"}]}

    assert refused(config)[0] == f"config.strategy.{param}"


def test_names_of_targets_are_unique_where_they_decide() -> None:
    conditions = [{"query": {"metadata.a": 1}, "then": "a"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "a"}

    assert refused({"strategy": strategy, "targets": [{"name": "a"}, {"name": "a"}]})[0] == "config.targets[1].name"


def test_a_text_is_read_within_its_limit() -> None:
    assert parse_config_text(json.dumps({"request_timeout": 5}))[0].timeout_seconds == 0.005
    for text in ("{", "[" * 100_000, "{" + " " * 65_536 + "}"):
        with pytest.raises(InvalidRequest):
            parse_config_text(text)


def test_the_deepest_config_that_is_taken_has_five_levels() -> None:
    assert parse_config(nested(5)).leaves()[0].path == "config" + ".targets[0]" * 4


@pytest.mark.parametrize(
    ("identity", "secrets"),
    [
        (Identity("openai", None, {"api_key": "x", "openai_organization": "o"}), ["api_key"]),
        (Identity("bedrock", None, {"aws_secret_access_key": "x", "aws_region": "r"}), ["aws_secret_access_key"]),
        (Identity("vertex-ai", None, {"vertex_service_account_json": "{}"}), ["vertex_service_account_json"]),
        (Identity(None, "vk", {"api_key": "x", "aws_region": "r"}), ["api_key"]),
    ],
)
def test_secrets_in_a_config_are_found(identity: Identity, secrets: list[str]) -> None:
    assert secret_fields(identity) == secrets
