"""Labels and collections managed by Portkey's SDKs; names begin with conformance rows."""

import pytest

from tests.clients.outcome import Sdk
from tests.clients.prompts import without_moments


def test_labels_are_created_retrieved_listed_and_changed(sdk: Sdk) -> None:
    organisation = "organisation_id" if sdk.name == "node" else "organization_id"
    body = {"description": "The blue one", "color_code": "#00f", organisation: "o", "workspace_id": "w"}

    created = sdk.call("labels.create", name=f"blue-{sdk.name}", **body).result()
    updated = sdk.call("labels.update", created["id"], name=f"green-{sdk.name}", color_code="#0f0").result()
    retrieved = sdk.call("labels.retrieve", created["id"]).result()
    listed = sdk.call("labels.list", workspace_id="w", current_page=0, page_size=100).result()

    assert created == {"id": created["id"]}
    assert updated == {}
    assert without_moments(retrieved) == {
        "id": created["id"],
        "name": f"green-{sdk.name}",
        "description": "The blue one",
        "color_code": "#0f0",
        "organisation_id": "default",
        "workspace_id": "default",
        "is_universal": False,
        "status": "active",
        "object": "label",
    }
    assert [label["name"] for label in listed["data"]][:3] == ["production", "staging", "development"]
    assert retrieved in listed["data"]


@pytest.mark.parametrize("name", ["latest", "default", "12", "a@b", "a b"])
def test_row_68_names_that_could_be_mistaken_are_no_labels(sdk: Sdk, name: str) -> None:
    error = sdk.call("labels.create", name=name).failure()

    assert (error.kind, error.status) == ("BadRequestError", 400)
    assert error.text.startswith("A label's name must be")


def test_row_68_a_built_in_label_stays(sdk: Sdk) -> None:
    labels = {label["name"]: label["id"] for label in sdk.call("labels.list").result()["data"]}

    error = sdk.call("labels.delete", labels["production"]).failure()

    assert error.brief == ("ConflictError", 409, "Label 'production' is built in and cannot be changed")


def test_collections_are_created_retrieved_listed_and_changed(sdk: Sdk) -> None:
    outer = sdk.call("collections.create", name=f"Outer {sdk.name}").result()
    created = sdk.call("collections.create", name="Inner", parent_collection_id=outer["id"], workspace_id="w").result()
    updated = sdk.call("collections.update", created["id"], name="Inner two").result()
    retrieved = sdk.call("collections.retrieve", created["id"]).result()
    listed = sdk.call("collections.list", search=f"outer {sdk.name}", workspace_id="w").result()

    assert created.keys() == {"id", "slug"}
    assert updated == {}
    assert without_moments(retrieved) == {
        "id": created["id"],
        "slug": created["slug"],
        "name": "Inner two",
        "parent_collection_id": outer["id"],
        "workspace_id": "default",
        "status": "active",
        "object": "collection",
    }
    assert (listed["total"], listed["data"][0]["id"]) == (1, outer["id"])
