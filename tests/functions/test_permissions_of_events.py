"""Every call of the events and runs functions to AWS, held against the statements of the role that it is made with."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from promptside.store.runs import RunStore
from tests.aws_calls import AwsCalls, Need
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.events_function import EventStack
from tests.file_requests import form_request
from tests.functions.deployed import load_event
from tests.infra.stack import resources
from tests.management_function import http_api_event
from tests.queues import Queue
from tests.results import SECRET
from tests.runs_function import KEY, RunsFunction, runs_function
from tests.upstream import Reply, Upstream, json_reply

BODY = {"prompt_id": "welcome", "variables": {"name": "Ada"}}
LARGE = json.loads(json.dumps(ANSWER).replace("Hello Ann", "x" * 300_000))
MACHINE = "stateMachine:${StackName}-batches"
RESULTS = [{"type": "eventbridge"}, {"type": "s3", "prefix": "reports/"}]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def receiver() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = Reply(204)
        yield running


def statements(role: str) -> list[dict[str, Any]]:
    """Return all statements of a role, with those of the policy that it shares."""
    properties = resources("AWS::IAM::Role")[role]
    shared = [resources("AWS::IAM::ManagedPolicy")[entry["Ref"]] for entry in properties.get("ManagedPolicyArns", [])]
    found = [entry for policy in [*shared, *properties["Policies"]] for entry in policy["PolicyDocument"]["Statement"]]
    return [entry.get("Fn::If", [None, entry])[1] for entry in found]


def allows(statement: dict[str, Any], need: Need) -> bool:
    """Tell whether a statement allows a call, as IAM decides it."""
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    return (
        need.action in actions
        and any(fnmatchcase(need.resource, pattern) for pattern in _patterns(statement["Resource"]))
        and all(
            need.key is not None and fnmatchcase(need.key, pattern)
            for pattern in _condition(statement, "ForAllValues:StringLike", "dynamodb:LeadingKeys")
        )
    )


def _patterns(value: Any) -> list[str]:
    """Return what a `Resource` names, in the words of `Need`."""
    if isinstance(value, list):
        return [pattern for entry in value for pattern in _patterns(entry)]
    if "Fn::If" in value:
        return _patterns([branch for branch in value["Fn::If"][1:] if branch != {"Ref": "AWS::NoValue"}])
    if "Fn::GetAtt" in value:
        return [value["Fn::GetAtt"].removesuffix(".Arn")]
    text = value.get("Ref") or value["Fn::Sub"].replace("${Bucket.Arn}", "Bucket").replace("${AWS::", "${")
    return [text.split(":", 5)[5] if text.startswith("arn:") else text]


def _condition(statement: dict[str, Any], operator: str, name: str) -> list[str]:
    patterns: list[str] = statement.get("Condition", {}).get(operator, {}).get(name, [])
    return patterns


def refused(role: str, needed: set[Need]) -> set[Need]:
    """Return the calls that no statement of a role allows."""
    return {need for need in needed if not any(allows(statement, need) for statement in statements(role))}


def names_of(stack: EventStack) -> dict[str, str]:
    """Return what the template calls the resources of a stack."""
    own = {
        stack.environment["PROMPTSIDE_TABLE"]: "PromptTable",
        stack.environment["PROMPTSIDE_RUN_TABLE"]: "RunTable",
        stack.dead.name: "RunDeadLetters",
        stack.results.name: "ResultQueueArns",
        stack.machine: MACHINE,
    }
    queue = "OrderedRunQueue" if stack.fifo else "RunQueue"
    return {**own, stack.queue.name: queue, f"{stack.dead.name}.fifo": "OrderedRunDeadLetters"}


@pytest.fixture(params=[False, True], ids=["standard", "fifo"])
def stack(engine: Engine, upstream: Upstream, request: pytest.FixtureRequest) -> EventStack:
    made = EventStack(engine, upstream, fifo=request.param)
    # The prefix of a stack's parameters is the template's.
    prefix = made.environment["PROMPTSIDE_SECRETS_PREFIX"]
    engine.client("ssm").put_parameter(Name=f"{prefix}/webhooks/signing-secret", Type="SecureString", Value=SECRET)
    engine.client("events").create_event_bus(Name=f"bus-{made.bucket}")
    Queue(engine, fifo=True, name=made.dead.name)
    made.environment |= {
        "PROMPTSIDE_EVENT_BUS": f"bus-{made.bucket}",
        "PROMPTSIDE_RESULT_QUEUES": made.results.url,
        "PROMPTSIDE_WEBHOOK_HOSTS": "127.0.0.1",
    }
    return made


def in_template(stack: EventStack, needed: set[Need]) -> set[Need]:
    """Return the calls with the parameters' prefix that the template has."""
    prefix = stack.environment["PROMPTSIDE_SECRETS_PREFIX"]
    return {Need(need.action, need.resource.replace(prefix, "/promptside/${StackName}"), need.key) for need in needed}


@pytest.fixture
def calls(stack: EventStack) -> Iterator[AwsCalls]:
    names = {**names_of(stack), stack.bucket: "Bucket", f"bus-{stack.bucket}": "EventBus"}
    with AwsCalls(stack.engine.url, names) as running:
        stack.environment["PROMPTSIDE_STORE_ENDPOINT"] = running.url
        yield running


def test_the_events_function_may_do_what_messages_and_their_results_take(
    stack: EventStack, calls: AwsCalls, upstream: Upstream, receiver: Upstream
) -> None:
    hook = {"type": "webhook", "url": f"{receiver.url}/runs"}
    queue = {"type": "sqs", "queue_url": stack.results.url}
    upstream.enqueue(
        json_reply(LARGE),
        json_reply({"error": {"message": "later", "type": "x", "code": "x"}}, status=429, headers={"retry-after": "7"}),
    )
    with stack.function() as invoke:
        for name, body in (
            ("answered", {**BODY, "result": [*RESULTS, hook, queue]}),
            ("comes-back", BODY),
            ("set-aside", {"prompt_id": "no-such-prompt"}),
        ):
            group = {"MessageGroupId": name, "MessageDeduplicationId": name} if stack.fifo else {}
            stack.queue.send(body, **group)
            stack.queue.poll(invoke)
        invoke({**BODY, "result": RESULTS})

    actions = {(need.action, need.resource.partition("/")[0]) for need in calls.needed}
    queued, dead = ("OrderedRunQueue", "OrderedRunDeadLetters") if stack.fifo else ("RunQueue", "RunDeadLetters")
    assert actions >= {
        ("events:PutEvents", "EventBus"),
        ("s3:PutObject", "Bucket"),
        ("sqs:SendMessage", "ResultQueueArns"),
        ("sqs:SendMessage", dead),
        ("sqs:ChangeMessageVisibility", queued),
        ("dynamodb:BatchGetItem", "PromptTable"),
        ("dynamodb:UpdateItem", "RunTable"),
        ("kms:Decrypt", "key"),
    }
    assert len(receiver.requests) == 1
    assert refused("EventsRole", in_template(stack, calls.needed)) == set()


def test_the_events_function_may_do_what_a_dropped_file_takes(stack: EventStack, calls: AwsCalls) -> None:
    key = "inbox/welcome/people.jsonl"
    content = b'{"variables": {"name": "Ann"}, "result": {"type": "eventbridge"}}\nbad\n'
    stored = stack.engine.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=content)
    text = json.dumps(load_event("eventbridge-object-created")).replace("promptside-files", stack.bucket)
    event = json.loads(text)
    event["detail"]["object"]["etag"] = stored["ETag"]

    with stack.function() as invoke:
        ((batch_id,),) = invoke(event).values()
        step = {"batch_id": batch_id}
        invoke({"promptside": "plan-batch", **step})
        chunk = {"chunk": 0, "start": 0, "end": len(content), "first_line": 1, "lines": 2, "repeated": []}
        invoke({"promptside": "run-chunk", "chunk": chunk, **step})
        summary = invoke({"promptside": "finish-batch", **step})

    assert (summary["status"], summary["counts"]["completed"]) == ("completed", 1)
    assert Need("states:StartExecution", MACHINE) in calls.needed
    assert refused("EventsRole", in_template(stack, calls.needed)) == set()


def test_what_a_role_does_not_allow_is_found() -> None:
    other_table = Need("dynamodb:UpdateItem", "PromptTable", "default#prompt#welcome")
    usage = Need("dynamodb:UpdateItem", "PromptTable", "default#usage#key")
    other_bucket = Need("s3:GetObject", "SomebodyElses/inbox/a.jsonl")

    assert refused("EventsRole", {other_table, usage, other_bucket}) == {other_table, other_bucket}


def test_a_source_of_messages_may_take_them_from_either_queue() -> None:
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility")
    needed = {Need(action, queue) for action in actions for queue in ("RunQueue", "OrderedRunQueue")}

    assert refused("EventsRole", needed) == set()


Call = Callable[..., Any]


@pytest.fixture
def runs(engine: Engine, upstream: Upstream) -> Iterator[tuple[Call, AwsCalls, RunsFunction]]:
    """Yield what calls the runs function, what it asks of AWS, and the function."""
    stack = EventStack(engine, upstream)
    names = {**names_of(stack), stack.bucket: "Bucket"}
    with AwsCalls(engine.url, names) as calls:
        environment = {**stack.environment, "PROMPTSIDE_STORE_ENDPOINT": calls.url}
        with runs_function(engine, environment=environment) as function:

            def call(method: str, path: str, body: Any = None, form: Any = None) -> Any:
                sent = b"" if body is None else json.dumps(body).encode()
                headers = {"authorization": f"Bearer {KEY}", **(form.headers if form else {})}
                event = http_api_event(method, path, sent, headers)
                if form:
                    event |= {"body": base64.b64encode(form.body).decode(), "isBase64Encoded": True}
                answer = function.handler(event, None)
                assert answer["statusCode"] in (200, 307), answer["body"]
                return json.loads(answer["body"]) if answer["headers"]["content-type"] == "application/json" else None

            yield call, calls, function


def test_the_runs_function_may_do_what_all_its_routes_take(runs: tuple[Call, AwsCalls, RunsFunction]) -> None:
    call, calls, function = runs
    store: RunStore = function.runs
    store.start("run_1", {"prompt": "welcome"}, now=1_795_300_000.0)
    content = form_request({"purpose": "batch"}, file=("a.jsonl", b"{}\n"))

    file = call("POST", "/v1/files", form=content)
    asked = {"bytes": 3, "filename": "a.jsonl", "mime_type": "application/jsonl", "purpose": "batch"}
    upload, other = (call("POST", "/v1/uploads", asked) for _ in range(2))
    part = call("POST", f"/v1/uploads/{upload['id']}/parts", form=form_request({}, data=("blob", b"{}\n")))
    call("POST", f"/v1/uploads/{upload['id']}/complete", {"part_ids": [part["id"]]})
    call("POST", f"/v1/uploads/{other['id']}/cancel")
    wanted = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = call("POST", "/v1/batches", wanted)
    call("POST", f"/v1/batches/{batch['id']}/cancel")
    for path in ("runs", "runs/run_1", f"runs?batch_id={batch['id']}", "files", "batches", f"batches/{batch['id']}"):
        call("GET", f"/v1/{path}")
    for path in (f"files/{file['id']}", f"files/{file['id']}/content"):
        call("GET", f"/v1/{path}")
    call("DELETE", f"/v1/files/{file['id']}")

    assert {need.action for need in calls.needed} >= {"s3:PutObject", "s3:DeleteObject", "states:StartExecution"}
    assert refused("RunsRole", calls.needed) == set()
    # It keeps files and records: what it can read of the prompts it cannot change, and secrets are not its business.
    assert not any(need.action.startswith(("ssm:", "kms:", "sqs:", "events:")) for need in calls.needed)
