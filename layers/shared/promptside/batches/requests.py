"""Makes orders of a batch's lines.

OpenAI's lines, https://developers.openai.com/api/docs/guides/batch, read 2026-11-22:

    {"custom_id": "a-1", "method": "POST", "url": "/v1/chat/completions", "body": {"prompt": {"id": "welcome"}, ...}}

Lines of dropped files are envelopes (`events.envelope`) or just `{"variables": {...}}`; a CSV's columns are variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptside.api.bodies import parse_object
from promptside.batches.inputs import CUSTOM_ID
from promptside.batches.lines import Record
from promptside.errors import InvalidRequest, JsonObject, PromptsideError
from promptside.events.base import Line, Order
from promptside.events.envelope import order_of
from promptside.schema.batch import BatchRecord

LONGEST_CUSTOM_ID = 512
SOURCE = "batch"


class LineRefused(Exception):
    """A line that cannot be run as it is."""

    def __init__(self, custom_id: str | None, error: PromptsideError) -> None:
        super().__init__(error.message)
        self.custom_id = custom_id
        self.error = error


def line_order(record: BatchRecord, line: Record, *, repeated: bool) -> Order:
    """Return the order in a line; `repeated` says that an earlier line has the same custom_id.

    Its key is `<batch>:<line>`, unless an envelope brings its own. Raises LineRefused.
    """
    custom_id = None
    try:
        fields = _fields(record, line)
        custom_id = _custom_id(fields)
        if repeated:
            raise _invalid("An earlier line has the same custom_id: this one was not run", "duplicate_custom_id")
        place = Line(record.batch_id, line.number, custom_id)
        key = f"{record.batch_id}:{line.number}"
        made = _openai_order if record.shape == "openai" else _envelope_order
        return replace(made(record, fields, key), key_digest=record.key_digest, source=SOURCE, line=place)
    except PromptsideError as error:
        raise LineRefused(custom_id, error) from error


def _fields(record: BatchRecord, line: Record) -> JsonObject:
    """Return what a line says, by name."""
    if line.problem is not None:
        raise _invalid(line.problem, "invalid_line")
    if line.row is None:
        try:
            return parse_object((line.text or "").encode())
        except InvalidRequest as error:
            message = error.message.replace("The request body", "The line")
            raise InvalidRequest(message, code="invalid_json_line") from error
    columns = record.input.columns
    if len(line.row) != len(columns):
        raise _invalid(f"The row has {len(line.row)} fields, the header {len(columns)}", "invalid_line")
    variables: JsonObject = dict(zip(columns, line.row, strict=True))
    custom_id = variables.pop(CUSTOM_ID, "")
    return {"variables": variables, **({CUSTOM_ID: custom_id} if custom_id else {})}


def _custom_id(fields: JsonObject) -> str | None:
    value = fields.get(CUSTOM_ID)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > LONGEST_CUSTOM_ID:
        raise _invalid(f"'custom_id' must be a text of 1 to {LONGEST_CUSTOM_ID} characters", "invalid_custom_id")
    return value


def _envelope_order(record: BatchRecord, fields: JsonObject, key: str) -> Order:
    defaults = record.defaults
    envelope = {**defaults, **{name: value for name, value in fields.items() if name != CUSTOM_ID}}
    for name in ("variables", "metadata", "headers"):
        # What a line says in one of these stands beside what the batch says, and above it.
        if isinstance(defaults.get(name), dict) and isinstance(fields.get(name), dict):
            envelope[name] = {**defaults[name], **fields[name]}
    order = order_of(envelope, key=key, source=SOURCE)
    # Results of lines are in the batch's own files; elsewhere they only go if somebody says so.
    order = replace(order, results=order.results or ())
    if order.correlation_id is None and fields.get(CUSTOM_ID):
        order = replace(order, correlation_id=fields[CUSTOM_ID])
    return order


def _openai_order(record: BatchRecord, fields: JsonObject, key: str) -> Order:
    if fields.get(CUSTOM_ID) is None:
        raise _invalid("'custom_id' is missing: give each line one of its own", "missing_custom_id")
    if fields.get("method") != "POST":
        raise _invalid("'method' must be 'POST'", "invalid_method")
    url = fields.get("url")
    if url != record.endpoint:
        raise _invalid(f"'url' must be the batch's endpoint, '{record.endpoint}'", "invalid_url")
    body: Any = fields.get("body")
    if not isinstance(body, dict):
        raise _invalid("'body' must be a JSON object", "invalid_body")
    headers: Mapping[str, str] = record.defaults.get("headers", {})
    return Order(key, record.endpoint, body, headers, metadata=dict(record.metadata), results=())


def _invalid(message: str, code: str) -> InvalidRequest:
    return InvalidRequest(message, code=code)
