"""Plain values to DynamoDB's attributes and back."""

import pytest

from promptside.store.items import decode_item, decode_value, encode_item, encode_value, item_size

RECORD = {
    "text": "é\u2028\0",
    "empty": "",
    "yes": True,
    "no": False,
    "n": 12,
    "list": ["a", ""],
    "map": {"a": 1, "b": "c"},
}


def test_a_record_survives_the_way_there_and_back() -> None:
    assert decode_item(encode_item(RECORD)) == RECORD


def test_booleans_are_not_numbers_and_none_is_left_out() -> None:
    assert encode_item({"yes": True, "one": 1, "gone": None}) == {"yes": {"BOOL": True}, "one": {"N": "1"}}


def test_what_was_never_written_is_refused() -> None:
    with pytest.raises(TypeError, match="float has no place"):
        encode_value(1.5)
    with pytest.raises(TypeError, match="type B was not written"):
        decode_value({"B": b"x"})


@pytest.mark.parametrize("text", ["x" * 1000, "é" * 1000, "😀" * 1000])
def test_the_size_counts_bytes_and_is_never_too_small(text: str) -> None:
    real = len(text.encode()) + len(b"string")

    assert real <= item_size({"string": text}) <= real + 1024
