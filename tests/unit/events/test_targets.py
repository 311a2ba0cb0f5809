"""What can be read as the target of a result."""

from typing import Any

import pytest

from promptside.events.targets import parse_targets


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("eventbridge", "result"),
        ({}, "result.type"),
        ({"type": "sns"}, "result.type"),
        ({"type": "s3", "prefix": "/reports"}, "result.prefix"),
        ({"type": "s3", "prefix": "a/../b"}, "result.prefix"),
        ({"type": "s3", "bucket": "other"}, "result.bucket"),
        ({"type": "sqs"}, "result.queue_url"),
        ([{"type": "webhook", "url": "ftp://x"}], "result[0].url"),
    ],
)
def test_what_is_no_target_is_named_by_the_path_of_the_field(value: Any, path: str) -> None:
    assert [where for where, _ in parse_targets(value)[1]] == [path]
