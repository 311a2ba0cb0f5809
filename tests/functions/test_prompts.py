"""The management function through its front doors: every route as both SDKs call it, and everything that is refused."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from promptside.api.management import ROUTES
from tests.engines import Engine
from tests.management_function import Answer, ManagementFunction, management_function, rest_api_event

CHAT = '[{"role":"user","content":"Hi {{name}}"}]'
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def shared(engine: Engine) -> Iterator[ManagementFunction]:
    """One stack for tests that do not mind each other."""
    with management_function(engine) as function:
        yield function


@pytest.fixture
def fresh(engine: Engine) -> Iterator[ManagementFunction]:
    """A stack with nothing in it but the first key."""
    with management_function(engine) as function:
        yield function


def prompt(function: ManagementFunction, **fields: Any) -> Any:
    return function.create("/v1/prompts", {"name": "Greeting", "string": CHAT, "model": "m1", **fields})


def error_of(answer: Answer) -> tuple[int, str | None, str | None]:
    """Check the one error body and return status, code and param."""
    body = answer.body
    assert body["status"] == "failure"
    assert body["message"] == body["error"]["message"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-portkey-trace-id"]
    return answer.status, body["error"]["code"], body["error"]["param"]


def test_a_prompt_is_created_published_and_read_back(shared: ManagementFunction) -> None:
    body = {
        "name": "HR Bot, für alle!", "collection_id": "c-1", "string": CHAT, "parameters": {"temperature": 0.5},
        "virtual_key": "@openai", "model": "gpt-x", "functions": [], "tools": [{"type": "function"}],
        "tool_choice": "auto", "version_description": "first", "template_metadata": {"template_type": "chat", "x": 1},
    }  # fmt: skip

    created = shared.create("/v1/prompts", body)

    assert created.keys() == {"id", "slug", "version_id", "object", "warnings"}
    assert UUID.fullmatch(created["id"])
    assert UUID.fullmatch(created["version_id"])
    assert re.fullmatch(r"pp-hr-bot-f-r-alle-[0-9a-f]{6}", created["slug"])
    by_slug = shared.call("GET", f"/v1/prompts/{created['slug']}").body
    assert TIME.fullmatch(by_slug["created_at"])
    assert by_slug == {
        "id": created["id"], "slug": created["slug"], "name": "HR Bot, für alle!", "collection_id": "c-1",
        "string": CHAT, "parameters": {"temperature": 0.5}, "model": "gpt-x", "virtual_key": "openai",
        "functions": None, "tools": [{"type": "function"}], "tool_choice": "auto",
        "template_metadata": {"template_type": "chat", "x": 1}, "is_raw_template": 0, "prompt_version": 1,
        "prompt_version_id": created["version_id"], "prompt_version_status": "active",
        "prompt_version_description": "first", "prompt_version_label_id": None, "status": "active",
        "created_at": by_slug["created_at"], "last_updated_at": by_slug["created_at"], "variables": ["name"],
        "variables_schema": None, "object": "prompt",
    }  # fmt: skip
    assert shared.call("GET", f"/v1/prompts/{created['id']}").body == by_slug


@pytest.mark.parametrize(
    "path", ["/v1/prompts/{}", "/prompts/{}", "/v1//prompts/{}", "//v1/prompts/{}//", "/Prod/v1/prompts/{}/"]
)
def test_every_form_of_a_path_is_the_same_route(shared: ManagementFunction, path: str) -> None:
    slug = prompt(shared)["slug"]

    answers = [
        shared.call("GET", path.format(slug)),
        shared.send(rest_api_event("GET", path.format(slug), None, {"x-portkey-api-key": shared.key})),
    ]

    assert [(answer.status, answer.body["slug"]) for answer in answers] == [(200, slug)] * 2


def test_an_update_makes_a_version_that_is_not_published(shared: ManagementFunction) -> None:
    created = prompt(shared, parameters={"temperature": 0.5}, virtual_key="openai")
    path = f"/v1/prompts/{created['slug']}"

    updated = shared.call("PUT", path, {"string": "Bye {{who}}", "template_metadata": {"template_type": "completion"}})

    assert updated.body.keys() == {"id", "slug", "prompt_version_id", "warnings"}
    assert shared.call("GET", path).body["prompt_version"] == 1
    second = shared.call("GET", f"{path}?version=2").body
    kept = {name: second[name] for name in ("parameters", "virtual_key", "model", "prompt_version_status")}
    assert (second["string"], second["variables"], second["prompt_version_id"]) == (
        "Bye {{who}}", ["who"], updated.body["prompt_version_id"],
    )  # fmt: skip
    assert kept == {
        "parameters": {"temperature": 0.5}, "virtual_key": "openai", "model": "m1", "prompt_version_status": "archived",
    }  # fmt: skip
    assert shared.call("GET", f"{path}%40latest").body == second


def test_a_name_only_update_makes_no_version(shared: ManagementFunction) -> None:
    slug = prompt(shared)["slug"]

    answers = [
        shared.call("PUT", f"/v1/prompts/{slug}", body)
        for body in ({"name": "New"}, {"collection_id": "c-2"}, {"version_description": "x"}, {})
    ]

    assert [(answer.status, answer.body) for answer in answers] == [(200, {})] * 4
    read = shared.call("GET", f"/v1/prompts/{slug}").body
    assert (read["name"], read["collection_id"], read["prompt_version"]) == ("New", "c-2", 1)
    assert shared.call("GET", f"/v1/prompts/{slug}/versions").body["total"] == 1


def test_publishing_changes_the_default_and_null_clears_a_field(shared: ManagementFunction) -> None:
    slug = prompt(shared, tools=[{"type": "function"}])["slug"]
    shared.call("PUT", f"/v1/prompts/{slug}", {"tools": None, "model": "m2", "is_raw_template": True})

    published = shared.call("PUT", f"/v1/prompts/{slug}/makeDefault", {"version": 2})

    read = shared.call("GET", f"/v1/prompts/{slug}").body
    assert (published.status, published.body) == (200, {})
    assert (read["prompt_version"], read["tools"], read["model"], read["is_raw_template"]) == (2, None, "m2", 1)
    (listed,) = shared.call("GET", f"/v1/prompts?search={slug}").body["data"]
    assert listed["model"] == "m2"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (2, (404, "prompt_version_not_found", "version")),
        (0, (400, "invalid_type", "version")),
        ("x", (400, "invalid_type", "version")),
        (True, (400, "invalid_type", "version")),
        (None, (400, "missing_field", "version")),
    ],
)
def test_only_a_version_that_exists_is_published(
    shared: ManagementFunction, version: Any, expected: tuple[int, str, str]
) -> None:
    slug = prompt(shared)["slug"]

    assert error_of(shared.call("PUT", f"/v1/prompts/{slug}/makeDefault", {"version": version})) == expected


def test_of_publishers_at_the_same_moment_the_losers_learn_it(shared: ManagementFunction) -> None:
    slug = prompt(shared)["slug"]
    for number in range(2, 10):
        shared.call("PUT", f"/v1/prompts/{slug}", {"model": f"m{number}"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda number: call_in_thread(shared, "PUT", f"/v1/prompts/{slug}/makeDefault", {"version": number}),
                range(2, 10),
            )
        )

    winners = [number for number, answer in zip(range(2, 10), answers, strict=True) if answer.status == 200]
    read = shared.call("GET", f"/v1/prompts/{slug}").body
    assert {answer.status for answer in answers} <= {200, 409}
    assert read["prompt_version"] in winners
    assert read["model"] == f"m{read['prompt_version']}"


def call_in_thread(function: ManagementFunction, method: str, path: str, body: Any) -> Answer:
    import asyncio

    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        try:
            return function.call(method, path, body)
        finally:
            asyncio.set_event_loop(None)


def test_versions_are_listed_newest_first_and_labels_move(shared: ManagementFunction) -> None:
    created = prompt(shared, version_description="one")
    path = f"/v1/prompts/{created['slug']}"
    second = shared.call("PUT", path, {"model": "m2"}).body["prompt_version_id"]

    moved = [
        shared.call("PUT", f"{path}/versions/{identifier}", {"label_id": "staging"})
        for identifier in (created["version_id"], second)
    ]

    assert [(answer.status, answer.body) for answer in moved] == [(200, {})] * 2
    listed = shared.call("GET", f"{path}/versions").body
    assert (listed["object"], listed["total"]) == ("list", 2)
    newest, oldest = listed["data"]
    assert oldest == {
        "id": created["version_id"], "prompt_id": created["id"], "prompt_version": 1, "prompt_template": CHAT,
        "prompt_description": "one", "label_id": None, "created_at": oldest["created_at"], "status": "active",
        "object": "prompt",
    }  # fmt: skip
    assert (newest["id"], newest["label_id"], newest["status"]) == (second, "staging", "archived")
    one = shared.call("GET", f"{path}/versions/{second}").body
    assert {name: one[name] for name in newest} == newest
    assert one["model"] == "m2"
    assert shared.call("GET", f"{path}@staging").body["prompt_version"] == 2
    shared.call("PUT", f"{path}/versions/{second}", {"label_id": None})
    assert error_of(shared.call("GET", f"{path}@staging")) == (404, "prompt_version_not_found", "prompt_id")


def test_a_list_that_lambda_could_not_answer_is_cut_and_paged(shared: ManagementFunction) -> None:
    slug = prompt(shared, string="x" * 300_000)["slug"]
    for number in range(2, 24):
        shared.call("PUT", f"/v1/prompts/{slug}", {"string": f"{number:06d}" * 50_000})

    everything = shared.call("GET", f"/v1/prompts/{slug}/versions").body
    last = shared.call("GET", f"/v1/prompts/{slug}/versions?page_size=10&current_page=2").body

    assert (everything["total"], [item["prompt_version"] for item in everything["data"]]) == (23, [*range(23, 6, -1)])
    assert (last["total"], [item["prompt_version"] for item in last["data"]]) == (23, [3, 2, 1])


def test_a_label_that_is_not_there_or_a_foreign_version_is_refused(shared: ManagementFunction) -> None:
    one, other = prompt(shared), prompt(shared)
    path = f"/v1/prompts/{one['slug']}/versions"

    assert error_of(shared.call("PUT", f"{path}/{one['version_id']}", {"label_id": "nope"}))[:2] == (
        404, "label_not_found",
    )  # fmt: skip
    assert error_of(shared.call("PUT", f"{path}/{other['version_id']}", {"label_id": "staging"}))[:2] == (
        404, "prompt_version_not_found",
    )  # fmt: skip
    assert error_of(shared.call("PUT", f"{path}/{one['version_id']}", {})) == (400, "missing_field", "label_id")


def test_lists_are_filtered_and_paged(fresh: ManagementFunction) -> None:
    for number in range(5):
        prompt(fresh, slug=f"p{number}", name=f"Ask {number}", collection_id="odd" if number % 2 else "even")

    def slugs(query: str) -> tuple[int, list[str]]:
        body = fresh.call("GET", f"/v1/prompts?{query}").body
        assert body["object"] == "list"
        return body["total"], [item["slug"] for item in body["data"]]

    total, everything = slugs("")
    assert (total, sorted(everything)) == (5, ["p0", "p1", "p2", "p3", "p4"])
    assert slugs("collection_id=odd")[0] == 2
    assert slugs("search=ask+3") == (1, ["p3"])
    assert slugs("current_page=1&page_size=2") == (5, everything[2:4])
    assert slugs("current_page=9&page_size=2") == (5, [])
    assert error_of(fresh.call("GET", "/v1/prompts?page_size=x")) == (400, "invalid_type", "page_size")


def test_a_deleted_prompt_is_gone(shared: ManagementFunction) -> None:
    created = prompt(shared)

    deleted = shared.call("DELETE", f"/v1/prompts/{created['slug']}")

    assert (deleted.status, deleted.headers["content-type"], deleted.body) == (200, "application/json", {})
    for name in (created["slug"], created["id"]):
        assert error_of(shared.call("GET", f"/v1/prompts/{name}")) == (404, "prompt_not_found", "prompt_id")
    assert shared.call("DELETE", f"/v1/prompts/{created['slug']}").status == 404


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"string": None}, (400, "missing_field", "string")),
        ({"string": 7}, (400, "invalid_type", "string")),
        ({"name": None}, (400, "missing_field", "name")),
        ({"name": ["x"]}, (400, "invalid_type", "name")),
        ({"name": "x" * 256}, (400, "invalid_request", "name")),
        ({"parameters": []}, (400, "invalid_type", "parameters")),
        ({"tools": {}}, (400, "invalid_type", "tools")),
        ({"tool_choice": 1}, (400, "invalid_type", "tool_choice")),
        ({"is_raw_template": "yes"}, (400, "invalid_type", "is_raw_template")),
        ({"template_metadata": {"template_type": "poem"}}, (400, "invalid_request", "template_metadata")),
        ({"virtual_key": "a/../b"}, (400, "invalid_request", "virtual_key")),
        ({"slug": "partials"}, (400, "invalid_request", "slug")),
        ({"slug": "a#b"}, (400, "invalid_request", "slug")),
        ({"slug": "12345678-1234-5678-1234-567812345678"}, (400, "invalid_request", "slug")),
        ({"string": "{{#open}}"}, (400, "template_error", "template")),
        ({"string": '[{"role":"user","content":"{{#open}}"}]'}, (400, "template_error", "template")),
        ({"string": "{{>gone}}"}, (400, "partial_not_found", "string")),
        ({"string": "x" * 420_000}, (413, "payload_too_large", "string")),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(
    shared: ManagementFunction, fields: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    answer = shared.call("POST", "/v1/prompts", {"name": "n", "string": CHAT, **fields})

    assert error_of(answer) == expected


def test_a_template_error_says_where(shared: ManagementFunction) -> None:
    answer = shared.call("POST", "/v1/prompts", {"name": "n", "string": "one\n  {{#two}}"})

    assert (answer.body["error"]["line"], answer.body["error"]["column"]) == (2, 3)


def test_a_taken_slug_is_a_conflict_and_the_first_prompt_stays(shared: ManagementFunction) -> None:
    prompt(shared, slug="mine", model="first")

    answer = shared.call("POST", "/v1/prompts", {"name": "n", "string": CHAT, "slug": "mine"})

    assert error_of(answer) == (409, "conflict", "slug")
    assert shared.call("GET", "/v1/prompts/mine").body["model"] == "first"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{bad", (400, "invalid_json", "body")),
        (b"[]", (400, "invalid_json", "body")),
        (b'{"name": "\xff"}', (400, "invalid_json", "body")),
        (b'{"name": "n", "string": "\\ud800"}', (400, "invalid_json", "body")),
        (b"[" * 100_000, (400, "invalid_json", "body")),
        (b'{"a": NaN}', (400, "invalid_json", "body")),
        (b'{"a": "' + b"x" * (6 * 1024 * 1024) + b'"}', (413, "payload_too_large", "body")),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    shared: ManagementFunction, body: bytes, expected: tuple[int, str, str]
) -> None:
    assert error_of(shared.call("POST", "/v1/prompts", body)) == expected


def test_a_read_that_announces_json_and_sends_none_is_fine(shared: ManagementFunction) -> None:
    assert shared.call("GET", "/v1/prompts", content_type="application/json").status == 200


def test_partials_have_versions_and_a_published_one(shared: ManagementFunction) -> None:
    created = shared.create(
        "/v1/prompts/partials", {"name": "Tone", "string": "be {{x}}", "version_description": "1st"}
    )
    path = f"/v1/prompts/partials/{created['slug']}"

    updated = shared.call("PUT", path, {"string": "be kind", "description": "2nd"})

    assert created.keys() == {"id", "slug", "version_id", "object"}
    assert updated.body.keys() == {"prompt_partial_version_id"}
    first = shared.call("GET", path).body
    assert first == {
        "id": created["id"], "slug": created["slug"], "name": "Tone", "collection_id": None, "string": "be {{x}}",
        "version": 1, "version_description": "1st", "prompt_partial_version_id": created["version_id"],
        "status": "active", "created_at": first["created_at"], "last_updated_at": first["last_updated_at"],
        "object": "partial",
    }  # fmt: skip
    assert shared.call("PUT", f"{path}/makeDefault", {"version": 2}).body == {}
    assert shared.call("GET", path).body["string"] == "be kind"
    versions = shared.call("GET", f"{path}/versions").body
    assert [item["version"] for item in versions["data"]] == [2, 1]
    assert versions["data"][0] == {
        "prompt_partial_id": created["id"],
        "prompt_partial_version_id": updated.body["prompt_partial_version_id"],
        "slug": created["slug"], "version": 2, "string": "be kind", "description": "2nd",
        "created_at": versions["data"][0]["created_at"], "prompt_version_status": "active", "object": "partial",
    }  # fmt: skip
    assert created["slug"] in [item["slug"] for item in shared.call("GET", "/v1/prompts/partials").body["data"]]
    assert shared.call("PUT", path, {"name": "Voice"}).body == {}


def test_a_partial_in_use_is_not_deleted_until_it_is_free(fresh: ManagementFunction) -> None:
    fresh.create("/v1/prompts/partials", {"slug": "inner", "string": "x"})
    fresh.create("/v1/prompts/partials", {"slug": "outer", "string": "{{>inner}}"})
    prompt(fresh, slug="user", string="{{>outer@1}}")

    refused = [fresh.call("DELETE", f"/v1/prompts/partials/{slug}") for slug in ("inner", "outer")]

    assert [error_of(answer)[:2] for answer in refused] == [(409, "in_use")] * 2
    assert [answer.body["message"] for answer in refused] == [
        "Partial 'inner' is used by partial 'outer': take it out there first",
        "Partial 'outer' is used by prompt 'user': take it out there first",
    ]
    fresh.call("DELETE", "/v1/prompts/user")
    assert [fresh.call("DELETE", f"/v1/prompts/partials/{slug}").status for slug in ("outer", "inner")] == [200, 200]


def test_labels_are_made_changed_and_deleted(fresh: ManagementFunction) -> None:
    created = fresh.create("/v1/labels", {"name": "qa", "color_code": "#fff", "organisation_id": "o"})

    fresh.call("PUT", f"/v1/labels/{created['id']}", {"name": "qa-2", "description": "for tests"})

    listed = fresh.call("GET", "/v1/labels").body
    assert [label["name"] for label in listed["data"]] == ["production", "staging", "development", "qa-2"]
    assert listed["data"][3] == fresh.call("GET", f"/v1/labels/{created['id']}").body
    assert (listed["data"][3]["description"], listed["data"][3]["color_code"]) == ("for tests", "#fff")
    made = prompt(fresh, slug="carrier")
    fresh.call("PUT", f"/v1/prompts/carrier/versions/{made['version_id']}", {"label_id": created["id"]})
    assert fresh.call("GET", "/v1/prompts/carrier").body["prompt_version_label_id"] == created["id"]
    in_use = fresh.call("DELETE", f"/v1/labels/{created['id']}")
    assert in_use.body["message"] == "Label 'qa-2' cannot be deleted: it is on version 1 of 'carrier'"
    fresh.call("PUT", f"/v1/prompts/carrier/versions/{made['version_id']}", {"label_id": ""})
    assert fresh.call("DELETE", f"/v1/labels/{created['id']}").body == {}
    assert error_of(fresh.call("GET", f"/v1/labels/{created['id']}"))[0] == 404


@pytest.mark.parametrize("name", ["latest", "default", "12", "a@b", "a b", "", None])
def test_reserved_label_names_are_refused(shared: ManagementFunction, name: str | None) -> None:
    assert shared.call("POST", "/v1/labels", {"name": name}).status == 400


def test_built_in_labels_stay(shared: ManagementFunction) -> None:
    assert error_of(shared.call("DELETE", "/v1/labels/production"))[:2] == (409, "built_in")
    assert error_of(shared.call("POST", "/v1/labels", {"name": "staging"}))[0] == 409


def test_collections_are_made_changed_and_deleted_when_empty(fresh: ManagementFunction) -> None:
    created = fresh.create("/v1/collections", {"name": "Team A", "workspace_id": "w"})
    child = fresh.create("/v1/collections", {"name": "Inner", "parent_collection_id": created["id"]})
    prompt(fresh, slug="inside", collection_id=created["id"])

    refused = fresh.call("DELETE", f"/v1/collections/{created['id']}")

    assert refused.body["message"] == "Collection 'Team A' holds prompt 'inside', collection 'Inner'"
    assert (
        fresh.call("PUT", f"/v1/collections/{child['id']}", {"name": "Outer", "parent_collection_id": None}).body == {}
    )
    assert [item["name"] for item in fresh.call("GET", "/v1/collections").body["data"]] == ["Outer", "Team A"]
    fresh.call("DELETE", "/v1/prompts/inside")
    assert fresh.call("DELETE", f"/v1/collections/{created['id']}").body == {}
    assert error_of(fresh.call("GET", f"/v1/collections/{created['id']}"))[0] == 404


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "x", path)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_wants_a_key_with_its_scope(shared: ManagementFunction, route: Any) -> None:
    others = sorted({row.scope for row in ROUTES} - {route.scope} | {"completions.write"})
    wrong = shared.create("/v1/api-keys/workspace/service", {"name": "wrong", "scopes": others})["key"]
    right = shared.create("/v1/api-keys/workspace/service", {"name": "right", "scopes": [route.scope]})["key"]

    answers = [shared.call(route.method, filled(route.path), {}, key=key) for key in ("", "unknown-key", wrong, right)]

    assert [answer.status for answer in answers[:3]] == [401, 401, 403]
    assert answers[3].status not in (401, 403, 405, 500)
    assert route.scope in answers[2].body["message"]


def test_keys_are_made_listed_rotated_and_revoked(fresh: ManagementFunction) -> None:
    body = {"name": "ci", "scopes": ["prompts.*"], "type": "workspace", "sub-type": "service"}
    created = fresh.create("/v1/api-keys/workspace/service", body)

    rotated = fresh.create(f"/v1/api-keys/{created['id']}/rotate", {})

    assert (created["object"], rotated["id"], rotated["key"] != created["key"]) == ("api-key", created["id"], True)
    assert fresh.call("GET", "/v1/prompts", key=created["key"]).status == 401
    assert fresh.call("GET", "/v1/prompts", key=rotated["key"]).status == 200
    listed = fresh.call("GET", "/v1/api-keys?current_page=0")
    assert listed.body["total"] == 3
    assert not any(secret in str(listed.body) for secret in (fresh.key, created["key"], rotated["key"]))
    assert fresh.call("GET", f"/v1/api-keys/{created['id']}").body["scopes"] == ["prompts.*"]
    assert fresh.call("PUT", f"/v1/api-keys/{created['id']}", {"scopes": ["prompts.read"]}).body == {}
    assert fresh.call("GET", "/v1/prompts", key=rotated["key"]).status == 403
    assert fresh.call("DELETE", f"/v1/api-keys/{created['id']}").body == {}
    assert fresh.call("GET", "/v1/prompts", key=rotated["key"]).status == 401


def test_nobody_can_give_more_than_they_have(shared: ManagementFunction) -> None:
    mine = shared.create("/v1/api-keys/workspace/user", {"name": "a", "scopes": ["api_keys.*", "prompts.read"]})
    admin = shared.call("GET", "/v1/api-keys").body["data"][0]["id"]

    answers = [
        shared.call("POST", "/v1/api-keys/workspace/user", {"name": "b", "scopes": ["*"]}, key=mine["key"]),
        shared.call("POST", f"/v1/api-keys/{admin}/rotate", {}, key=mine["key"]),
        shared.call("PUT", f"/v1/api-keys/{mine['id']}", {"scopes": ["prompts.delete"]}, key=mine["key"]),
        shared.call("POST", "/v1/api-keys/workspace/user", {"name": "b", "scopes": ["prompts.read"]}, key=mine["key"]),
    ]

    assert [answer.status for answer in answers] == [403, 403, 403, 200]


@pytest.mark.parametrize("expires", ["tomorrow", "2027-01-01T00:00:00", "2020-01-01T00:00:00Z", 7])
def test_an_expiry_must_be_a_time_to_come(shared: ManagementFunction, expires: Any) -> None:
    body = {"name": "x", "scopes": ["*"], "expires_at": expires}

    assert shared.call("POST", "/v1/api-keys/workspace/user", body).status == 400


@pytest.mark.parametrize("event", [{}, {"promptside": "drop-table"}, {"promptside": "create-api-key"}])
def test_a_direct_invoke_makes_keys_only(shared: ManagementFunction, event: dict[str, Any]) -> None:
    answer = shared.handler(event, None)

    assert (answer["status"], answer["error"]["type"]) == ("failure", "invalid_request_error")


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /v1/nothing", (404, "route_not_found")),
        ("GET /", (404, "route_not_found")),
        ("GET /docs", (404, "route_not_found")),
        ("GET /openapi.json", (404, "route_not_found")),
        ("PATCH /v1/prompts", (405, "method_not_allowed")),
        ("POST /v1/prompts/x/generate", (404, "route_not_found")),
        ("GET /v1/prompts/a%2F..%2Fb", (404, "route_not_found")),
        ("GET /v1/prompts/" + quote("a#b"), (404, "prompt_not_found")),
        ("GET /v1/prompts/" + quote("ä"), (404, "prompt_not_found")),
        ("GET /v1/prompts/undefined", (404, "prompt_not_found")),
    ],
)
def test_what_is_not_there_gets_the_common_error(
    shared: ManagementFunction, request_line: str, expected: tuple[int, str]
) -> None:
    assert error_of(shared.call(*request_line.split(" ")))[:2] == expected


def test_the_trace_id_is_echoed_or_made(shared: ManagementFunction) -> None:
    answers = [
        shared.call("GET", "/v1/prompts", x_portkey_trace_id="t-1"),
        shared.call("GET", "/v1/nothing", x_portkey_trace_id="t-1"),
        shared.call("GET", "/v1/prompts", key="bad", x_portkey_trace_id="t-1"),
        shared.call("GET", "/v1/prompts", x_portkey_trace_id="bad\nheader"),
    ]

    assert [answer.headers["x-portkey-trace-id"] for answer in answers[:3]] == ["t-1"] * 3
    assert re.fullmatch(r"[0-9a-f]{32}", answers[3].headers["x-portkey-trace-id"])
