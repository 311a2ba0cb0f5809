"""Configs over the whole path: what the caller saw, and what each provider saw; names begin with conformance rows."""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from promptside.api.http import HttpResponse
from promptside.errors import StoreUnavailable
from promptside.schema.prompt import VirtualKey
from tests.functions.test_completions import ANSWER, STREAM
from tests.product import Product, events_of, json_of, prompt, whole
from tests.upstream import Fault, Reply, Upstream, json_reply, raw_reply, sse_reply

FAILED = json_reply({"error": {"message": "boom"}}, status=500)


def target(upstream: Upstream, **fields: Any) -> dict[str, Any]:
    """Return a target with credentials of its own; the host is allowed by `product`."""
    return {"provider": "openai", "api_key": "sk-own", "custom_host": upstream.url, **fields}


def product(**options: Any) -> Product:
    return Product("http://127.0.0.1:9", allowed_custom_hosts=("127.0.0.1",), **options)


def run(
    over: Product, config: Any, body: Any = None, *, headers: Mapping[str, str] | None = None, **options: Any
) -> HttpResponse:
    text = config if isinstance(config, str) else json.dumps(config)
    return over.post(body, headers={"x-portkey-config": text, **(headers or {})}, **options)


def fallback(*targets: dict[str, Any], **strategy: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def seen(response: HttpResponse) -> tuple[int, str | None, str | None]:
    """Return the status, the option that was used last and the retries."""
    headers = response.headers
    return (
        response.status,
        headers.get("x-portkey-last-used-option-index"),
        headers.get("x-portkey-retry-attempt-count"),
    )


def refused(response: HttpResponse) -> tuple[int, str | None, str | None]:
    error = json_of(response)["error"]
    return response.status, error["code"], error["param"]


def answers(stream: bool) -> Reply:
    return sse_reply(STREAM) if stream else json_reply(ANSWER)


def text_of(response: HttpResponse, stream: bool) -> str:
    if not stream:
        return str(json_of(response)["choices"][0]["message"]["content"])
    events = events_of(whole(response))
    assert events[-1] == "[DONE]"
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1])


@pytest.mark.parametrize("stream", [False, True])
def test_row_72_a_fallback_uses_the_second_target_when_the_first_fails(stream: bool) -> None:
    with Upstream(FAILED) as first, Upstream(answers(stream)) as second:
        config = fallback(target(first), target(second, api_key="sk-second", override_params={"model": "m2"}))

        response = run(product(), config, {"variables": {"name": "Ann"}, "stream": stream})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert response.headers["x-portkey-provider"] == "openai"
        assert text_of(response, stream).startswith("Hello")
        assert [request.json()["model"] for request in first.requests] == ["m1"]
        assert [request.json()["model"] for request in second.requests] == ["m2"]
        assert second.requests[0].headers["authorization"] == "Bearer sk-second"
        assert second.requests[0].json()["messages"] == [{"role": "user", "content": "Hi Ann"}]


@pytest.mark.parametrize("stream", [False, True])
def test_row_73_targets_with_prompts_render_their_own_templates_with_the_same_variables(stream: bool) -> None:
    prompts = {
        "short": prompt(slug="short", string='[{"role": "user", "content": "S {{name}}"}]', model="s1"),
        "long@2": prompt(slug="long", version=2, string='[{"role": "user", "content": "L {{name}}"}]', model="l1"),
    }
    with Upstream(FAILED) as first, Upstream(answers(stream)) as second:
        config = fallback(target(first, prompt_id="short"), target(second, prompt_id="long@2"))

        response = run(product(prompts=prompts), config, {"variables": {"name": "Ann"}, "stream": stream})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert response.headers["x-promptside-prompt-version"] == "2"
        assert text_of(response, stream).startswith("Hello")
        assert [request.json()["messages"][0]["content"] for request in first.requests] == ["S Ann"]
        sent = second.requests[0].json()
        assert (sent["model"], sent["messages"]) == ("l1", [{"role": "user", "content": "L Ann"}])


@pytest.mark.parametrize("drawn", [0.0, 0.4, 0.999])
def test_row_74_a_target_without_weight_is_never_used(drawn: float) -> None:
    with Upstream() as first, Upstream(json_reply(ANSWER)) as second:
        over = product()
        over.random = drawn

        response = run(
            over,
            {"strategy": {"mode": "loadbalance"}, "targets": [target(first, weight=0), target(second, weight=1)]},
        )

        assert seen(response) == (200, "config.targets[1]", "0")
        assert first.requests == []


def test_row_76_what_a_config_overrides_beats_the_request() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        version = prompt(parameters={"temperature": 0.1, "max_completion_tokens": 5, "seed": 1})
        config = {
            "override_params": {"model": "from-config", "max_tokens": 7},
            "default_params": {"temperature": 1, "top_p": 0.5},
            "drop_params": ["seed"],
        }

        Product(upstream.url, version=version).post(
            {"model": "from-request", "stop": ["x"]}, headers={"x-portkey-config": json.dumps(config)}
        )

        sent = upstream.requests[0].json()
        assert {name: value for name, value in sent.items() if name != "messages"} == {
            "model": "from-config", "temperature": 0.1, "top_p": 0.5, "max_tokens": 7, "stop": ["x"],
        }  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("codes", "status", "last"),
    [
        (None, 404, "config.targets[1]"),
        ([429, 500], 500, "config.targets[1]"),
        ([429], 500, "config.targets[0]"),
        ([529], 529, "config.targets[1]"),
        ([503], 529, "config.targets[1]"),
    ],
)
def test_a_fallback_goes_on_at_every_failure_or_at_the_listed_ones(
    codes: list[int] | None, status: int, last: str, stream: bool
) -> None:
    failed = json_reply({"error": {"message": "boom"}}, status=status)
    with Upstream(failed) as first, Upstream(answers(stream)) as second:
        strategy = {} if codes is None else {"on_status_codes": codes}

        response = run(product(), fallback(target(first), target(second), **strategy), {"stream": stream})

        assert seen(response)[1] == last
        assert response.status == (200 if last.endswith("[1]") else status)
        assert whole(response)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_may_go_on_after_a_success(stream: bool) -> None:
    with Upstream(answers(stream)) as first, Upstream(answers(stream)) as second:
        config = fallback(target(first), target(second), on_status_codes=[200, 500])

        response = run(product(), config, {"stream": stream})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert text_of(response, stream).startswith("Hello")
        assert (len(first.requests), len(second.requests)) == (1, 1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "reply",
    [
        raw_reply(Fault.CUT),
        raw_reply(Fault.RESET),
        Reply(200, {"content-type": "text/html"}, [b"<html></html>"]),
        Reply(200, {"content-type": "application/json"}, [b""]),
        Reply(307, {"location": "http://127.0.0.1:9/"}, [b""]),
    ],
    ids=["cut", "reset", "html", "empty", "redirect"],
)
def test_a_fallback_survives_every_kind_of_broken_answer(reply: Reply, stream: bool) -> None:
    with Upstream(reply) as first, Upstream(answers(stream)) as second:
        response = run(product(), fallback(target(first), target(second)), {"stream": stream})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert text_of(response, stream).startswith("Hello")


@pytest.mark.parametrize(
    "steps",
    [[], [b'data: {"error": {"message": "overloaded"}}\n\n'], [b"data: {not json\n\n"], [Fault.CUT]],
    ids=["empty", "error first", "not json", "cut"],
)
def test_a_stream_that_fails_before_its_first_event_falls_through(steps: list[Any]) -> None:
    with Upstream(sse_reply(steps)) as first, Upstream(sse_reply(STREAM)) as second:
        response = run(product(), fallback(target(first), target(second)), {"stream": True})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert text_of(response, True) == "Hello"


@pytest.mark.parametrize("fault", [Fault.CUT, b'data: {"error": {"message": "overloaded"}}\n\n'], ids=["cut", "error"])
def test_a_stream_that_fails_after_its_first_event_is_a_truthful_error_and_no_splice(fault: Any) -> None:
    with Upstream(sse_reply([*STREAM[:2], fault])) as first, Upstream(sse_reply(STREAM)) as second:
        config = {**fallback(target(first), target(second)), "retry": {"attempts": 3}}

        response = run(product(), config, {"stream": True})

        assert seen(response) == (200, "config.targets[0]", "0")
        events = events_of(whole(response))
        assert events[-1][0] == "error"
        assert "[DONE]" not in events
        assert (len(first.requests), second.requests) == (1, [])


def test_when_all_targets_fail_the_last_error_is_the_answer() -> None:
    last = json_reply({"error": {"message": "too many"}}, status=429, headers={"retry-after": "9"})
    with Upstream(FAILED) as first, Upstream(last) as second:
        response = run(product(), fallback(target(first), target(second)))

        assert seen(response) == (429, "config.targets[1]", "0")
        assert response.headers["retry-after"] == "9"
        assert response.headers["x-portkey-provider"] == "openai"
        assert "too many" in json_of(response)["message"]


def test_nested_strategies_tell_the_whole_path() -> None:
    with Upstream(FAILED) as first, Upstream(FAILED) as second, Upstream(json_reply(ANSWER)) as third:
        inner = fallback(target(second), target(third))

        response = run(product(), fallback(target(first), {"strategy": {"mode": "single"}, "targets": [inner]}))

        assert seen(response) == (200, "config.targets[1].targets[0].targets[1]", "0")


def test_an_error_of_the_request_itself_stops_a_fallback() -> None:
    with Upstream() as first, Upstream() as second:
        over = product(version=prompt(string='[{"role": "user", "content": "{{>unknown}}"}]', partials=("unknown",)))

        response = run(over, fallback(target(first), target(second)))

        assert response.status == 400
        assert (first.requests, second.requests) == ([], [])


def test_what_only_one_provider_cannot_do_is_tried_with_the_next() -> None:
    with Upstream(json_reply({**ANSWER, "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]})) as second:
        over = product(version=prompt(kind="text", string="Hi {{name}}"))
        anthropic = {"provider": "anthropic", "api_key": "sk-a"}

        response = run(over, fallback(anthropic, target(second)))

        assert seen(response) == (200, "config.targets[1]", "0")


def test_a_target_without_credentials_is_an_error_that_gives_its_path() -> None:
    class NoSecrets:
        def find(self, name: str, *, refresh: bool = False) -> None:
            return None

        def path(self, name: str) -> str:
            return f"/p/{name}"

    with Upstream() as second:
        over = product(secrets=NoSecrets())

        response = run(over, fallback({"provider": "groq"}, target(second)))

        assert refused(response) == (500, "provider_credentials_missing", "virtual_key")
        assert json_of(response)["message"].startswith("config.targets[0]: No credentials for groq")
        assert second.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_target_whose_secret_cannot_be_read_just_now_lets_the_next_one_answer(stream: bool) -> None:
    class Throttled:
        def find(self, name: str, *, refresh: bool = False) -> None:
            raise StoreUnavailable("SSM is busy")

        def path(self, name: str) -> str:
            return f"/p/{name}"

    with Upstream(answers(stream)) as second:
        over = product(secrets=Throttled())

        alone = run(over, {"targets": [{"provider": "groq"}]}, {"stream": stream})
        response = run(over, fallback({"provider": "groq"}, target(second)), {"stream": stream})

        assert seen(alone) == (503, "config.targets[0]", "0")
        assert seen(response) == (200, "config.targets[1]", "0")
        assert text_of(response, stream).startswith("Hello")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"provider": "groq", "custom_host": "http://127.0.0.1"}, "api_key"),
        ({"provider": "azure-openai", "api_key": "k"}, "resource_name"),
        ({"provider": "openai", "api_key": "k", "custom_host": "ftp://127.0.0.1"}, "x-portkey-custom-host"),
        ({"provider": "openai", "api_key": "k", "custom_host": "http://10.0.0.1"}, "custom_host"),
        ({"custom_host": "http://127.0.0.1"}, "x-portkey-custom-host"),
        ({"provider": "@nobody"}, "virtual_key"),
    ],
)
def test_a_field_that_a_target_lacks_is_an_error_that_gives_its_path(fields: dict[str, Any], param: str) -> None:
    response = run(product(), {"targets": [fields]})

    assert (response.status, json_of(response)["error"]["param"]) == (400, param)
    assert json_of(response)["error"]["message"].startswith("config.targets[0]: ")


def test_a_virtual_key_of_a_target_beats_the_prompts() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        keys = {"team": VirtualKey("team", "openai", {"organization": "org-1"})}
        over = Product(upstream.url, virtual_keys=keys)

        response = run(over, {"virtual_key": "team", "retry": {"attempts": 1}})

        assert seen(response) == (200, "config", "0")
        assert upstream.requests[0].headers["openai-organization"] == "org-1"


def test_credentials_of_the_request_never_go_to_a_target_that_names_another() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        headers = {
            "authorization": "Bearer sk-of-caller",
            "x-portkey-provider": "openai",
            "x-portkey-openai-project": "p",
        }

        run(product(), target(upstream), headers=headers)

        assert upstream.requests[0].headers["authorization"] == "Bearer sk-own"
        assert "openai-project" not in upstream.requests[0].headers


def test_a_stored_secret_never_goes_to_a_host_that_a_config_chose() -> None:
    with Upstream() as trap:
        keys = {"team": VirtualKey("team", "openai", {})}

        response = run(product(virtual_keys=keys), {"virtual_key": "team", "custom_host": trap.url})

        assert refused(response)[:2] == (400, "custom_host_refused")
        assert trap.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_failed_call_is_tried_again_with_growing_pauses(stream: bool) -> None:
    with Upstream(FAILED, FAILED, FAILED, answers(stream)) as upstream:
        over = Product(upstream.url)
        over.random = 1.0

        response = run(over, {"retry": {"attempts": 3}}, {"stream": stream})

        assert seen(response) == (200, "config", "3")
        assert text_of(response, stream).startswith("Hello")
        assert over.slept == [1.0, 2.0, 4.0]
        assert len(upstream.requests) == 4


@pytest.mark.parametrize("stream", [False, True])
def test_without_a_config_nothing_is_tried_again(stream: bool) -> None:
    with Upstream(FAILED) as upstream:
        over = Product(upstream.url)

        assert over.post({"stream": stream}).status == 500
        assert (len(upstream.requests), over.slept) == (1, [])


def test_retries_that_were_all_used_up_are_told_as_minus_one() -> None:
    with Upstream(FAILED, FAILED, FAILED) as upstream:
        response = run(Product(upstream.url), {"retry": {"attempts": 2}})

        assert seen(response) == (500, "config", "-1")
        assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    ("status", "codes", "requests"),
    [(500, None, 2), (529, None, 2), (408, None, 2), (400, None, 1), (400, [400], 2), (500, [429], 1), (409, None, 1)],
)
def test_only_the_listed_statuses_are_tried_again(status: int, codes: list[int] | None, requests: int) -> None:
    failed = json_reply({"error": {"message": "boom"}}, status=status)
    with Upstream(failed, failed) as upstream:
        retry = {"attempts": 1} if codes is None else {"attempts": 1, "on_status_codes": codes}

        response = run(Product(upstream.url), {"retry": retry})

        assert len(upstream.requests) == requests
        assert seen(response)[2] == ("-1" if requests == 2 else "0")


@pytest.mark.parametrize("spelling", ["use_retry_after_header", "use_retry_after_headers", "useRetryAfterHeader"])
@pytest.mark.parametrize(
    ("headers", "slept"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250", "retry-after": "9"}, 0.25), ({}, 0.5)],
)
def test_the_providers_waiting_time_is_kept_when_asked(headers: dict[str, str], slept: float, spelling: str) -> None:
    limited = json_reply({"error": {"message": "slow down"}}, status=429, headers=headers)
    with Upstream(limited, json_reply(ANSWER)) as upstream:
        over = Product(upstream.url)

        response = run(over, {"retry": {"attempts": 1, spelling: True}})

        assert (response.status, over.slept) == (200, [slept])


def test_a_waiting_time_that_is_too_long_is_passed_on_at_once() -> None:
    limited = json_reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "121"})
    with Upstream(limited) as upstream:
        over = Product(upstream.url)

        response = run(over, {"retry": {"attempts": 3, "use_retry_after_headers": True}})

        assert seen(response) == (429, "config", "0")
        assert (response.headers["retry-after"], over.slept) == ("121", [])


@pytest.mark.parametrize("name", ["code", "type"])
def test_a_used_up_quota_is_not_tried_again(name: str) -> None:
    quota = json_reply({"error": {"message": "pay", name: "insufficient_quota"}}, status=429)
    with Upstream(quota) as upstream:
        response = run(Product(upstream.url), {"retry": {"attempts": 3}})

        assert seen(response) == (429, "config", "0")


def test_what_a_provider_says_about_trying_again_counts() -> None:
    stop = json_reply({"error": {"message": "no"}}, status=500, headers={"x-should-retry": "false"})
    again = json_reply({"error": {"message": "yes"}}, status=400, headers={"x-should-retry": "true"})
    with Upstream(again, stop) as upstream:
        response = run(Product(upstream.url), {"retry": {"attempts": 3}})

        assert seen(response) == (500, "config", "1")


def test_a_connection_that_never_was_is_tried_again_whatever_codes_are_listed() -> None:
    over = Product("http://127.0.0.1:9")

    response = run(over, {"retry": {"attempts": 2, "on_status_codes": [429]}})

    assert seen(response) == (502, "config", "-1")
    assert len(over.slept) == 2


def test_no_pause_goes_beyond_the_callers_own_timeout() -> None:
    with Upstream(FAILED, FAILED, FAILED) as upstream:
        over = Product(upstream.url)

        response = run(over, {"retry": {"attempts": 5}}, headers={"x-portkey-request-timeout": "2000"})

        assert seen(response) == (500, "config", "2")
        assert over.slept == [0.5, 1.0]


def test_no_pause_goes_beyond_the_functions_time() -> None:
    with Upstream(FAILED, FAILED) as upstream:
        over = Product(upstream.url)

        response = run(over, {"retry": {"attempts": 5}}, deadline=time.monotonic() + 1.0)

        assert seen(response) == (500, "config", "1")
        assert over.slept == [0.5]


@pytest.mark.parametrize(
    ("reply", "stream"),
    [(raw_reply(Fault.HANG), False), (raw_reply(Fault.HANG), True), (sse_reply([b": working\n\n", Fault.HANG]), True)],
)
def test_a_silent_target_is_left_after_its_own_timeout(reply: Reply, stream: bool) -> None:
    with Upstream(reply) as first, Upstream(answers(stream)) as second:
        config = fallback(target(first, request_timeout=100), target(second))

        response = run(product(), config, {"stream": stream})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert text_of(response, stream).startswith("Hello")


@pytest.mark.parametrize("stream", [False, True])
def test_the_callers_timeout_bounds_all_attempts_together(stream: bool) -> None:
    hang = raw_reply(Fault.HANG)
    with Upstream(hang) as first, Upstream(hang) as second:
        config = fallback(target(first, request_timeout=100), target(second))
        started = time.monotonic()

        response = run(product(), config, {"stream": stream}, headers={"x-portkey-request-timeout": "300"})

        assert refused(response)[:2] == (408, "request_timeout")
        assert "300 ms" in json_of(response)["message"]
        assert time.monotonic() - started < 1.0
        assert len(first.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_the_functions_time_bounds_all_attempts_together(stream: bool) -> None:
    hang = raw_reply(Fault.HANG)
    with Upstream(hang) as first, Upstream() as second:
        started = time.monotonic()

        response = run(product(), fallback(target(first), target(second)), {"stream": stream}, deadline=started + 0.3)

        assert refused(response)[:2] == (504, "deadline_exceeded")
        assert time.monotonic() - started < 1.0
        assert second.requests == []


@pytest.mark.parametrize(
    ("root", "leaf", "stored", "milliseconds"),
    [(None, 150, None, 150), (150, None, 9000, 150), (9000, 150, 9000, 150), (None, None, 150, 150)],
)
def test_the_nearest_timeout_counts(root: int | None, leaf: int | None, stored: int | None, milliseconds: int) -> None:
    with Upstream(raw_reply(Fault.HANG)) as upstream:
        over = product(version=prompt(parameters={} if stored is None else {"request_timeout": stored}))
        config = {"targets": [target(upstream, request_timeout=leaf)], "request_timeout": root}

        response = run(over, config)

        assert response.status == 408
        assert f"{milliseconds} ms" in json_of(response)["message"]


def test_a_prompts_own_timeout_needs_no_config_and_is_not_sent() -> None:
    with Upstream(json_reply(ANSWER), raw_reply(Fault.HANG)) as upstream:
        over = Product(upstream.url, version=prompt(parameters={"request_timeout": 150}))

        assert over.post().status == 200
        assert over.post().status == 408
        assert "request_timeout" not in upstream.requests[0].json()


@pytest.mark.parametrize(
    ("metadata", "body", "chosen"),
    [
        ({"plan": "paid"}, {}, 1),
        ({"plan": "free"}, {}, 0),
        ({}, {}, 0),
        ({"plan": "free"}, {"temperature": 0.9}, 2),
    ],
)
def test_conditions_choose_the_target(metadata: dict[str, str], body: dict[str, Any], chosen: int) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        names = ["default", "paid", "warm"]
        config = {
            "strategy": {
                "mode": "conditional",
                "conditions": [
                    {"query": {"metadata.plan": {"$eq": "paid"}}, "then": "paid"},
                    {"query": {"params.temperature": {"$gt": 0.5}, "url.pathname": {"$regex": "^/v1/prompts/"}},
                     "then": "warm"},
                ],
                "default": "default",
            },
            "targets": [target(upstream, name=name, override_params={"model": name}) for name in names],
        }  # fmt: skip

        response = run(product(), config, body, headers={"x-portkey-metadata": json.dumps(metadata)})

        assert seen(response) == (200, f"config.targets[{chosen}]", "0")
        assert upstream.requests[0].json()["model"] == names[chosen]


def test_a_sticky_balancer_gives_one_user_the_same_target_every_time() -> None:
    with Upstream() as upstream:
        upstream.default = json_reply(ANSWER)
        over = product()
        config = {
            "strategy": {"mode": "loadbalance", "sticky_session": {"hash_fields": ["metadata._user"], "ttl": 3600}},
            "targets": [target(upstream), target(upstream)],
        }

        def chosen(user: str, drawn: float) -> str | None:
            over.random = drawn
            return seen(run(over, config, headers={"x-portkey-metadata": json.dumps({"_user": user})}))[1]

        assert all(len({chosen(f"u{user}", drawn) for drawn in (0.1, 0.9)}) == 1 for user in range(8))
        assert {chosen(f"u{user}", 0.0) for user in range(16)} == {"config.targets[0]", "config.targets[1]"}


def test_headers_and_strictness_of_a_config_are_inherited() -> None:
    with Upstream(json_reply({**ANSWER, "citations": ["x"]})) as upstream:
        config = {
            "forward_headers": ["X-Team", "authorization"],
            "strict_open_ai_compliance": True,
            "targets": [target(upstream)],
        }

        response = run(product(), config, headers={"x-team": "blue", "authorization": "Bearer sk-of-caller"})

        assert "citations" not in json_of(response)
        assert upstream.requests[0].headers["x-team"] == "blue"
        assert upstream.requests[0].headers["authorization"] == "Bearer sk-own"


def test_the_headers_config_beats_the_prompts_which_beats_the_keys() -> None:
    with Upstream() as upstream:
        upstream.default = json_reply(ANSWER)
        configs = {name: {"override_params": {"model": name}} for name in ("pc-header", "pc-prompt", "pc-key")}
        own = prompt(parameters={"config": "pc-prompt"})
        inline = prompt(parameters={"config": {"override_params": {"model": "inline"}}})

        run(Product(upstream.url, version=own, configs=configs, key_config="pc-key"), "pc-header")
        Product(upstream.url, version=own, configs=configs, key_config="pc-key").post()
        Product(upstream.url, version=inline, configs=configs, key_config="pc-key").post()
        Product(upstream.url, configs=configs, key_config="pc-key").post()
        Product(upstream.url, configs=configs).post()

        assert [request.json()["model"] for request in upstream.requests] == [
            "pc-header", "pc-prompt", "inline", "pc-key", "m1",
        ]  # fmt: skip
        assert all("config" not in request.json() for request in upstream.requests)


def test_an_unknown_config_is_a_400() -> None:
    assert refused(run(product(), "pc-nobody")) == (400, "unknown_config", "config")


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ("{", "config"),
        ({"targets": [{"provider": "openai"}, {"wieght": 1}]}, "config.targets[1].wieght"),
        ({"strategy": {"mode": "loadbalance"}, "targets": [{"weight": 0}]}, "config.targets"),
        ({"input_guardrails": ["x"]}, "config.input_guardrails"),
        ({"targets": [{"provider": "nobody"}]}, "config.targets[0].provider"),
        ({"targets": [{"provider": "openai", "aws_region": "x"}]}, "config.targets[0].aws_region"),
    ],
)
def test_a_config_that_cannot_be_used_is_a_400_that_gives_the_path(config: Any, param: str) -> None:
    assert refused(run(product(), config)) == (400, "invalid_config", param)


def hedged(*targets: dict[str, Any], after_ms: int = 50, **strategy: Any) -> dict[str, Any]:
    return {**fallback(*targets, **strategy), "hedge": {"after_ms": after_ms}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_first_target_is_overtaken_and_closed(stream: bool) -> None:
    with Upstream(raw_reply(Fault.HANG)) as first, Upstream(answers(stream)) as second:
        response = run(product(), hedged(target(first), target(second)), {"stream": stream})

        assert seen(response) == (200, "config.targets[1]", "0")
        assert text_of(response, stream).startswith("Hello")
        assert first.requests[0].client_closed.wait(2.0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fast_first_target_starts_no_second_one(stream: bool) -> None:
    with Upstream(answers(stream)) as first, Upstream() as second:
        response = run(product(), hedged(target(first), target(second), after_ms=2000), {"stream": stream})

        assert seen(response) == (200, "config.targets[0]", "0")
        assert text_of(response, stream).startswith("Hello")
        assert second.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_first_target_that_was_slow_may_still_win(stream: bool) -> None:
    seconds_turn = threading.Event()
    reply = answers(stream)
    slow = Reply(reply.status, reply.headers, [seconds_turn, *reply.steps], reply.framing)
    hang = raw_reply(Fault.HANG)

    def second_started(_request: Any) -> Reply:
        seconds_turn.set()
        return hang

    with Upstream(slow) as first, Upstream(second_started) as second:
        response = run(product(), hedged(target(first), target(second), after_ms=20), {"stream": stream})

        assert seen(response) == (200, "config.targets[0]", "0")
        assert text_of(response, stream).startswith("Hello")
        assert second.requests[0].client_closed.wait(2.0)


def test_a_first_target_that_fails_starts_the_second_at_once_and_then_the_others() -> None:
    with Upstream(FAILED) as first, Upstream(FAILED) as second, Upstream(json_reply(ANSWER)) as third:
        started = time.monotonic()

        response = run(product(), hedged(target(first), target(second), target(third), after_ms=5000))

        assert seen(response) == (200, "config.targets[2]", "0")
        assert time.monotonic() - started < 2.0


def test_a_race_that_nobody_wins_ends_with_the_last_error() -> None:
    with Upstream(raw_reply(Fault.HANG)) as first, Upstream(FAILED) as second:
        config = hedged(target(first, request_timeout=300), target(second), after_ms=20)

        response = run(product(), config)

        assert seen(response)[:2] == (408, "config.targets[0]")
        assert len(second.requests) == 1


def test_an_error_that_does_not_fall_through_ends_the_race() -> None:
    with Upstream(raw_reply(Fault.HANG)) as first, Upstream(FAILED) as second:
        config = hedged(target(first), target(second), after_ms=20, on_status_codes=[429])

        response = run(product(), config)

        assert seen(response) == (500, "config.targets[1]", "0")
        assert first.requests[0].client_closed.wait(2.0)


def test_a_closed_loser_leaves_the_connections_of_others_alone() -> None:
    with Upstream() as first, Upstream() as second:
        first.default = second.default = json_reply(ANSWER)
        over = product()
        config = hedged(target(first), target(second), after_ms=1)

        statuses = {run(over, config).status for _ in range(30)}

        assert statuses == {200}


def test_a_prompt_whose_config_names_the_prompt_itself_is_run_once_for_each_target() -> None:
    own = {"config": fallback({"prompt_id": "hi"}, {"prompt_id": "hi"})}
    with Upstream(json_reply(ANSWER), FAILED, FAILED) as upstream:
        version = prompt(parameters=own)
        over = Product(upstream.url, version=version, prompts={"hi": version})

        assert seen(over.post()) == (200, "config.targets[0]", "0")
        assert seen(over.post()) == (500, "config.targets[1]", "0")
        assert len(upstream.requests) == 3
