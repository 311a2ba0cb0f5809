from __future__ import annotations

import pytest

from cli.importing.langfuse_references import REFERENCE
from cli.importing.pinned_partials import insert_partials
from promptside.template.compiler import compile_template
from promptside.template.prompt import compile_prompt, render_prompt

SNIPPETS = ["one line", "two\nlines", "ends with a line\n", "\n", "  indented\n    more\n"]
TEXTS = [
    "@",
    "a @ b",
    "a\n@\nb",
    "a\r\n@\r\nb",
    "a\n  @\nb",
    "a\n  @",
    "@\nb",
    "@ \nb",
    "a\n@@\nb",
    "@\n@\n",
    "\n\n@\n\n",
]


@pytest.mark.parametrize("snippet", SNIPPETS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_reference_that_became_a_partial_renders_as_if_it_had_been_replaced(text: str, snippet: str) -> None:
    source = text.replace("@", "<ref>").replace("<ref>", "@@@langfusePrompt:name=x|label=production@@@")

    template = insert_partials(source, REFERENCE, lambda _: "x")

    rendered = render_prompt(compile_prompt(template, kind="text"), {}, {"x": compile_template(snippet)})
    assert rendered.text == text.replace("@", snippet)
