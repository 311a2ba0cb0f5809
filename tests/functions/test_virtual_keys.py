"""Virtual keys from creation to the provider: they work at once, rotate in one call, and never show what they hold."""

import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.api.management import ROUTES
from tests.engines import Engine
from tests.functions.test_completions import ANSWER
from tests.management_function import Answer
from tests.product import MemorySecrets, Product
from tests.upstream import Upstream, json_reply
from tests.whole_stack import WholeStack, whole_stack

CHAT = '[{"role":"user","content":"Hi {{name}}"}]'
CANARY = "sk-canary-4f1d0c"
PATH = "/v1/virtual-keys"


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine) as running:
        yield running


def openai_key(upstream: Upstream, **fields: Any) -> dict[str, Any]:
    return {"name": "Team A", "provider": "openai", "key": CANARY, "custom_host": f"{upstream.url}/v1", **fields}


def refused(answer: Answer) -> tuple[int, str | None, str | None]:
    error = answer.body["error"]
    return answer.status, error["code"], error["param"]


def test_a_created_key_is_used_by_the_very_next_call(stack: WholeStack) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        created = stack.manage.create(PATH, openai_key(upstream, slug="at-once", note="n"))
        stack.manage.create(
            "/v1/prompts", {"name": "p", "slug": "p-once", "string": CHAT, "model": "m", "virtual_key": "at-once"}
        )

        answer = stack.run("p-once", {"variables": {"name": "Ann"}})

        assert created == {
            "success": True, "data": {"slug": "at-once"}, "id": created["id"], "slug": "at-once",
            "object": "virtual-key",
        }  # fmt: skip
        assert answer.status == 200
        assert upstream.requests[0].headers["authorization"] == f"Bearer {CANARY}"


def test_a_read_key_shows_everything_but_its_secret(stack: WholeStack) -> None:
    body = {
        "name": "Team B", "slug": "team-b", "provider": "openai", "key": CANARY, "organization": "org-1", "note": "why",
        "usage_limits": {"credit_limit": 10, "type": "cost"},
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 9}],
        "expires_at": "2999-01-01T00:00:00+01:00", "workspace_id": "w",
    }  # fmt: skip
    created = stack.manage.create(PATH, body)

    read = stack.manage.call("GET", f"{PATH}/team-b").body

    assert read == {
        "id": created["id"], "slug": "team-b", "name": "Team B", "note": "why", "provider": "openai",
        "ai_provider_name": "openai", "settings": {"organization": "org-1"}, "masked_api_key": "********",
        "status": "active",
        "usage_limits": {"credit_limit": 10, "type": "cost", "current_usage": 0.0, "next_usage_reset_at": None},
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 9}],
        "model_config": None, "deploymentConfig": None,
        "reset_usage": None, "created_at": read["created_at"], "last_updated_at": read["created_at"],
        "expires_at": "2998-12-31T23:00:00Z", "object": "virtual-key",
    }  # fmt: skip
    listed = stack.manage.call("GET", f"{PATH}?current_page=0&page_size=50").body
    assert listed["object"] == "list"
    assert read in listed["data"]


def test_both_spellings_of_a_field_are_one_record(stack: WholeStack) -> None:
    python = {"awsAccessKeyId": "AKIA1", "awsSecretAccessKey": CANARY, "awsRegion": "eu-west-1"}
    node = {"aws_access_key_id": "AKIA1", "aws_secret_access_key": CANARY, "aws_region": "eu-west-1"}
    slugs = [
        stack.manage.create(PATH, {"name": "aws", "provider": "bedrock", **fields})["slug"] for fields in (python, node)
    ]

    one, other = (stack.manage.call("GET", f"{PATH}/{slug}").body for slug in slugs)

    assert one["settings"] == other["settings"] == {"aws_access_key_id": "AKIA1", "aws_region": "eu-west-1"}
    assert {**one, "id": 0, "slug": 0} == {**other, "id": 0, "slug": 0}


def test_a_rotated_key_works_within_one_call(stack: WholeStack) -> None:
    with Upstream(json_reply(ANSWER), json_reply(ANSWER)) as upstream:
        stack.manage.create(PATH, openai_key(upstream, slug="rotating"))
        stack.manage.create("/v1/prompts", {"slug": "p-rot", "string": CHAT, "model": "m", "virtual_key": "rotating"})
        assert stack.run("p-rot").status == 200

        rotated = stack.manage.call("PUT", f"{PATH}/rotating", {"key": "sk-new", "note": "rotated"})
        answer = stack.run("p-rot")

        assert (rotated.status, rotated.body["slug"]) == (200, "rotating")
        assert answer.status == 200
        assert [request.headers["authorization"] for request in upstream.requests] == [
            f"Bearer {CANARY}", "Bearer sk-new",
        ]  # fmt: skip


def test_a_rotation_leaves_only_the_new_secret(stack: WholeStack, engine: Engine) -> None:
    stack.manage.create(PATH, {"name": "n", "slug": "one-left", "provider": "openai", "key": CANARY})
    stack.manage.call("PUT", f"{PATH}/one-left", {"key": "sk-new"})

    prefix = f"{stack.services.settings.secrets_prefix}/virtual-keys/one-left"
    (left,) = engine.client("ssm").get_parameters_by_path(Path=prefix, WithDecryption=True)["Parameters"]

    assert (left["Type"], left["Value"]) == ("SecureString", '{"api_key": "sk-new"}')


def test_half_of_a_pair_is_replaced_and_the_other_kept(stack: WholeStack) -> None:
    fields = {
        "awsAccessKeyId": "AKIA1",
        "awsSecretAccessKey": CANARY,
        "awsSessionToken": "t1",
        "awsRegion": "eu-west-1",
    }
    stack.manage.create(PATH, {"name": "aws", "slug": "pair", "provider": "bedrock", **fields})

    stack.manage.call("PUT", f"{PATH}/pair", {"aws_session_token": "t2", "aws_access_key_id": "AKIA2"})

    record = stack.services.prompts
    name = record._table.get(record._keys.virtual_key("pair"))["secret_name"]  # type: ignore[attr-defined]
    assert stack.services.secrets.find(name) == {"aws_secret_access_key": CANARY, "aws_session_token": "t2"}


def test_the_host_of_a_stored_secret_only_changes_with_the_secret(stack: WholeStack) -> None:
    with Upstream(json_reply(ANSWER)) as mine, Upstream(json_reply(ANSWER)) as trap:
        stack.manage.create(PATH, openai_key(mine, slug="moving"))
        stack.manage.create("/v1/prompts", {"slug": "p-move", "string": CHAT, "model": "m", "virtual_key": "moving"})
        stack.run("p-move")

        alone = stack.manage.call("PUT", f"{PATH}/moving", {"customHost": f"{trap.url}/v1"})
        removed = stack.manage.call("PUT", f"{PATH}/moving", {"custom_host": None})
        together = stack.manage.call("PUT", f"{PATH}/moving", {"custom_host": f"{trap.url}/v1", "key": "sk-two"})
        stack.run("p-move")

        assert refused(alone) == refused(removed) == (400, "custom_host_refused", "custom_host")
        assert together.status == 200
        assert [request.headers["authorization"] for request in trap.requests] == ["Bearer sk-two"]


def test_a_slug_that_was_used_before_never_meets_the_old_secret(stack: WholeStack) -> None:
    with Upstream(json_reply(ANSWER)) as first, Upstream(json_reply(ANSWER)) as second:
        stack.manage.create("/v1/prompts", {"slug": "p-again", "string": CHAT, "model": "m"})
        for upstream, key in ((first, "sk-first"), (second, "sk-second")):
            stack.manage.create(PATH, openai_key(upstream, slug="again", key=key))
            assert stack.run("p-again", x_portkey_virtual_key="again").status == 200
            assert stack.manage.call("DELETE", f"{PATH}/again").body == {}

        assert second.requests[0].headers["authorization"] == "Bearer sk-second"
        assert refused(stack.run("p-again", x_portkey_virtual_key="again"))[1] == "unknown_virtual_key"


def test_a_key_in_use_is_not_deleted_until_it_is_free(stack: WholeStack) -> None:
    stack.manage.create(PATH, {"name": "u", "slug": "used", "provider": "openai", "key": CANARY})
    stack.manage.create("/v1/prompts", {"slug": "u-1", "string": CHAT, "model": "m", "virtual_key": "used"})
    stack.manage.create("/v1/prompts", {"slug": "u-2", "string": CHAT, "model": "@used/m"})

    answer = stack.manage.call("DELETE", f"{PATH}/used")

    assert refused(answer) == (409, "in_use", None)
    assert answer.body["message"] == "Virtual key 'used' is used by prompt 'u-1', prompt 'u-2': change that first"
    for slug in ("u-1", "u-2"):
        stack.manage.call("DELETE", f"/v1/prompts/{slug}")
    assert stack.manage.call("DELETE", f"{PATH}/used").body == {}
    assert refused(stack.manage.call("GET", f"{PATH}/used")) == (404, "virtual_key_not_found", "virtual_key")


def test_an_expired_key_is_refused(stack: WholeStack, engine: Engine) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        stack.manage.create(PATH, openai_key(upstream, slug="ending", expires_at="2999-01-01T00:00:00Z"))
        stack.manage.create("/v1/prompts", {"slug": "p-end", "string": CHAT, "model": "m", "virtual_key": "ending"})
        assert stack.run("p-end").status == 200
        engine.client("dynamodb").update_item(
            TableName=stack.services.settings.table,
            Key={"pk": {"S": "default#virtual-key"}, "sk": {"S": "ending"}},
            UpdateExpression="SET expires_at = :then",
            ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00Z"}},
        )

        assert refused(stack.run("p-end")) == (403, "virtual_key_expired", "virtual_key")
        assert stack.manage.call("GET", f"{PATH}/ending").body["status"] == "expired"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"provider": "nobody"}, (400, "unknown_provider", "provider")),
        ({"provider": None}, (400, "missing_field", "ai_provider_name")),
        ({"key": None}, (400, "invalid_provider_configuration", "api_key")),
        ({"key": 7}, (400, "invalid_type", "key")),
        ({"key": "a\nb"}, (400, "invalid_provider_configuration", "api_key")),
        ({"key": "x" * 5000}, (413, "payload_too_large", "key")),
        ({"name": ""}, (400, "missing_field", "name")),
        ({"slug": "a/b"}, (400, "invalid_request", "slug")),
        ({"organization": "two words"}, (400, "invalid_provider_configuration", "organization")),
        ({"custom_host": "https://evil.example"}, (400, "custom_host_refused", "custom_host")),
        ({"usage_limits": "none"}, (400, "invalid_type", "usage_limits")),
        ({"rate_limits": [7]}, (400, "invalid_type", "rate_limits[0]")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, (400, "invalid_request", "expires_at")),
        ({"secret_mappings": [{}]}, (400, "invalid_request", "secret_mappings")),
    ],
)
def test_what_cannot_work_is_refused_by_name(
    stack: WholeStack, fields: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    answer = stack.manage.call("POST", PATH, {"name": "n", "provider": "openai", "key": CANARY, **fields})

    assert refused(answer) == expected


def test_a_taken_slug_keeps_its_first_secret(stack: WholeStack) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        stack.manage.create(PATH, openai_key(upstream, slug="taken"))
        stack.manage.create("/v1/prompts", {"slug": "p-taken", "string": CHAT, "model": "m", "virtual_key": "taken"})

        second = stack.manage.call("POST", PATH, openai_key(upstream, slug="taken", key="sk-other"))
        stack.run("p-taken")

        assert refused(second) == (409, "conflict", "slug")
        assert upstream.requests[0].headers["authorization"] == f"Bearer {CANARY}"


def test_a_field_that_nobody_knows_is_a_warning(stack: WholeStack) -> None:
    created = stack.manage.create(PATH, {"name": "n", "provider": "openai", "key": CANARY, "awsRegoin": "eu-west-1"})

    assert created["warnings"] == ["openai has no field 'awsRegoin': nothing was stored of it"]


def test_a_provider_without_secrets_needs_none(stack: WholeStack) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        fields = {"name": "ollama", "slug": "ollama", "provider": "custom", "custom_host": f"{upstream.url}/v1"}
        stack.manage.create(PATH, fields)
        stack.manage.create("/v1/prompts", {"slug": "p-ollama", "string": CHAT, "model": "m", "virtual_key": "ollama"})

        assert stack.run("p-ollama").status == 200
        assert stack.manage.call("GET", f"{PATH}/ollama").body["masked_api_key"] is None


def test_no_route_answers_or_logs_a_secret(
    stack: WholeStack, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "promptside")
    stack.manage.create(PATH, {"name": "n", "slug": "canary", "provider": "openai", "key": CANARY})
    stack.manage.create("/v1/prompts", {"slug": "p-canary", "string": CHAT, "model": "m", "virtual_key": "canary"})
    seen = ""

    for route in ROUTES:
        path = route.path.replace("{slug}", "canary").replace("{name}", "p-canary").replace("{version}", "1")
        if (route.method, path) != ("DELETE", "/prompts/p-canary"):
            body = {"key": CANARY, "slug": "canary", "name": "canary", "provider": "openai", "custom_host": CANARY}
            answer = stack.manage.call(route.method, f"/v1{path.replace('{id}', 'canary')}", body)
            seen += f"{answer.headers} {answer.body}"
    written = "".join(capfd.readouterr()) + caplog.text

    for form in (CANARY, base64.b64encode(CANARY.encode()).decode(), CANARY[:10]):
        assert form not in seen
        assert form not in written


class Vanishing(MemorySecrets):
    """Has no secret at the first look: it was replaced after the table had been read."""

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        self.refreshed += 1
        return self.versions[0] if self.refreshed > 1 else None


def test_a_secret_that_is_replaced_between_the_two_reads_costs_one_more_read() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        secrets = Vanishing([{"api_key": CANARY, "custom_host": f"{upstream.url}/v1"}])

        answer = Product("", secrets=secrets).post({})

        assert answer.status == 200
        assert upstream.requests[0].headers["authorization"] == f"Bearer {CANARY}"
