"""Stored configs: from creation to the run that follows them, over a real table."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from promptside.store.claims import ClaimStore
from tests.engines import Engine
from tests.functions.test_completions import ANSWER, STREAM
from tests.management_function import Answer
from tests.product import whole
from tests.upstream import Upstream, json_reply, sse_reply
from tests.whole_stack import WholeStack, whole_stack

CHAT = '[{"role":"user","content":"Hi {{name}}"}]'
PATH = "/v1/configs"
FAILED = json_reply({"error": {"message": "boom"}}, status=500)


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine) as running:
        yield running


def refused(answer: Answer) -> tuple[int, str | None, str | None]:
    error = answer.body["error"]
    return answer.status, error["code"], error["param"]


def with_key(stack: WholeStack, upstream: Upstream, slug: str) -> str:
    body = {"name": slug, "slug": slug, "provider": "openai", "key": "sk-t", "custom_host": upstream.url}
    stack.manage.create("/v1/virtual-keys", body)
    return slug


def with_prompt(stack: WholeStack, slug: str, **fields: Any) -> str:
    stack.manage.create("/v1/prompts", {"name": slug, "slug": slug, "string": CHAT, "model": "m", **fields})
    return slug


def override(model: str) -> dict[str, Any]:
    return {"override_params": {"model": model}}


def test_a_config_is_created_read_listed_changed_and_deleted(stack: WholeStack) -> None:
    config = {"retry": {"attempts": 3}, "targets": [{"virtual_key": "a", "weight": 0.5}]}
    created = stack.manage.create(PATH, {"name": "First", "config": config, "is_default": 0, "workspace_id": "w"})

    named = {name: created[name] for name in ("id", "slug", "version_id")}
    assert created == {"success": True, "data": named, **named, "object": "config"}
    assert created["slug"].startswith("pc-")
    read = stack.manage.call("GET", f"{PATH}/{created['slug']}").body
    assert (read["config"], read["name"], read["is_default"], read["status"]) == (config, "First", 0, "active")
    assert read["data"]["config"] == config
    assert stack.manage.call("GET", f"{PATH}/{created['id']}").body == read

    body = {"slug": created["slug"], "name": "Second", "config": {}}
    changed = stack.manage.call("PUT", f"{PATH}/{created['slug']}", body).body

    assert changed["version_id"] != created["version_id"]
    assert (changed["success"], changed["object"]) == (True, "config")
    listed = stack.manage.call("GET", f"{PATH}?").body
    assert (listed["object"], listed["total"]) == ("list", 1)
    assert (listed["data"][0]["name"], listed["data"][0]["version"]) == ("Second", 2)
    versions = stack.manage.call("GET", f"{PATH}/{created['slug']}/versions").body
    assert [(each["version"], each["config"]) for each in versions["data"]] == [(2, {}), (1, config)]
    assert stack.manage.call("GET", f"{PATH}/{created['slug']}/versions/1").body["config"] == config
    assert stack.manage.call("DELETE", f"{PATH}/{created['slug']}").status == 200
    assert refused(stack.manage.call("GET", f"{PATH}/{created['slug']}")) == (404, "config_not_found", "slug")


def test_a_name_alone_changes_no_version(stack: WholeStack) -> None:
    created = stack.manage.create(PATH, {"name": "n", "slug": "pc-name", "config": "{}"})

    changed = stack.manage.call("PUT", f"{PATH}/pc-name", {"name": "other"}).body

    assert changed["version_id"] == created["version_id"]
    assert stack.manage.call("GET", f"{PATH}/pc-name").body["name"] == "other"


@pytest.mark.parametrize(
    ("config", "code", "param"),
    [
        ({"targets": [{}, {"weight": -1}]}, "invalid_config", "config.targets[1].weight"),
        ("{nothing", "invalid_config", "config"),
        ([], "invalid_config", "config"),
        (None, "missing_field", "config"),
        ({"provider": "openai", "api_key": "sk-1"}, "invalid_config", "config.api_key"),
        ({"targets": [{"provider": "bedrock", "aws_secret_access_key": "s"}]}, "invalid_config",
         "config.targets[0].aws_secret_access_key"),
        ({"virtual_key": "x", "api_key": "sk-1"}, "invalid_config", "config.api_key"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_not_stored(stack: WholeStack, config: Any, code: str, param: str) -> None:
    assert refused(stack.manage.call("POST", PATH, {"name": "n", "config": config})) == (400, code, param)


def test_a_config_in_a_prompt_is_checked_when_it_is_stored(stack: WholeStack) -> None:
    def create(config: Any) -> Answer:
        body = {"name": "p", "string": CHAT, "model": "m", "parameters": {"config": config}}
        return stack.manage.call("POST", "/v1/prompts", body)

    at = "parameters.config.targets[0].retry.attempts"
    assert refused(create({"targets": [{"retry": {"attempts": 6}}]})) == (400, "invalid_config", at)
    assert refused(create(["x"]))[2] == "parameters.config"
    assert create("pc-any").status == 200


def test_a_changed_config_is_followed_by_the_very_next_call(stack: WholeStack) -> None:
    with Upstream() as upstream:
        upstream.default = json_reply(ANSWER)
        key, slug = with_key(stack, upstream, "vk-next"), "pc-next"
        prompt = with_prompt(stack, "p-next", virtual_key=key)
        stack.manage.create(PATH, {"name": "n", "slug": slug, "config": override("one")})

        stack.run(prompt, x_portkey_config=slug)
        stack.manage.call("PUT", f"{PATH}/{slug}", {"config": override("two")})
        stack.run(prompt, x_portkey_config=slug)

        assert [request.json()["model"] for request in upstream.requests] == ["one", "two"]


def test_a_config_with_prompts_ignores_the_prompt_in_the_path(stack: WholeStack) -> None:
    with Upstream(FAILED) as first, Upstream(json_reply(ANSWER)) as second:
        targets = [
            {"prompt_id": with_prompt(stack, "p-one", virtual_key=with_key(stack, first, "vk-one"))},
            {"prompt_id": with_prompt(stack, "p-two", virtual_key=with_key(stack, second, "vk-two")) + "@1"},
        ]
        config = {"strategy": {"mode": "fallback"}, "targets": targets}
        stack.manage.create(PATH, {"name": "n", "slug": "pc-ab", "config": config})

        answer = stack.run("nobody", {"variables": {"name": "Ann"}}, x_portkey_config="pc-ab")

        assert (answer.status, answer.headers["x-portkey-last-used-option-index"]) == (200, "config.targets[1]")
        assert second.requests[0].json()["messages"] == [{"role": "user", "content": "Hi Ann"}]
        assert stack.run("nobody").status == 404


def test_a_key_brings_its_config_unless_the_call_has_one(stack: WholeStack) -> None:
    with Upstream() as upstream:
        upstream.default = json_reply(ANSWER)
        prompt = with_prompt(stack, "p-key", virtual_key=with_key(stack, upstream, "vk-key"))
        stack.manage.create(PATH, {"name": "n", "slug": "pc-key", "config": override("key")})
        stack.manage.create(PATH, {"name": "n", "slug": "pc-header", "config": override("header")})
        made = stack.manage.create(
            "/v1/api-keys/workspace/service",
            {"name": "k", "scopes": ["completions.write"], "defaults": {"config_id": "pc-key"}},
        )
        defaults = {"config_id": "pc-key", "allow_config_override": True}
        assert stack.manage.call("GET", f"/v1/api-keys/{made['id']}").body["defaults"] == defaults

        stack.run(prompt, key=made["key"])
        stack.run(prompt, key=made["key"], x_portkey_config="pc-header")
        stack.manage.call("PUT", f"/v1/api-keys/{made['id']}", {"defaults": {"allow_config_override": False}})
        stack.run(prompt, key=made["key"], x_portkey_config="pc-header")
        stack.run(prompt, key=made["key"], x_portkey_config='{"override_params": {"model": "inline"}}')
        stack.manage.call("PUT", f"/v1/api-keys/{made['id']}", {"defaults": None})
        stack.run(prompt, key=made["key"])

        models = [request.json()["model"] for request in upstream.requests]
        assert models == ["key", "header", "key", "key", "m"]


def test_a_config_in_use_is_not_deleted(stack: WholeStack) -> None:
    stack.manage.create(PATH, {"name": "n", "slug": "pc-used", "config": {}})
    with_prompt(stack, "p-user", parameters={"config": "pc-used"})
    body = {"name": "the key", "scopes": ["completions.write"], "defaults": {"config_id": "pc-used"}}
    stack.manage.create("/v1/api-keys/workspace/service", body)

    answer = stack.manage.call("DELETE", f"{PATH}/pc-used")

    assert refused(answer)[:2] == (409, "in_use")
    assert "prompt 'p-user', API key 'the key'" in answer.body["message"]


def test_a_key_cannot_name_a_config_that_is_not_there(stack: WholeStack) -> None:
    body = {"name": "k", "scopes": ["completions.write"], "defaults": {"config_id": "pc-nobody"}}

    answer = stack.manage.call("POST", "/v1/api-keys/workspace/service", body)

    assert refused(answer) == (400, "unknown_config", "defaults.config_id")


def test_there_is_no_default_config_of_a_workspace(stack: WholeStack) -> None:
    created = stack.manage.create(PATH, {"name": "n", "config": {}, "isDefault": 1})

    assert created["warnings"] == ["A workspace has no default config: give it to API keys in 'defaults.config_id'"]


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("stream", [False, True])
def test_a_run_is_paid_once_also_when_a_config_replaces_a_prompt_that_is_not_there(
    stack: WholeStack, engine: Engine, *, inline: bool, stream: bool
) -> None:
    claims = ClaimStore(engine.client("dynamodb"), table=engine.new_table(), workspace="default")
    stack = replace(stack, services=replace(stack.services, claims=claims))
    with Upstream(sse_reply(STREAM) if stream else json_reply(ANSWER)) as upstream:
        slug = f"p-once-{inline}-{stream}"
        with_prompt(stack, slug, virtual_key=with_key(stack, upstream, f"vk-once-{inline}-{stream}"))
        config = {"targets": [{"prompt_id": slug}]}
        created = stack.manage.create(PATH, {"name": "n", "config": config})
        named = json.dumps(config) if inline else created["slug"]
        headers = {"x_portkey_config": named, "idempotency_key": "k"}
        path = "/v1/prompts/nobody/completions"

        first, second = (whole(stack.post(path, {"stream": stream}, **headers)) for _ in range(2))

        assert first == second
        assert (b"[DONE]" if stream else b"Hello") in first
        assert len(upstream.requests) == 1
        assert stack.post(path, idempotency_key="k2").status == 404


def test_a_keys_metadata_stands_under_the_requests_own(stack: WholeStack, log_output: io.StringIO) -> None:
    with Upstream() as upstream:
        upstream.default = json_reply(ANSWER)
        prompt = with_prompt(stack, "p-meta", virtual_key=with_key(stack, upstream, "vk-meta"))
        body = {"name": "k", "scopes": ["completions.write"], "defaults": {"metadata": {"plan": "paid", "team": "a"}}}
        made = stack.manage.create("/v1/api-keys/workspace/service", body)
        conditions = [{"query": {"metadata.plan": "paid"}, "then": "best"}]
        config = {
            "strategy": {"mode": "conditional", "conditions": conditions, "default": "small"},
            "targets": [{"name": "best", **override("best")}, {"name": "small", **override("small")}],
        }
        sent = {"key": made["key"], "x_portkey_config": json.dumps(config)}

        stack.run(prompt, **sent)
        stack.run(prompt, **sent, x_portkey_metadata='{"plan": "free", "user": "u"}')

        assert [request.json()["model"] for request in upstream.requests] == ["best", "small"]
        ended = [json.loads(line) for line in log_output.getvalue().splitlines() if "run_ended" in line]
        assert [event["metadata"] for event in ended] == [
            {"plan": "paid", "team": "a"},
            {"plan": "free", "team": "a", "user": "u"},
        ]


def test_a_keys_metadata_is_shown_changed_and_removed(stack: WholeStack) -> None:
    body = {"name": "k", "scopes": ["completions.write"], "defaults": {"metadata": {"team": "a"}}}
    path = f"/v1/api-keys/{stack.manage.create('/v1/api-keys/workspace/service', body)['id']}"
    with_config = {"config_id": stack.manage.create(PATH, {"name": "n", "config": {}})["slug"]}

    def defaults(change: Any) -> Any:
        answer = stack.manage.call("PUT", path, {"defaults": change})
        assert answer.body == {}
        return stack.manage.call("GET", path).body.get("defaults")

    assert stack.manage.call("GET", path).body["defaults"] == {"metadata": {"team": "a"}}
    both = {**with_config, "allow_config_override": True, "metadata": {"team": "a"}}
    assert defaults(with_config) == both
    assert defaults({"metadata": {"team": "b"}}) == {**both, "metadata": {"team": "b"}}
    assert defaults({"metadata": None}) == {**with_config, "allow_config_override": True}
    assert defaults(None) is None
    identifier = path.rpartition("/")[2]
    defaults({"metadata": {"team": "c"}})
    stack.manage.create(f"/v1/api-keys/{identifier}/rotate", {})
    assert stack.manage.call("GET", path).body["defaults"] == {"metadata": {"team": "c"}}


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ("team", "metadata"),
        ({"team": 1}, "defaults.metadata.team"),
        ({"team": "x" * 129}, "defaults.metadata.team"),
        ({f"f{number}": "x" for number in range(65)}, "defaults.metadata"),
    ],
)
def test_metadata_that_no_request_could_send_is_refused(stack: WholeStack, metadata: Any, param: str) -> None:
    body = {"name": "k", "scopes": ["completions.write"], "defaults": {"metadata": metadata}}

    answer = stack.manage.call("POST", "/v1/api-keys/workspace/service", body)

    assert (answer.status, answer.body["error"]["param"]) == (400, param)
