"""What the functions ask of AWS while they work, held against what their roles allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from promptside.batches.starting import start_batch_of_object
from tests.batch_runs import BatchRuns, request_line
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.infra.stack import resources
from tests.upstream import Upstream, json_reply

S3_ACTIONS = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket", "DeleteObjects": "DeleteObject"}
S3_WRITES = ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
ELEMENTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


def actions_of(service: str, operation: str, request: dict[str, Any]) -> set[str]:
    """Return the IAM actions that a call needs."""
    if operation == "TransactWriteItems":
        return {f"dynamodb:{ELEMENTS[kind]}" for element in request["TransactItems"] for kind in element}
    if service == "s3":
        name = "PutObject" if operation in S3_WRITES else S3_ACTIONS.get(operation, operation)
        return {f"s3:{name}Version" if "VersionId" in request else f"s3:{name}"}
    return {f"{service}:{operation}"}


def allowed(role: str) -> set[str]:
    """Return all actions of a role, with those of the policy that it shares."""
    properties = resources("AWS::IAM::Role")[role]
    shared = [resources("AWS::IAM::ManagedPolicy")[entry["Ref"]] for entry in properties.get("ManagedPolicyArns", [])]
    found: set[str] = set()
    for policy in [*shared, *properties["Policies"]]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement.get("Fn::If", [None, statement])[1]["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


@contextmanager
def recorded(engine: Engine) -> Iterator[set[str]]:
    """Collect the actions that the calls of the engine's clients need."""
    needed: set[str] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        needed.update(actions_of(model.service_model.service_name, model.name, params))

    clients = [engine.client(service) for service in ("dynamodb", "s3")]
    for client in clients:
        client.meta.events.register("before-parameter-build.*", note)
    try:
        yield needed
    finally:
        for client in clients:
            client.meta.events.unregister("before-parameter-build.*", note)


def test_the_events_function_may_do_what_batches_take(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, stores_records=True)
    runs.put("inbox/hi/names.csv", "custom_id,name\na,Ann\nb,Bob\n")
    runs.put("files/input", json.dumps(request_line("a")))

    with recorded(engine) as needed:
        dropped = start_batch_of_object(runs.services, bucket=runs.bucket, key="inbox/hi/names.csv", event_id="1")
        assert dropped is not None
        runs.run(dropped.batch_id)
        stopped = runs.submit([request_line("a"), "bad"])
        runs.step("plan-batch", stopped.batch_id)
        runs.tell("ABORTED", stopped.batch_id)

    assert len(needed) > 6
    assert needed <= allowed("EventsRole")


def test_an_object_in_a_bucket_with_versions_may_be_read() -> None:
    needed = actions_of("s3", "GetObject", {"VersionId": "1"}) | actions_of("s3", "HeadObject", {"VersionId": "1"})

    assert needed == {"s3:GetObjectVersion"} <= allowed("EventsRole")
