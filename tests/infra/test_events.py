"""Every event file is a real event of its trigger, and some test sends it to the function it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.stack import ROOT

EVENTS = sorted((ROOT / "events").glob("*.json"))

SQS_RECORD = {
    "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody", "eventSource",
    "eventSourceARN", "awsRegion",
}  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text())
    return event


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_event_is_sent_by_a_test(path: Path) -> None:
    sources = [source for source in (ROOT / "tests" / "functions").glob("test_*.py")]

    assert any(f'"{path.stem}"' in source.read_text() for source in sources)


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_event_has_the_keys_of_its_format(path: Path) -> None:
    event = load(path)

    if path.stem.startswith("release-"):
        assert {"RequestType", "ResponseURL", "StackId", "RequestId", "ResourceType", "LogicalResourceId"} <= set(event)
        assert ("PhysicalResourceId" in event) == (event["RequestType"] != "Create")
        assert ("OldResourceProperties" in event) == (event["RequestType"] == "Update")
    elif path.stem.startswith("sqs-"):
        assert all(set(record) == SQS_RECORD and record["eventSource"] == "aws:sqs" for record in event["Records"])
    elif path.stem.startswith("s3-"):
        assert all({"eventName", "eventVersion", "s3"} <= set(record) for record in event["Records"])
    elif path.stem.startswith("eventbridge-"):
        assert set(event) == {
            "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
        }  # fmt: skip
    elif path.stem.endswith(("-invoke", "create-api-key", "schedule-run")):
        assert "requestContext" not in event
    elif event.get("version") == "2.0":
        assert {"routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded"} <= set(event)
        assert {"method", "path", "sourceIp"} <= set(event["requestContext"]["http"])
    else:
        assert {"resource", "path", "httpMethod", "headers", "multiValueHeaders", "requestContext", "body"} <= set(
            event
        )
        assert event["requestContext"]["path"] == f"/{event['requestContext']['stage']}{event['path']}"
