"""Experiments on a prompt: from their definition to the version that answers, over a real table and real sockets."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from promptside.events.summaries import ended_of
from promptside.store.claims import ClaimStore
from tests.engines import Engine
from tests.event_runs import EventRuns
from tests.functions.test_completions import ANSWER, STREAM
from tests.management_function import Answer
from tests.product import json_of, whole
from tests.queues import Queue
from tests.upstream import Upstream, json_reply, sse_reply
from tests.whole_stack import WholeStack, whole_stack

LABEL = "x-promptside-prompt-label"
SPLIT = {"by": "user_id", "labels": [{"label": "production", "weight": 95}, {"label": "candidate", "weight": 5}]}


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine) as running:
        running.manage.create("/v1/labels", {"name": "candidate"})
        yield running


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


def with_prompt(stack: WholeStack, slug: str, upstream: Upstream, **labels: int) -> str:
    """Store a prompt of two versions under labels (`production` is 1, `candidate` is 2 unless told otherwise)."""
    key = {"name": slug, "slug": f"vk-{slug}", "provider": "openai", "key": "sk-t", "custom_host": upstream.url}
    stack.manage.create("/v1/virtual-keys", key)
    body = {"name": slug, "slug": slug, "string": _chat("one"), "model": "m", "virtual_key": f"vk-{slug}"}
    stack.manage.create("/v1/prompts", body)
    stack.manage.call("PUT", f"/v1/prompts/{slug}", {"string": _chat("two")})
    for label, version in (labels or {"production": 1, "candidate": 2}).items():
        put_label(stack, slug, version, label)
    return slug


def _chat(text: str) -> str:
    return json.dumps([{"role": "user", "content": text}])


def put_label(stack: WholeStack, slug: str, version: int, label: str | None) -> None:
    listed = stack.manage.call("GET", f"/v1/prompts/{slug}/versions").body["data"]
    identifier = next(each["id"] for each in listed if each["prompt_version"] == version)
    stack.manage.call("PUT", f"/v1/prompts/{slug}/versions/{identifier}", {"label_id": label})


def change(stack: WholeStack, slug: str, experiment: Any) -> Answer:
    return stack.manage.call("PUT", f"/v1/prompts/{slug}", {"experiment": experiment})


def run(stack: WholeStack, slug: str, user: str | None = None, **options: Any) -> tuple[str, str | None]:
    """Run the prompt for a user; return the version that answered, and its label."""
    headers = {} if user is None else {"x_portkey_metadata": json.dumps({"user_id": user})}
    answer = stack.run(slug, **headers, **options)
    assert answer.status == 200, answer.body
    return answer.headers["x-promptside-prompt-version"], answer.headers.get(LABEL)


def test_users_are_divided_by_weight_and_each_stays_where_they_are(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-divided", upstream)
    change(stack, slug, SPLIT)

    # Rendering is the same choice without a provider.
    texts = {f"u{user}": rendered(stack, slug, f"u{user}") for user in range(600)}
    many = [user for user, text in texts.items() if text == "one"]
    few = [user for user, text in texts.items() if text == "two"]
    twice = [[run(stack, slug, user) for user in (*many[:45], *few[:5])] for _ in range(2)]

    assert len(many) + len(few) == 600
    assert 5 <= len(few) <= 60
    assert twice == [[("1", "production")] * 45 + [("2", "candidate")] * 5] * 2


def rendered(stack: WholeStack, slug: str, user: str) -> str:
    answer = stack.post(f"/v1/prompts/{slug}/render", x_portkey_metadata=json.dumps({"user_id": user}))
    return str(json_of(answer)["data"]["messages"][0]["content"])


def test_the_log_names_the_label_and_the_version(
    stack: WholeStack, upstream: Upstream, log_output: io.StringIO
) -> None:
    slug = with_prompt(stack, "pp-logged", upstream)
    change(stack, slug, {"by": "user_id", "labels": [{"label": "candidate", "weight": 1}]})

    assert run(stack, slug, "u1") == ("2", "candidate")

    events = [json.loads(line) for line in log_output.getvalue().splitlines()]
    ended = [event for event in events if event["message"] == "run_ended"]
    assert [(event["prompt"], event["version"], event["label"]) for event in ended] == [(slug, 2, "candidate")]


def test_a_stream_says_which_version_answers(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-streamed", upstream)
    change(stack, slug, {"by": "user_id", "labels": [{"label": "candidate", "weight": 1}]})
    upstream.default = sse_reply(STREAM)

    response = stack.post(f"/v1/prompts/{slug}/completions", {"stream": True})

    assert (response.headers["x-promptside-prompt-version"], response.headers[LABEL]) == ("2", "candidate")
    assert whole(response).endswith(b"data: [DONE]\n\n")


def test_an_experiment_is_shown_changed_and_removed_without_a_new_version(
    stack: WholeStack, upstream: Upstream
) -> None:
    slug = with_prompt(stack, "pp-shown", upstream)

    assert change(stack, slug, SPLIT).body == {}
    shown = stack.manage.call("GET", f"/v1/prompts/{slug}").body
    assert shown["experiment"] == SPLIT
    assert stack.manage.call("PUT", f"/v1/prompts/{slug}", {"name": "Other"}).body == {}
    assert stack.manage.call("GET", f"/v1/prompts/{slug}").body["experiment"] == SPLIT
    change(stack, slug, None)

    assert "experiment" not in stack.manage.call("GET", f"/v1/prompts/{slug}").body
    assert run(stack, slug, "u1") == ("1", None)
    assert len(stack.manage.call("GET", f"/v1/prompts/{slug}/versions").body["data"]) == 2


def test_a_change_of_the_template_may_come_with_an_experiment(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-both", upstream)

    answer = stack.manage.call("PUT", f"/v1/prompts/{slug}", {"string": _chat("three"), "experiment": SPLIT})

    assert answer.status == 200
    assert "prompt_version_id" in answer.body
    assert stack.manage.call("GET", f"/v1/prompts/{slug}").body["experiment"] == SPLIT


def _shares(*shares: Any) -> dict[str, Any]:
    return {"by": "user_id", "labels": list(shares)}


OWN = {"label": "production", "weight": 1}


@pytest.mark.parametrize(
    ("experiment", "param"),
    [
        ("production", "experiment"),
        ({}, "experiment.by"),
        ({"by": "user_id"}, "experiment.labels"),
        ({**_shares(OWN), "salt": 1}, "experiment.salt"),
        (_shares(), "experiment.labels"),
        (_shares(*[OWN] * 11), "experiment.labels"),
        (_shares("production"), "experiment.labels[0]"),
        (_shares({**OWN, "version": 1}), "experiment.labels[0].version"),
        (_shares({"label": "staging", "weight": 1}), "experiment.labels[0].label"),
        (_shares(OWN, {"label": 3, "weight": 1}), "experiment.labels[1].label"),
        (_shares(OWN, OWN), "experiment.labels[1].label"),
        (_shares({"label": "production"}), "experiment.labels[0].weight"),
        (_shares({**OWN, "weight": -1}), "experiment.labels[0].weight"),
        (_shares({**OWN, "weight": True}), "experiment.labels[0].weight"),
        (_shares({**OWN, "weight": 0}), "experiment.labels"),
    ],
)
def test_what_cannot_be_an_experiment_is_refused_with_its_place(
    stack: WholeStack, upstream: Upstream, experiment: Any, param: str
) -> None:
    slug = "pp-refused"
    if stack.manage.call("GET", f"/v1/prompts/{slug}").status == 404:
        with_prompt(stack, slug, upstream)

    answer = change(stack, slug, experiment)

    assert (answer.status, answer.body["error"]["param"]) == (400, param)
    assert "experiment" not in stack.manage.call("GET", f"/v1/prompts/{slug}").body


def test_a_new_prompt_has_no_labels_to_share(stack: WholeStack) -> None:
    body = {"name": "n", "slug": "pp-early", "string": _chat("x"), "experiment": _shares(OWN)}

    answer = stack.manage.call("POST", "/v1/prompts", body)

    assert (answer.status, answer.body["error"]["param"]) == (400, "experiment.labels[0].label")


def test_a_label_taken_off_leaves_the_published_version_and_a_line_in_the_log(
    stack: WholeStack, upstream: Upstream, log_output: io.StringIO
) -> None:
    slug = with_prompt(stack, "pp-taken", upstream)
    change(stack, slug, _shares({"label": "candidate", "weight": 1}))
    put_label(stack, slug, 2, None)

    assert run(stack, slug, "u1") == ("1", None)

    events = [json.loads(line) for line in log_output.getvalue().splitlines()]
    missing = [event for event in events if event["message"] == "experiment_label_missing"]
    assert [(event["prompt"], event["label"]) for event in missing] == [(slug, "candidate")]


def test_a_run_that_names_a_version_gets_it(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-named", upstream)
    change(stack, slug, _shares({"label": "candidate", "weight": 1}))

    found = {selector: run(stack, f"{slug}@{selector}", "u1") for selector in ("1", "production", "published")}

    assert found == dict.fromkeys(("1", "production", "published"), ("1", None))


def test_a_prompt_of_a_configs_target_is_under_its_experiment(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-target", upstream)
    change(stack, slug, _shares({"label": "candidate", "weight": 1}))
    config = json.dumps({"targets": [{"prompt_id": slug}]})

    assert run(stack, "whatever", "u1", x_portkey_config=config) == ("2", "candidate")


def test_a_keys_own_metadata_decides_unless_the_request_says_more(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-key", upstream)
    change(stack, slug, _shares(OWN, {"label": "candidate", "weight": 1}))
    by_user = {user: run(stack, slug, user) for user in (f"u{number}" for number in range(20))}
    one = next(user for user, found in by_user.items() if found == ("1", "production"))
    two = next(user for user, found in by_user.items() if found == ("2", "candidate"))
    body = {"name": "k", "scopes": ["completions.write"], "defaults": {"metadata": {"user_id": two}}}
    made = stack.manage.create("/v1/api-keys/workspace/service", body)

    assert {run(stack, slug, key=made["key"]) for _ in range(5)} == {("2", "candidate")}
    assert run(stack, slug, one, key=made["key"]) == ("1", "production")


def test_a_run_without_the_field_is_drawn_by_weight(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-chance", upstream)
    change(stack, slug, _shares(OWN, {"label": "candidate", "weight": 1}))

    found = Counter(run(stack, slug) for _ in range(60))

    assert set(found) == {("1", "production"), ("2", "candidate")}


def test_a_repeated_run_under_an_idempotency_key_keeps_its_version(
    stack: WholeStack, upstream: Upstream, engine: Engine
) -> None:
    slug = with_prompt(stack, "pp-once", upstream)
    change(stack, slug, _shares(OWN, {"label": "candidate", "weight": 1}))
    claims = ClaimStore(engine.client("dynamodb"), table=engine.new_table(), workspace="default")
    stack = replace(stack, services=replace(stack.services, claims=claims))

    found = {run(stack, slug, idempotency_key="k-1") for _ in range(10)}

    assert len(found) == 1
    assert len(upstream.requests) == 1


def test_an_event_driven_run_follows_the_experiment_by_the_metadata_of_its_order(
    stack: WholeStack, upstream: Upstream, engine: Engine
) -> None:
    slug = with_prompt(stack, "pp-events", upstream)
    change(stack, slug, _shares(OWN, {"label": "candidate", "weight": 1}))
    queue = Queue(engine)
    runs = EventRuns(engine, upstream, queue_url=queue.url, allowed_custom_hosts=("127.0.0.1",))
    own = runs.events.services
    services = replace(own, prompts=stack.services.prompts, secrets=stack.services.secrets)
    runs.events = replace(runs.events, services=services)
    users = [f"u{number}" for number in range(6)]

    for user in users:
        queue.send({"prompt_id": slug, "metadata": {"user_id": user}})
    while len(runs.results.delivered) < len(users):
        queue.poll(runs.handler())

    told = [(outcome.order.metadata["user_id"], ended_of(outcome)) for outcome in runs.results.delivered]
    answered = {user: (str(ended["version"]), ended["label"]) for user, ended in told}
    assert answered == {user: run(stack, slug, user) for user in users}


def test_an_experiment_takes_the_scope_of_publishing(stack: WholeStack, upstream: Upstream) -> None:
    slug = with_prompt(stack, "pp-scoped", upstream)
    body = {"name": "k", "scopes": ["prompts.update"]}
    author = stack.manage.create("/v1/api-keys/workspace/service", body)["key"]
    body = {"name": "k", "scopes": ["prompts.update", "prompts.publish"]}
    publisher = stack.manage.create("/v1/api-keys/workspace/service", body)["key"]

    def change_as(key: str, change: Any) -> int:
        return stack.manage.call("PUT", f"/v1/prompts/{slug}", change, key=key).status

    assert change_as(author, {"experiment": SPLIT}) == 403
    assert change_as(author, {"experiment": None, "string": _chat("three")}) == 403
    assert change_as(author, {"name": "Other"}) == 200
    assert change_as(publisher, {"experiment": SPLIT}) == 200
