import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.stored_form import join_messages, split_messages

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CONTENTS = st.one_of(TEXTS, st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), max_size=3))
MESSAGES = st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": CONTENTS})
PLACEHOLDERS = st.sampled_from(["{{chat_history}}", "{{{chat history}}}", "{{>>examples}}"])


@given(st.lists(st.one_of(MESSAGES, PLACEHOLDERS), min_size=1, max_size=5))
def test_items_survive_the_way_into_the_stored_text_and_back(items: list[Any]) -> None:
    found = split_messages(join_messages(items))

    # What looks like a held tag is left to the text itself.
    assert found == items or (found is None and "\\u0000" in json.dumps(items))


def test_spaces_and_line_ends_of_the_stored_text_do_not_matter() -> None:
    text = ' [{"role":"user",\n"content":"{{a}} {{b}}"} , {{history}},{"role": "assistant","content":null}]\n'

    assert split_messages(text) == [
        {"role": "user", "content": "{{a}} {{b}}"},
        "{{history}}",
        {"role": "assistant", "content": None},
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[{"role": "user", "content": {{content}}}]',
        '[{{#a}}{"role": "user", "content": "x"}{{/a}}]',
        '[{"role": "user", "content": [{{image}}]}]',
        '[{"role": "user", "content": "\\u00000"}]',
        '[{"content": "no role"}]',
        '["text"]',
        "[]",
        "{}",
        "plain",
        "",
    ],
)
def test_what_is_no_plain_list_of_messages_stays_text(text: str) -> None:
    assert split_messages(text) is None
