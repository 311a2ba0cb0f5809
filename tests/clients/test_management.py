"""Prompts, versions and partials managed by Portkey's SDKs, and deletion; names begin with conformance rows."""

import json
import re
from collections.abc import Callable

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance, make_prompt, user_message, without_moments
from tests.clients.provider import EchoProvider
from tests.clients.raw import open_request
from tests.clients.running import Running

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def test_row_61_a_prompt_is_created_with_a_published_first_version(sdk: Sdk) -> None:
    created = sdk.call(
        "prompts.create",
        name="Hr Bot!",
        collection_id="",
        string=user_message("Hi {{name}}"),
        parameters={"temperature": 0.5, "top_k": 3},
        virtual_key="openai",
        model="m1",
        functions=[{"name": "g"}],
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "f"}},
        version_description="the first",
        template_metadata={"template_type": "chat", "note": "x"},
    ).result()

    assert re.fullmatch(r"pp-hr-bot-[0-9a-f]{6}", created["slug"])
    assert UUID.fullmatch(created["id"])
    assert UUID.fullmatch(created["version_id"])
    # What may be wrong with the prompt is said as well, and changes with the models that there are.
    assert created.keys() - {"warnings"} == {"id", "slug", "version_id", "object"}
    assert created["object"] == "prompt"
    assert without_moments(sdk.call("prompts.retrieve", created["slug"]).result()) == {
        "id": created["id"],
        "slug": created["slug"],
        "name": "Hr Bot!",
        "collection_id": None,
        "string": user_message("Hi {{name}}"),
        "parameters": {"temperature": 0.5, "top_k": 3},
        "model": "m1",
        "virtual_key": "openai",
        "functions": [{"name": "g"}],
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "template_metadata": {"template_type": "chat", "note": "x"},
        "is_raw_template": 0,
        "prompt_version": 1,
        "prompt_version_id": created["version_id"],
        "prompt_version_status": "active",
        "prompt_version_description": "the first",
        "prompt_version_label_id": None,
        "variables_schema": None,
        "status": "active",
        "variables": ["name"],
        "object": "prompt",
    }


def test_the_answer_says_what_may_be_wrong(sdk: Sdk) -> None:
    body = {"collection_id": "", "string": user_message("x"), "parameters": {}, "virtual_key": "openai"}

    created = sdk.call("prompts.create", name="Typo", model="gpt-no-such-model", **body).result()

    assert created["warnings"] == ["openai has no model 'gpt-no-such-model' that is known here: check its name"]


def test_row_62_prompts_are_listed_searched_filtered_and_paged(sdk: Sdk) -> None:
    marker = f"shelf {sdk.name}"
    collection = sdk.call("collections.create", name=marker).result()["id"]
    slugs = [make_prompt(sdk, user_message("x"), name=f"{marker} {n}", collection_id=collection) for n in range(3)]

    everything = sdk.call("prompts.list").result()
    searched = sdk.call("prompts.list", search=f"{marker} 1").result()
    filtered = sdk.call("prompts.list", collection_id=collection).result()
    page = sdk.call("prompts.list", collection_id=collection, current_page=1, page_size=2).result()

    assert (everything["object"], everything["total"]) == ("list", len(everything["data"]))
    assert set(slugs) < {item["slug"] for item in everything["data"]}
    assert (searched["total"], [item["slug"] for item in searched["data"]]) == (1, [slugs[1]])
    assert {item["slug"] for item in filtered["data"]} == set(slugs)
    assert (page["total"], page["data"]) == (3, filtered["data"][2:])
    assert without_moments(searched["data"][0]) == {
        "id": searched["data"][0]["id"],
        "slug": slugs[1],
        "name": f"{marker} 1",
        "collection_id": collection,
        "model": "m1",
        "status": "active",
        "object": "prompt",
    }


def test_row_65_a_name_changes_in_place_and_a_template_makes_a_version(sdk: Sdk) -> None:
    slug = make_prompt(sdk, user_message("one"))

    renamed = sdk.call("prompts.update", slug, name="Other name").result()
    after_rename = sdk.call("prompts.retrieve", slug).result()
    changed = sdk.call("prompts.update", slug, string=user_message("two"), parameters={"n": 1}, model="m2").result()
    published = sdk.call("prompts.retrieve", slug).result()
    versions = sdk.call("prompts.versions.list", slug).result()["data"]

    assert renamed == {}
    assert (after_rename["name"], after_rename["prompt_version"]) == ("Other name", 1)
    changed.pop("warnings", None)
    assert changed == {"id": published["id"], "slug": slug, "prompt_version_id": versions[0]["id"]}
    assert (published["string"], published["model"], published["prompt_version"]) == (user_message("one"), "m1", 1)
    assert [version["prompt_version"] for version in versions] == [2, 1]
    assert run(sdk, slug).content() == "one"


def test_row_66_a_version_is_published_by_its_number(sdk: Sdk) -> None:
    slug = make_prompt(sdk, user_message("one"))
    sdk.call("prompts.update", slug, string=user_message("two")).result()

    assert sdk.call("prompts.publish", slug, version=2).result() == {}
    assert run(sdk, slug).content() == "two"
    assert sdk.call("prompts.retrieve", slug).result()["prompt_version"] == 2
    assert sdk.call("prompts.publish", slug, version=9).failure().brief[:2] == ("NotFoundError", 404)
    assert sdk.call("prompts.publish", slug, version=1).result() == {}
    assert run(sdk, slug).content() == "one"


def test_versions_are_listed_retrieved_and_labelled(sdk: Sdk, prompt: Conformance) -> None:
    listed = sdk.call("prompts.versions.list", prompt.slug).result()
    labels = {label["name"]: label["id"] for label in sdk.call("labels.list").result()["data"]}
    second = listed["data"][1]

    assert (listed["object"], listed["total"]) == ("list", 3)
    assert without_moments(second) == {
        "id": second["id"],
        "prompt_id": prompt.id,
        "prompt_version": 2,
        "prompt_template": user_message("Hello {{name}}"),
        "prompt_description": None,
        "label_id": labels["staging"],
        "status": "archived",
        "object": "prompt",
    }
    retrieved = sdk.call("prompts.versions.retrieve", prompt.slug, second["id"]).result()
    assert (retrieved["id"], retrieved["prompt_version"], retrieved["string"]) == (
        second["id"],
        2,
        user_message("Hello {{name}}"),
    )


def test_a_label_moves_from_version_to_version(sdk: Sdk) -> None:
    slug = make_prompt(sdk, user_message("one"))
    second = sdk.call("prompts.update", slug, string=user_message("two")).result()["prompt_version_id"]
    first = sdk.call("prompts.versions.list", slug).result()["data"][1]["id"]
    label = sdk.call("labels.create", name=f"canary-{sdk.name}").result()["id"]

    texts = []
    for version in (first, second):
        assert sdk.call("prompts.versions.update", slug, version, label_id=label).result() == {}
        texts.append(run(sdk, f"{slug}@canary-{sdk.name}").content())

    assert texts == ["one", "two"]
    assert [version["label_id"] for version in sdk.call("prompts.versions.list", slug).result()["data"]] == [
        label,
        None,
    ]


def test_partials_are_created_retrieved_listed_changed_and_published(sdk: Sdk) -> None:
    created = sdk.call(
        "prompts.partials.create", name="House Style", string="Be {{how}}.", version_description="v1"
    ).result()
    slug = created["slug"]
    changed = sdk.call("prompts.partials.update", slug, string="Stay {{how}}.", description="v2").result()
    renamed = sdk.call("prompts.partials.update", slug, name="Style").result()

    assert created.keys() >= {"id", "slug", "version_id"}
    assert set(changed) >= {"prompt_partial_version_id"}
    assert renamed == {}
    assert without_moments(sdk.call("prompts.partials.retrieve", slug).result()) == {
        "id": created["id"],
        "slug": slug,
        "name": "Style",
        "collection_id": None,
        "string": "Be {{how}}.",
        "version": 1,
        "version_description": "v1",
        "prompt_partial_version_id": created["version_id"],
        "status": "active",
        "object": "partial",
    }
    assert sdk.call("prompts.partials.publish", slug, version=2).result() == {}
    assert sdk.call("prompts.partials.retrieve", slug).result()["string"] == "Stay {{how}}."
    versions = sdk.call("prompts.partials.versions.list", slug).result()["data"]
    assert [(v["version"], v["string"], v["description"], v["prompt_version_status"]) for v in versions] == [
        (2, "Stay {{how}}.", "v2", "active"),
        (1, "Be {{how}}.", "v1", "archived"),
    ]
    assert versions[0]["prompt_partial_version_id"] == changed["prompt_partial_version_id"]
    listed = sdk.call("prompts.partials.list").result()
    assert (listed["object"], slug in {item["slug"] for item in listed["data"]}) == ("list", True)


def _prompt(sdk: Sdk) -> str:
    return make_prompt(sdk, user_message("x"))


def _partial(sdk: Sdk) -> str:
    return str(sdk.call("prompts.partials.create", name="Gone", string="x").result()["slug"])


def _label(sdk: Sdk) -> str:
    return str(sdk.call("labels.create", name=f"gone-{sdk.name}").result()["id"])


def _collection(sdk: Sdk) -> str:
    return str(sdk.call("collections.create", name="Gone").result()["id"])


@pytest.mark.parametrize(
    ("kind", "make"),
    [("prompts", _prompt), ("prompts.partials", _partial), ("labels", _label), ("collections", _collection)],
)
def test_row_64_deleting_answers_an_empty_object_and_the_thing_is_gone(
    sdk: Sdk, kind: str, make: Callable[[Sdk], str]
) -> None:
    name = make(sdk)

    assert sdk.call(f"{kind}.delete", name).result() == {}
    assert sdk.call(f"{kind}.retrieve", name).failure().brief[:2] == ("NotFoundError", 404)
    assert sdk.call(f"{kind}.delete", name).failure().brief[:2] == ("NotFoundError", 404)


def test_row_64_deleting_is_a_200_with_json(running: Running, python: Sdk) -> None:
    with open_request(running, "DELETE", f"/v1/prompts/{_prompt(python)}") as answer:
        found = (answer.status, answer.headers["content-type"], json.loads(answer.read()))

    assert found == (200, "application/json", {})


def test_what_is_in_use_is_not_deleted(sdk: Sdk) -> None:
    partial = _partial(sdk)
    slug = make_prompt(sdk, user_message(f"{{{{>{partial}}}}}"))

    error = sdk.call("prompts.partials.delete", partial).failure()

    assert (error.kind, error.status) == ("ConflictError", 409)
    assert f"prompt '{slug}'" in error.text


def test_a_deleted_prompt_cannot_be_run(sdk: Sdk, provider: EchoProvider) -> None:
    slug = _prompt(sdk)
    assert run(sdk, slug).content() == "x"
    sdk.call("prompts.delete", slug).result()

    assert run(sdk, slug).failure().brief == ("NotFoundError", 404, f"Prompt '{slug}' not found")
    assert len(provider.requests) == 1
