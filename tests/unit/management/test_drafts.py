"""What a draft is taken for, and the slugs that are made for it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from promptside.errors import InvalidRequest
from promptside.management.drafts import kind_of, new_slug, template_string
from promptside.management.services import ManagementServices
from promptside.store.names import is_slug


@pytest.mark.parametrize(
    ("string", "metadata", "kind"),
    [
        ('[{"role":"user","content":"x"}]', {}, "chat"),
        (' \n[{"role":"system","content":"x"}, {{chat_history}}]', {}, "chat"),
        ("Say {{x}}", {}, "text"),
        ("", {}, "text"),
        ("[not a list", {"template_type": "completion"}, "text"),
        ("{{#a}}[]{{/a}}", {"template_type": "chat"}, "chat"),
        ("[]", {"template_type": "text"}, "text"),
    ],
)
def test_the_kind_is_what_the_metadata_says_else_how_the_template_looks(
    string: str, metadata: dict[str, Any], kind: str
) -> None:
    assert kind_of(string, metadata) == kind


def test_a_message_list_that_is_not_yet_text_becomes_text() -> None:
    assert template_string({"string": [{"role": "user", "content": "é"}]}) == '[{"role": "user", "content": "é"}]'


@pytest.mark.parametrize("value", [None, "", 1, {}, True])
def test_everything_else_is_no_template(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        template_string({"string": value})


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("HR Bot", "pp-hr-bot-0a1b2c"),
        ("  --Ünïcode & more!--  ", "pp-n-code-more-0a1b2c"),
        ("日本語", "pp-prompt-0a1b2c"),
        ("x" * 200, f"pp-{'x' * 32}-0a1b2c"),
        ("a" * 31 + " b", f"pp-{'a' * 31}-0a1b2c"),
    ],
)
def test_a_slug_is_made_of_the_names_letters_and_digits(name: str, slug: str) -> None:
    services = cast("ManagementServices", SimpleNamespace(new_suffix=lambda: "0a1b2c"))

    made = new_slug(services, name)

    assert (made, is_slug(made)) == (slug, True)
