"""The releases function as CloudFormation calls it: the events of a stack's life, answered at a loopback URL."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import yaml

from promptside.errors import InvalidRequest, ProviderError
from promptside.management.labels import create_label
from promptside.management.prompts import create_prompt, publish_prompt, update_prompt
from tests.engines import REGION, Engine
from tests.function_modules import import_function
from tests.infra.stack import ROOT, TemplateLoader
from tests.upstream import Reply, Request, Upstream


@dataclass
class Releases:
    """The function, and the URL that its answers are put to."""

    module: ModuleType
    upstream: Upstream

    def send(self, event: dict[str, Any], **changed: Any) -> Any:
        """Send an event as a new request and return what was put to its URL."""
        before = len(self.upstream.requests)
        sent = {"RequestId": str(uuid.uuid4()), **event, "ResponseURL": self.upstream.url + "/answer?sig=1", **changed}
        self.module.handler(sent, None)
        return self.upstream.requests[before:][-1].json()

    def create(self, logical: str = "Greeting", **properties: Any) -> Any:
        """Create a resource and return the answer."""
        event = load("release-create")
        return self.send(event, LogicalResourceId=logical, ResourceProperties=properties, RequestId=str(uuid.uuid4()))

    def update(self, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
        """Update a resource and return the answer."""
        return self.send(
            load("release-update"),
            PhysicalResourceId=physical_id,
            OldResourceProperties=old,
            ResourceProperties=new,
            RequestId=str(uuid.uuid4()),
        )

    def delete(self, physical_id: str) -> Any:
        """Delete a resource and return the answer."""
        return self.send(load("release-delete"), PhysicalResourceId=physical_id)

    def state(self, slug: str = "shop-greeting") -> tuple[int, int, dict[str, int]]:
        """Return the latest and the published version, and the labels."""
        pointer = self.module.services.prompts.get(slug)
        return pointer.latest, pointer.published, dict(pointer.labels)

    def exists(self, slug: str = "shop-greeting") -> bool:
        """Tell whether there is a prompt of that slug."""
        return self.module.services.prompts.find(slug) is not None


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def loaded(engine: Engine, patch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    variables = {
        "PROMPTSIDE_TABLE": engine.new_table(),
        "PROMPTSIDE_SECRETS_PREFIX": engine.new_prefix(),
        "PROMPTSIDE_STORE_ENDPOINT": engine.url,
        "AWS_REGION": REGION,
        **environment,
    }
    for name, value in variables.items():
        patch.setenv(name, value)
    return import_function("releases")


@pytest.fixture
def releases(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    module = loaded(engine, monkeypatch, PROMPTSIDE_ALLOW_PRIVATE_HOSTS="true")
    with Upstream() as upstream:
        upstream.default = Reply(200)
        yield Releases(module, upstream)
        module.http.close()


def properties(text: str = "Hi", **changed: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"ServiceToken": "arn", "Slug": "shop-greeting", "Messages": messages, "Publish": "true", **changed}


def test_a_create_makes_the_prompt_and_says_so_at_its_url(releases: Releases) -> None:
    event = load("release-create")

    answer = releases.send(event)

    (request,) = releases.upstream.requests
    assert (request.method, request.path, request.headers["content-type"]) == ("PUT", "/answer?sig=1", "")
    identity = answer["Data"]["PromptId"]
    assert answer == {
        "Status": "SUCCESS",
        "PhysicalResourceId": f"prompt/shop-greeting/{identity}",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": "Greeting",
        "Data": {
            "Slug": "shop-greeting",
            "Version": "1",
            "PromptId": identity,
            "VersionId": answer["Data"]["VersionId"],
            "Id": "promptside:default:prompt/shop-greeting@1",
        },
    }
    pointer = releases.module.services.prompts.get("shop-greeting")
    version = releases.module.services.prompts.version(pointer, 1)
    assert (pointer.name, pointer.labels, version.model) == ("Greeting", {"production": 1}, "gpt-5-mini")
    assert version.parameters == {"temperature": 0.5, "max_tokens": 200, "stop": ["1"]}


def test_a_create_that_is_delivered_twice_makes_one_prompt(releases: Releases) -> None:
    event = load("release-create")

    assert releases.send(event) == releases.send(event)
    assert releases.state() == (1, 1, {"production": 1})


def test_a_stack_is_updated_and_rolled_back_to_the_very_version_it_had(releases: Releases) -> None:
    old, new = load("release-create")["ResourceProperties"], load("release-update")["ResourceProperties"]
    created = releases.send(load("release-create"))
    physical_id = created["PhysicalResourceId"]

    updated = releases.update(physical_id, old, new)
    assert (updated["Data"]["Version"], releases.state()) == ("2", (2, 2, {"production": 2}))

    rolled_back = releases.update(physical_id, new, old)
    assert rolled_back["Data"] == created["Data"]
    assert {answer["PhysicalResourceId"] for answer in (updated, rolled_back)} == {physical_id}
    assert releases.state() == (2, 1, {"production": 1})


def test_an_update_without_new_content_makes_no_version(releases: Releases) -> None:
    physical_id = releases.create(**properties())["PhysicalResourceId"]

    answer = releases.update(physical_id, properties(), properties(Name="Renamed", Description="same content"))

    assert (answer["Status"], answer["Data"]["Version"]) == ("SUCCESS", "1")
    assert releases.module.services.prompts.get("shop-greeting").name == "Renamed"
    assert releases.state() == (1, 1, {})


def test_without_publish_and_label_a_new_version_waits(releases: Releases) -> None:
    old, new = properties(Publish="false"), properties("Bye", Publish="false")
    physical_id = releases.create(**old)["PhysicalResourceId"]

    releases.update(physical_id, old, new)

    assert releases.state() == (2, 1, {})


def test_a_label_that_is_no_longer_asked_for_is_taken_off(releases: Releases) -> None:
    old, new = properties(Label="staging"), properties(Label="production")
    physical_id = releases.create(**old)["PhysicalResourceId"]

    releases.update(physical_id, old, new)

    assert releases.state() == (1, 1, {"production": 1})


def test_another_slug_is_a_replacement_that_rolls_back_too(releases: Releases) -> None:
    old, new = properties(), properties(Slug="shop-welcome")
    first = releases.create(**old)["PhysicalResourceId"]

    second = releases.update(first, old, new)["PhysicalResourceId"]
    back = releases.update(second, new, old)["PhysicalResourceId"]
    releases.delete(second)

    assert back == first != second
    assert (releases.exists(), releases.exists("shop-welcome")) == (True, False)


def test_a_prompt_of_somebody_else_is_neither_changed_nor_deleted(releases: Releases) -> None:
    create_prompt(releases.module.services, {"name": "Theirs", "slug": "shop-greeting", "string": "[]"})

    answer = releases.create(**properties())
    deleted = releases.delete(answer["PhysicalResourceId"])

    assert (answer["Status"], answer["Reason"]) == (
        "FAILED",
        "Prompt 'shop-greeting' exists already and is not this resource's: set Adopt to true to go on from it",
    )
    assert deleted["Status"] == "SUCCESS"
    assert releases.state() == (1, 1, {})


def test_an_adopted_prompt_goes_on_and_stays_when_the_resource_goes(releases: Releases) -> None:
    create_prompt(releases.module.services, {"name": "Theirs", "slug": "shop-greeting", "string": "[]"})

    answer = releases.create(**properties(Adopt="true"))
    updated = releases.update(answer["PhysicalResourceId"], properties(), properties("Bye"))
    deleted = releases.delete(answer["PhysicalResourceId"])

    assert (answer["Data"]["Version"], updated["Data"]["Version"]) == ("2", "3")
    assert updated["PhysicalResourceId"] == answer["PhysicalResourceId"] == deleted["PhysicalResourceId"]
    assert (deleted["Status"], releases.state()) == ("SUCCESS", (3, 3, {}))


def test_a_delete_removes_the_prompt_and_can_be_repeated(releases: Releases) -> None:
    physical_id = releases.send(load("release-create"))["PhysicalResourceId"]

    answers = [releases.delete(physical_id), releases.delete(physical_id)]

    assert [answer["Status"] for answer in answers] == ["SUCCESS", "SUCCESS"]
    assert not releases.exists()


def test_a_delete_of_what_was_never_made_succeeds(releases: Releases) -> None:
    assert releases.send(load("release-delete"))["Status"] == "SUCCESS"
    assert releases.delete("not-created/r")["Status"] == "SUCCESS"


def test_a_partial_that_a_prompt_includes_is_not_deleted(releases: Releases) -> None:
    partial = releases.create("Tone", Slug="tone", Text="Be kind.", Partial="true", Publish="true")
    releases.create(**properties("{{> tone}} Hi"))

    answer = releases.delete(partial["PhysicalResourceId"])

    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == "Partial 'tone' is used by prompt 'shop-greeting': take it out there first"


def test_a_partial_is_rolled_back_like_a_prompt(releases: Releases) -> None:
    old = {"Slug": "tone", "Text": "Be kind.", "Partial": "true", "Publish": "true"}
    new = {**old, "Text": "Be brief."}
    physical_id = releases.create("Greeting", **old)["PhysicalResourceId"]

    versions = [releases.update(physical_id, *pair)["Data"]["Version"] for pair in ((old, new), (new, old))]

    pointer = releases.module.services.partials.get("tone")
    assert (versions, pointer.latest, pointer.published) == (["2", "1"], 2, 1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Label": "canary"}, "Label 'canary' not found"),
        ({"Lable": "x"}, "Unknown property 'Lable'"),
        ({"Text": "x"}, "A prompt needs either 'Messages' or 'Text'"),
        ({"Publish": "yes"}, "'Publish' must be true or false"),
        ({"ParametersJson": "{"}, "'ParametersJson' must be a JSON text"),
        ({"Parameters": {}, "ParametersJson": "{}"}, "'Parameters' and 'ParametersJson' exclude each other"),
        ({"Partial": "true"}, "A partial has no 'Messages'"),
    ],
)
def test_properties_that_cannot_be_are_named_and_nothing_is_made(
    releases: Releases, changed: dict[str, Any], reason: str
) -> None:
    answer = releases.create(**properties(**changed))

    assert (answer["Status"], answer["Reason"]) == ("FAILED", reason)
    assert not releases.exists()
    assert releases.delete(answer["PhysicalResourceId"])["Status"] == "SUCCESS"


def test_exact_types_come_from_json_texts(releases: Releases) -> None:
    create_label(releases.module.services, {"name": "canary"})

    releases.create(
        **properties(
            ParametersJson='{"seed": 7, "user": "7", "top_p": 1.0}', ToolsJson='[{"type": "7"}]', Label="canary"
        )
    )

    pointer = releases.module.services.prompts.get("shop-greeting")
    version = releases.module.services.prompts.version(pointer, 1)
    assert (version.parameters, version.tools) == ({"seed": 7, "user": "7", "top_p": 1.0}, [{"type": "7"}])
    assert pointer.labels == {"canary": 1}


def test_a_version_that_somebody_published_by_hand_is_superseded_by_the_stack(releases: Releases) -> None:
    old = properties()
    physical_id = releases.create(**old)["PhysicalResourceId"]
    services = releases.module.services
    update_prompt(services, "shop-greeting", {"string": "[]"})
    publish_prompt(services, "shop-greeting", {"version": 2})

    answer = releases.update(physical_id, old, properties(Name="Touched"))

    assert (answer["Data"]["Version"], releases.state()) == ("1", (2, 1, {}))


def as_cloudformation_sends(value: Any) -> Any:
    """Return a template's value with its numbers and booleans as text, and `ServiceToken` resolved."""
    if isinstance(value, dict):
        return {
            name: "arn" if name == "ServiceToken" else as_cloudformation_sends(item) for name, item in value.items()
        }
    if isinstance(value, list):
        return [as_cloudformation_sends(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def test_the_documented_template_is_released_and_deleted(releases: Releases) -> None:
    text = (ROOT / "docs" / "stack-resources.md").read_text()
    example = yaml.load(text.partition("```yaml\n")[2].partition("```")[0], TemplateLoader)
    resources = example["Resources"]

    made = {
        name: releases.create(name, **as_cloudformation_sends(resources[name]["Properties"]))
        for name in ("Tone", "Greeting")
    }
    version = releases.module.services.prompts.version(releases.module.services.prompts.get("shop-greeting"), 1)
    deleted = [releases.delete(made[name]["PhysicalResourceId"]) for name in ("Greeting", "Tone")]

    assert [answer["Status"] for answer in [*made.values(), *deleted]] == ["SUCCESS"] * 4
    assert set(resources) == set(made)
    assert (version.partials, version.parameters) == (("shop-tone",), {"max_completion_tokens": 200})
    assert version.variables_schema == resources["Greeting"]["Properties"]["VariablesSchema"]


def test_a_crash_is_answered_without_its_text(releases: Releases) -> None:
    answer = releases.send({**load("release-create"), "ResourceProperties": None})

    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == f"promptside failed; its log has the details under {answer['RequestId']}"


def test_an_answer_that_aws_could_not_take_is_put_again(releases: Releases) -> None:
    releases.upstream.enqueue(Reply(503), Reply(200))

    releases.send(load("release-create"))

    bodies = [request.body for request in releases.upstream.requests]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def test_an_answer_that_is_refused_fails_the_invocation(releases: Releases) -> None:
    def refuse(_request: Request) -> Reply:
        return Reply(403)

    releases.upstream.enqueue(refuse)

    with pytest.raises(ProviderError, match="answered 403"):
        releases.send(load("release-create"))


@pytest.mark.parametrize(
    "url", ["http://x.s3.amazonaws.com/", "https://amazonaws.com.example.org/", "https://evilamazonaws.com/", ""]
)
def test_nothing_is_done_for_a_url_that_is_not_awss(engine: Engine, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    module = loaded(engine, monkeypatch)

    with pytest.raises(InvalidRequest, match="ResponseURL"):
        module.handler({**load("release-create"), "ResponseURL": url}, None)

    assert module.services.prompts.find("shop-greeting") is None
