"""Objects that events of S3 tell of, in either form."""

from typing import Any

import pytest

from promptside.events.objects import DroppedObject, dropped_objects, tells_of_objects


def notification(key: str, name: str = "ObjectCreated:Put", **described: Any) -> dict[str, Any]:
    found = {"key": key, "eTag": "e1", "sequencer": "0A", **described}
    return {
        "Records": [
            {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "b"}, "object": found}},
        ]
    }


def announcement(key: str, kind: str = "Object Created", **described: Any) -> dict[str, Any]:
    found = {"key": key, "etag": "e1", "sequencer": "0A", **described}
    return {"source": "aws.s3", "detail-type": kind, "detail": {"bucket": {"name": "b"}, "object": found}}


def test_both_forms_tell_of_the_same_object() -> None:
    same = DroppedObject("b", "inbox/new people+1.jsonl", "0A", "e1", "v1")

    assert dropped_objects(notification("inbox/new+people%2B1.jsonl", versionId="v1")) == [same]
    assert dropped_objects(announcement("inbox/new people+1.jsonl", **{"version-id": "v1"})) == [same]


def test_an_object_without_a_version_has_none() -> None:
    assert dropped_objects(announcement("a.csv")) == [DroppedObject("b", "a.csv", "0A", "e1")]


def test_what_was_removed_is_not_dropped() -> None:
    assert dropped_objects(notification("a", "ObjectRemoved:Delete")) == []


@pytest.mark.parametrize(
    ("event", "tells"),
    [
        (notification("a"), True),
        (announcement("a"), True),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, True),
        (announcement("a", "Object Deleted"), False),
        ({"Records": [{"eventSource": "aws:sqs"}]}, False),
        ({"Records": "x"}, False),
        ({"prompt_id": "hi"}, False),
    ],
)
def test_events_of_s3_are_told_apart(event: dict[str, Any], tells: bool) -> None:
    assert tells_of_objects(event) is tells
