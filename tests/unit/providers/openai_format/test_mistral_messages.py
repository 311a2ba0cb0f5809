from __future__ import annotations

import re
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.openai_format.mistral_messages import mistral_part, mistral_schema, nine_characters


@pytest.mark.parametrize(
    "call_id", ["call_PTLP8xhu3uwZk4l3", "toolu_01A", "", "a-b-c-d-e", "\ud800", "ünïcödé99", "x" * 500]
)
def test_every_foreign_id_becomes_nine_letters_and_digits(call_id: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", nine_characters(call_id))


def test_an_id_is_always_written_the_same() -> None:
    assert nine_characters("call_1") == nine_characters("call_1")
    assert nine_characters(nine_characters("call_1")) == nine_characters("call_1")


def test_a_legal_id_stays() -> None:
    assert nine_characters("Qk3v9ZpLm") == "Qk3v9ZpLm"


def test_different_ids_stay_different() -> None:
    ids = [f"call_{number}" for number in range(2000)]

    assert len({nine_characters(call_id) for call_id in ids}) == len(ids)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "a"}),
        ({"type": "file", "file_id": "f"}, {"type": "file", "file_id": "f"}),
        ({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file_id": "f"}),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}},
            {"type": "document_url", "document_url": "data:application/pdf;base64,AA=="},
        ),
        ({"type": "input_audio", "input_audio": "AA=="}, {"type": "input_audio", "input_audio": "AA=="}),
        ({"type": "refusal", "refusal": "No."}, {"type": "text", "text": "No."}),
        ({"type": "thinking", "thinking": []}, {"type": "thinking", "thinking": []}),
        ({"type": "new", "new": {"a": 1}}, {"type": "new", "new": {"a": 1}}),
    ],
)
def test_a_part_takes_the_form_of_the_api(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert mistral_part(given) == expected


@pytest.mark.parametrize("file", [{}, {"file_data": "AA=="}, {"file_data": 7}, {"filename": "a.pdf"}])
def test_a_file_without_a_form_of_its_own_is_refused(file: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        mistral_part({"type": "file", "file": file})

    assert caught.value.param == "messages"
    assert caught.value.code == "unsupported_content"


def test_a_schema_loses_references_and_identifiers_but_no_property_of_that_name() -> None:
    schema = {
        "$id": "urn:a",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"$id": {"type": "string"}, "tree": {"$ref": "#/definitions/Tree"}},
        "definitions": {"Tree": {"type": "object", "properties": {"child": {"$ref": "#/definitions/Tree"}}}},
    }

    assert mistral_schema(schema) == {
        "type": "object",
        "properties": {
            "$id": {"type": "string"},
            "tree": {"type": "object", "properties": {"child": {}}},
        },
    }
