from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.yaml_text import dump

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t\r \x00"), max_size=40),
)  # fmt: skip
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=9)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, min_size=1))
def test_any_value_is_read_back_as_it_was_also_field_by_field(value: dict[str, Any]) -> None:
    text = "".join(dump({name: item}) for name, item in value.items())

    assert yaml.safe_load(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"content": "one\ntwo\n"}, "content: |\n  one\n  two\n"),
        ({"content": "one \n\n  two"}, "content: |-\n  one \n\n    two\n"),
        ({"content": "long " * 40 + "line"}, "content: " + "long " * 40 + "line\n"),
        ({"a": [{"b": 1}]}, "a:\n  - b: 1\n"),
        ({"required": ["name", "email"]}, "required: [name, email]\n"),
        ({"stop": ["\n"]}, 'stop:\n  - "\\n"\n'),
        ({"z": 1, "a": "é ☕"}, "z: 1\na: é ☕\n"),
        ({"messages": ["{{history}}"]}, "messages: ['{{history}}']\n"),
    ],
)
def test_it_reads_well(value: Any, text: str) -> None:
    assert dump(value) == text
