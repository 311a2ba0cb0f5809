"""Reads where a result is wanted.

    {"type": "eventbridge"}   {"type": "s3", "prefix": "reports/"}
    {"type": "sqs", "queue_url": "https://..."}   {"type": "webhook", "url": "https://..."}

One of them or a list; an empty list wants the result nowhere.
"""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import urlsplit

from promptside.events.base import ResultTarget, TargetKind

MOST_TARGETS = 10
_LONGEST_ADDRESS = 2048
_LONGEST_PREFIX = 512
"""Bytes; S3 takes 1,024 of a whole key."""
_ADDRESSES = {"s3": "prefix", "sqs": "queue_url", "webhook": "url"}

Problem = tuple[str, str]
"""The path of a field and what is wrong with it."""


def parse_targets(value: Any) -> tuple[tuple[ResultTarget, ...], list[Problem]]:
    """Return the targets that can be read, and what is wrong with the others."""
    single = isinstance(value, dict)
    listed = [value] if single else value
    if not isinstance(listed, list):
        return (), [("result", "must be an object with a 'type', or a list of such")]
    if len(listed) > MOST_TARGETS:
        return (), [("result", f"must list at most {MOST_TARGETS} targets")]
    problems: list[Problem] = []
    read = [_target(item, "result" if single else f"result[{at}]", problems) for at, item in enumerate(listed)]
    return tuple(target for target in read if target is not None), problems


def _target(value: Any, path: str, problems: list[Problem]) -> ResultTarget | None:
    kinds: tuple[TargetKind, ...] = get_args(TargetKind)
    if not isinstance(value, dict):
        problems.append((path, "must be a JSON object with a 'type'"))
        return None
    kind = next((kind for kind in kinds if kind == value.get("type")), None)
    if kind is None:
        problems.append((f"{path}.type", f"must be one of {', '.join(kinds)}"))
        return None
    field = _ADDRESSES.get(kind)
    known = {"type", field}
    problems += [(f"{path}.{name}", f"is unknown for a target of type {kind}") for name in value if name not in known]
    if field is None:
        return ResultTarget(kind)
    address = value.get(field, "" if kind == "s3" else None)
    wrong = _wrong_prefix(address) if kind == "s3" else _wrong_url(address)
    if wrong is not None:
        problems.append((f"{path}.{field}", wrong))
        return None
    return ResultTarget(kind, str(address))


def _wrong_prefix(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a text"
    if not value.isprintable():
        # Half a surrogate is JSON, but no request to S3: that must show before the run is paid.
        return "must be printable"
    if len(value.encode()) > _LONGEST_PREFIX:
        return f"must have at most {_LONGEST_PREFIX} bytes"
    if value.startswith("/") or ".." in value.split("/"):
        return "must be the beginning of a key, without a leading slash and without '..'"
    return None


def _wrong_url(value: Any) -> str | None:
    problem = "must be a URL with https://"
    if not isinstance(value, str) or len(value) > _LONGEST_ADDRESS:
        return problem
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return problem
    # Locally, queues and hooks have no certificate; what is allowed at all is decided where results are sent.
    return None if parts.scheme in ("https", "http") and host else problem
