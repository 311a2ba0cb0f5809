"""`render?plan=true`: what a call would do, from the provider's own request, with nobody called."""

import json
from typing import Any

import pytest

from promptside.schema.prompt import PartialVersion, VirtualKey
from tests.product import MemorySecrets, Product, json_of, prompt
from tests.upstream import Upstream


def product(**options: Any) -> Product:
    """Return a product that would call the real providers if it called anybody."""
    options.setdefault("secrets", MemorySecrets([{"api_key": "sk-canary"}]))
    return Product("", **options)


def planned(body: Any = None, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
    response = product(**options).post(body, path="/v1/prompts/hi/render", headers=headers, query={"plan": "true"})
    assert response.status == 200, json_of(response)
    answer = json_of(response)
    assert "sk-canary" not in str(answer)
    return answer


def test_a_plan_says_where_a_call_goes_and_what_it_costs_at_most() -> None:
    version = prompt(model="gpt-5.1", parameters={"max_tokens": 1000, "presence_penalty": 1})

    answer = planned({"variables": {"name": "Ann", "extra": 1}, "n": 2}, version=version)

    assert answer == {
        "success": True,
        "data": {
            "messages": [{"role": "user", "content": "Hi Ann"}], "model": "gpt-5.1", "max_tokens": 1000,
            "presence_penalty": 1, "n": 2,
        },
        "plan": {
            "provider": "openai", "model": "gpt-5.1", "virtual_key": None, "url_host": "api.openai.com",
            "dropped_params": ["presence_penalty"], "estimated_prompt_tokens": 9, "max_completion_tokens": 1000,
            "highest_cost": {
                "currency": "USD", "amount": 0.02001125, "prompt": 1.125e-05, "completion": 0.02,
                "source": "genai-prices 0.2.3", "date": "2026-11-23",
            },
            "warnings": ["openai does not take 'presence_penalty' with this model: it is left out"],
            "unused_variables": ["extra"], "missing_variables": [],
        },
    }  # fmt: skip


def test_without_a_plan_the_answer_is_portkeys_own() -> None:
    response = product().post({}, path="/v1/prompts/hi/render", query={"plan": "false"})

    assert json_of(response).keys() == {"success", "data"}


def test_missing_variables_are_named_also_those_of_partials_and_sections() -> None:
    version = prompt(
        string='[{"role":"user","content":"{{name}} {{#items}}{{price}}{{color}}{{/items}} {{a.b}} {{>p}}"}]',
        partials=("p",),
    )
    partials = {"p": PartialVersion("p", "i", 1, "p-v1", "{{tone}}")}

    answer = planned({"variables": {"items": [{"price": 1}]}}, version=version, partials=partials)

    assert answer["plan"]["missing_variables"] == ["name", "color", "a", "tone"]
    assert answer["plan"]["unused_variables"] == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "no-such"}, "no price is known for the model 'no-such' there"),
        ({"model": "gpt-5.1"}, "no limit: set max_completion_tokens"),
        ({"model": "gpt-5.1", "parameters": {"service_tier": "priority"}}, "prices of service tiers are not known"),
    ],
)  # fmt: skip
def test_a_cost_that_is_not_known_is_null_and_never_zero(fields: dict[str, Any], reason: str) -> None:
    cost = planned(version=prompt(**fields))["plan"]["highest_cost"]

    assert (cost["amount"], cost["reason"]) == (None, reason)


def test_the_limit_of_every_wire_is_found() -> None:
    limits = {
        provider: planned(version=prompt(model=model, virtual_key=provider, parameters={"max_tokens": 77}))["plan"]
        for provider, model in (
            ("openai", "gpt-5.1"), ("anthropic", "claude-haiku-5-5"), ("google", "gemini-2.5-pro"),
            ("bedrock", "amazon.nova-pro-v1:0"), ("mistral-ai", "mistral-large-latest"), ("groq", "x"),
        )
    }  # fmt: skip

    assert {name: plan["max_completion_tokens"] for name, plan in limits.items()} == dict.fromkeys(limits, 77)
    assert {name: plan["url_host"] for name, plan in limits.items()} == {
        "openai": "api.openai.com",
        "anthropic": "api.anthropic.com",
        "google": "generativelanguage.googleapis.com",
        "bedrock": "bedrock-runtime.us-east-1.amazonaws.com",
        "mistral-ai": "api.mistral.ai",
        "groq": "api.groq.com",
    }


def test_what_a_call_would_fail_on_is_a_warning() -> None:
    refused = planned({"logit_bias": {"1": 1}, "strict_params": True}, version=prompt(model="gpt-5.1"))["plan"]
    unknown = planned(version=prompt(virtual_key="nobody"))["plan"]

    assert refused["warnings"][0].startswith("The call would fail: gpt-5.1 does not support 'logit_bias'")
    assert (refused["provider"], refused["url_host"]) == ("openai", None)
    assert unknown["warnings"] == [
        "The call would fail: Unknown virtual key 'nobody': create it, or use a provider's name"
    ]
    assert (unknown["provider"], unknown["model"]) == (None, "m1")
    assert unknown["highest_cost"] == {"currency": None, "amount": None, "reason": "the target is not known"}


def test_a_model_past_its_end_is_a_warning() -> None:
    found = planned(version=prompt(model="o1"))["plan"]["warnings"]

    assert found == ["openai has shut down the model 'o1' on 2026-10-23: choose its successor"]


def test_a_plan_calls_nobody_and_names_the_virtual_key() -> None:
    with Upstream() as upstream:
        keys = {"team": VirtualKey("team", "openai", {"custom_host": f"{upstream.url}/v1"}, "virtual-keys/team/1")}
        version = prompt(model="@team/m1", parameters={"max_tokens": 5})

        found = planned(version=version, virtual_keys=keys, allowed_custom_hosts=("127.0.0.1",))["plan"]

        assert (found["virtual_key"], found["url_host"]) == ("team", upstream.url.removeprefix("http://"))
        assert found["highest_cost"]["amount"] is None
        assert upstream.requests == []


def test_images_are_not_counted_and_that_is_said() -> None:
    content = [
        {"type": "text", "text": "abcd"},
        {"type": "image_url", "image_url": {"url": "https://x.example/" + "y" * 999}},
    ]

    found = planned({"messages": [{"role": "user", "content": content}]}, version=prompt(model="gpt-5.1"))["plan"]

    assert found["estimated_prompt_tokens"] == 8
    assert found["warnings"] == ["Images, audio and files are not counted"]


def test_a_plan_needs_the_same_key_as_a_call() -> None:
    response = product(scopes=frozenset({"prompts.read"})).post({}, path="/v1/prompts/hi/render", query={"plan": "1"})

    assert response.status == 403


KEYS = {slug: VirtualKey(slug, provider, {}) for slug, provider in (("main", "openai"), ("backup", "groq"))}


def planned_under(config: Any, body: Any = None, *, metadata: str = "{}", **options: Any) -> Any:
    headers = {"x-portkey-config": json.dumps(config), "x-portkey-metadata": metadata}
    return planned(body, headers=headers, virtual_keys=KEYS, **options)


def test_a_plan_under_a_config_is_that_of_its_first_target() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "override_params": {"max_tokens": 50},
        "targets": [{"virtual_key": "backup", "override_params": {"model": "llama-4-70b"}}, {"virtual_key": "main"}],
    }

    answer = planned_under(config, {"variables": {"name": "Ann"}})

    plan = answer["plan"]
    assert (plan["option"], plan["provider"], plan["virtual_key"]) == ("config.targets[0]", "groq", "backup")
    assert (plan["model"], plan["max_completion_tokens"]) == ("llama-4-70b", 50)
    assert answer["data"] == {
        "messages": [{"role": "user", "content": "Hi Ann"}],
        "model": "llama-4-70b",
        "max_tokens": 50,
    }


CONDITIONAL = {
    "strategy": {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.plan": "paid"}, "then": "best"}],
        "default": "small",
    },
    "targets": [{"name": "best", "virtual_key": "main"}, {"name": "small", "virtual_key": "backup"}],
}
BALANCED = {
    "strategy": {"mode": "loadbalance"},
    "targets": [{"virtual_key": "main", "weight": 1}, {"virtual_key": "backup", "weight": 3}],
}
STICKY = {**BALANCED, "strategy": {"mode": "loadbalance", "sticky_session": {"hash_fields": ["metadata.plan"]}}}


@pytest.mark.parametrize(
    ("config", "metadata", "option"),
    [
        ({}, {}, "config"),
        ({"targets": [{"targets": [{}]}]}, {}, "config.targets[0].targets[0]"),
        (CONDITIONAL, {"plan": "paid"}, "config.targets[0]"),
        (CONDITIONAL, {}, "config.targets[1]"),
        (BALANCED, {}, "config.targets[1]"),
        (STICKY, {"plan": "paid"}, "config.targets[1]"),
        (STICKY, {"plan": "basic"}, "config.targets[0]"),
        ({**BALANCED, "targets": [{"weight": 0}, {"weight": 1}]}, {}, "config.targets[1]"),
    ],
)
def test_the_first_target_is_the_one_that_a_call_would_try(config: Any, metadata: dict[str, str], option: str) -> None:
    assert planned_under(config, metadata=json.dumps(metadata))["plan"]["option"] == option


def test_what_is_left_to_chance_is_a_warning() -> None:
    warning = "config draws by weight: this is the plan of the heaviest target"

    assert warning in planned_under(BALANCED)["plan"]["warnings"]
    assert warning not in planned_under(STICKY, metadata='{"plan": "paid"}')["plan"]["warnings"]


def test_a_target_with_a_prompt_of_its_own_is_planned_with_that() -> None:
    prompts = {"other": prompt(slug="other", string='[{"role": "user", "content": "Bye {{who}}"}]', model="m9")}
    config = {"targets": [{"prompt_id": "other", "virtual_key": "main"}]}

    answer = planned_under(config, {"variables": {"name": "Ann"}}, prompts=prompts)

    assert answer["data"]["messages"] == [{"role": "user", "content": "Bye "}]
    assert answer["plan"]["model"] == "m9"
    assert (answer["plan"]["unused_variables"], answer["plan"]["missing_variables"]) == (["name"], ["who"])


@pytest.mark.parametrize("source", ["prompt", "key", "header"])
def test_every_config_that_is_in_force_is_planned(source: str) -> None:
    stored: dict[str, Any] = {"configs": {"pc-a": {"override_params": {"model": "m7"}}}}
    sources: dict[str, dict[str, Any]] = {
        "prompt": {"version": prompt(parameters={"config": "pc-a"})},
        "key": {"key_config": "pc-a"},
        "header": {"headers": {"x-portkey-config": "pc-a"}},
    }

    answer = planned(**stored, **sources[source])

    assert (answer["plan"]["option"], answer["plan"]["model"]) == ("config", "m7")


def test_a_target_that_cannot_be_used_is_a_warning() -> None:
    answer = planned_under({"targets": [{"virtual_key": "nobody"}]})

    assert answer["plan"]["option"] == "config.targets[0]"
    assert answer["plan"]["warnings"] == [
        "The call would fail: Unknown virtual key 'nobody': create it, or use a provider's name"
    ]
