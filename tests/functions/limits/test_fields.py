"""Limits in management: what is accepted, in which form it comes back, and what is refused by its path."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.management_function import Answer, ManagementFunction, management_function

KEY = {"name": "k", "scopes": ["completions.write"]}
RATE = {"type": "requests", "unit": "rpm", "value": 5}


@pytest.fixture(scope="module")
def manage(engine: Engine) -> Iterator[ManagementFunction]:
    with management_function(engine) as function:
        yield function


def make(manage: ManagementFunction, kind: str, **limits: Any) -> str:
    """Create something with limits and return its path."""
    match kind:
        case "key":
            return f"/v1/api-keys/{manage.create('/v1/api-keys/workspace/service', {**KEY, **limits})['id']}"
        case "virtual_key":
            body = {"name": "v", "provider": "openai", "key": "sk-1", **limits}
            return f"/v1/virtual-keys/{manage.create('/v1/virtual-keys', body)['slug']}"
        case _:
            return f"/v1/prompts/{manage.create('/v1/prompts', {'name': 'p', 'string': 'Hi', **limits})['slug']}"


def shown(manage: ManagementFunction, path: str) -> tuple[Any, Any]:
    body = manage.call("GET", path).body
    return body.get("rate_limits"), body.get("usage_limits")


@pytest.mark.parametrize("kind", ["key", "virtual_key", "prompt"])
def test_limits_come_back_in_their_form_with_what_is_used(manage: ManagementFunction, kind: str) -> None:
    path = make(manage, kind, rate_limits=[RATE], usage_limits={"credit_limit": 2.5, "periodic_reset_days": 30})

    rates, budget = shown(manage, path)

    assert rates == [RATE]
    assert budget.pop("next_usage_reset_at").endswith("Z")
    assert budget == {"type": "cost", "credit_limit": 2.5, "periodic_reset_days": 30, "current_usage": 0.0}


@pytest.mark.parametrize("kind", ["key", "virtual_key", "prompt"])
def test_what_a_change_leaves_out_stays_and_null_removes(manage: ManagementFunction, kind: str) -> None:
    path = make(manage, kind, rate_limits=RATE, usage_limits=[{"type": "tokens", "credit_limit": 9}])

    manage.call("PUT", path, {"name": "other"})
    unchanged = shown(manage, path)
    manage.call("PUT", path, {"rate_limits": None})
    less = shown(manage, path)
    manage.call("PUT", path, {"usage_limits": []})

    budget = {"type": "tokens", "credit_limit": 9, "current_usage": 0, "next_usage_reset_at": None}
    assert (unchanged, less, shown(manage, path)) == ((RATE, [budget]), (None, [budget]), (None, None))


@pytest.mark.parametrize("kind", ["key", "virtual_key", "prompt"])
def test_an_answer_can_be_sent_back(manage: ManagementFunction, kind: str) -> None:
    path = make(manage, kind, usage_limits={"credit_limit": 1, "alert_threshold": 0.5, "periodic_reset": "weekly"})
    _, budget = shown(manage, path)

    answer = manage.call("PUT", path, {"usage_limits": budget})

    assert answer.status == 200
    assert shown(manage, path) == (None, budget)


def test_a_key_without_limits_shows_none(manage: ManagementFunction) -> None:
    body = manage.call("GET", make(manage, "key")).body

    assert body.keys() & {"rate_limits", "usage_limits"} == set()


def test_notes_beside_a_virtual_keys_limits_stay(manage: ManagementFunction) -> None:
    path = make(manage, "virtual_key", model_config={"a": 1}, usage_limits={"credit_limit": 1})

    manage.call("PUT", path, {"usage_limits": None})

    assert manage.call("GET", path).body["model_config"] == {"a": 1}


@pytest.mark.parametrize(
    ("limits", "param"),
    [
        ({"rate_limits": [{**RATE, "type": "words"}]}, "rate_limits[0].type"),
        ({"rate_limits": [RATE, {**RATE, "unit": "rps"}]}, "rate_limits[1].unit"),
        ({"rate_limits": [{**RATE, "value": -1}]}, "rate_limits[0].value"),
        ({"rate_limits": [{**RATE, "value": True}]}, "rate_limits[0].value"),
        ({"rate_limits": [{**RATE, "value": 1.5}]}, "rate_limits[0].value"),
        ({"rate_limits": {"type": "requests", "unit": "rpm"}}, "rate_limits.value"),
        ({"rate_limits": [{**RATE, "burst": 3}]}, "rate_limits[0].burst"),
        ({"rate_limits": [RATE, RATE]}, "rate_limits"),
        ({"rate_limits": ["rpm"]}, "rate_limits[0]"),
        ({"rate_limits": [RATE] * 21}, "rate_limits"),
        ({"usage_limits": {}, "rate_limits": "100"}, "rate_limits"),
        ({"usage_limits": {"type": "cost"}}, "usage_limits.credit_limit"),
        ({"usage_limits": {"credit_limit": "10"}}, "usage_limits.credit_limit"),
        ({"usage_limits": {"credit_limit": 1, "alert_threshold": 2}}, "usage_limits.alert_threshold"),
        ({"usage_limits": {"credit_limit": 1, "periodic_reset": "daily"}}, "usage_limits.periodic_reset"),
        ({"usage_limits": [{"credit_limit": 1, "periodic_reset_days": 366}]}, "usage_limits[0].periodic_reset_days"),
        (
            {"usage_limits": {"credit_limit": 1, "periodic_reset": "weekly", "periodic_reset_days": 3}},
            "usage_limits.periodic_reset_days",
        ),
        ({"reset_usage": "yes"}, "reset_usage"),
    ],
)
@pytest.mark.parametrize("kind", ["key", "virtual_key", "prompt"])
def test_what_cannot_be_counted_is_refused_by_its_path(
    manage: ManagementFunction, kind: str, limits: dict[str, Any], param: str
) -> None:
    creation: dict[str, tuple[str, dict[str, Any]]] = {
        "key": ("/v1/api-keys/workspace/service", KEY),
        "virtual_key": ("/v1/virtual-keys", {"name": "v", "provider": "openai", "key": "sk-1"}),
        "prompt": ("/v1/prompts", {"name": "p", "string": "Hi"}),
    }
    path, body = creation[kind]

    answer = manage.call("POST", path, {**body, **limits})

    assert refused(answer) == (400, param)


def refused(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.body.get("error", {}).get("param")
