"""Puts a result into the stack's bucket, under a key that is the same for every delivery."""

from __future__ import annotations

from typing import Any

from promptside.events.results.documents import Result
from promptside.events.results.tries import Tries, call_aws


def put_result(client: Any, result: Result, tries: Tries, *, bucket: str, key: str) -> None:
    """Write the whole document, in place of what an earlier delivery has written. Raises DeliveryFailed."""
    request = {"Bucket": bucket, "Key": key, "Body": result.text.encode(), "ContentType": "application/json"}
    call_aws("s3", lambda: client.put_object(**request), tries)
