"""Reads which objects an event of S3 tells of, as S3 itself or EventBridge says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from promptside.errors import JsonObject


@dataclass(frozen=True, slots=True)
class DroppedObject:
    """One object. `sequencer` grows with each state of it, and is the same however often that is told."""

    bucket: str
    key: str
    sequencer: str
    etag: str | None = None
    version: str | None = None


def tells_of_objects(event: JsonObject) -> bool:
    """Tell whether an event comes from S3; the one that S3 sends when notifications are set up does as well."""
    if event.get("Event") == "s3:TestEvent":
        return True
    if event.get("source") == "aws.s3":
        return event.get("detail-type") == "Object Created"
    return any(record.get("eventSource") == "aws:s3" for record in _records(event))


def dropped_objects(event: JsonObject) -> list[DroppedObject]:
    """Return the objects that were created."""
    if event.get("source") == "aws.s3":
        detail = event["detail"]
        return [_object(detail["bucket"], detail["object"], detail["object"]["key"], version="version-id")]
    return [
        # Only here are keys encoded, and as in a form.
        _object(found["s3"]["bucket"], found["s3"]["object"], unquote_plus(found["s3"]["object"]["key"]))
        for found in _records(event)
        if str(found.get("eventName", "")).startswith("ObjectCreated:")
    ]


def _object(bucket: JsonObject, described: JsonObject, key: str, version: str = "versionId") -> DroppedObject:
    etag: Any = described.get("etag") or described.get("eTag")
    return DroppedObject(
        bucket["name"], key, str(described.get("sequencer") or etag), etag=etag, version=described.get(version)
    )


def _records(event: JsonObject) -> Iterator[JsonObject]:
    records = event.get("Records")
    return (record for record in records if isinstance(record, dict)) if isinstance(records, list) else iter(())
