from __future__ import annotations

import pytest

from promptside.errors import TemplateError
from promptside.schema.prompt import PartialVersion, PromptVersion
from promptside.template.library import TemplateLibrary
from promptside.template.prompt import render_prompt


def _prompt(version_id: str, string: str, *, raw: bool = False) -> PromptVersion:
    return PromptVersion(
        slug="pp-hello-1a2b3c",
        prompt_id="p1",
        version=1,
        version_id=version_id,
        kind="chat",
        string=string,
        raw=raw,
    )


def _partial(version_id: str, string: str) -> PartialVersion:
    return PartialVersion(slug="pp-tone-1a2b3c", partial_id="p2", version=5, version_id=version_id, string=string)


def test_a_version_is_compiled_once_and_the_least_recently_used_is_forgotten() -> None:
    library = TemplateLibrary(capacity=2)
    first = library.prompt(_prompt("v1", "[]"))
    second = library.prompt(_prompt("v2", "[]"))

    assert library.prompt(_prompt("v1", "[]")) is first
    library.prompt(_prompt("v3", "[]"))

    assert library.prompt(_prompt("v1", "[]")) is first
    assert library.prompt(_prompt("v2", "[]")) is not second


def test_partials_serve_under_the_references_that_templates_use() -> None:
    library = TemplateLibrary()
    prompt = library.prompt(_prompt("v1", '[{"role":"user","content":"{{>tone@5}}"},{{>more}}]', raw=True))
    partials = library.partials({"tone@5": _partial("t5", 'Be "{{x}}"'), "more": _partial("m1", '{"role":"{{x}}"}')})

    assert render_prompt(prompt, {"x": "y"}, partials).messages == [
        {"role": "user", "content": 'Be "y"'},
        {"role": "y"},
    ]


def test_errors_name_the_prompt_or_the_partial() -> None:
    library = TemplateLibrary()

    with pytest.raises(
        TemplateError, match=r"\(line 1, column 1 in prompt 'pp-hello-1a2b3c', messages\[0\]\.content\)$"
    ):
        library.prompt(_prompt("v1", '[{"role":"user","content":"{{#a}}"}]'))
    with pytest.raises(TemplateError, match=r"\(line 1, column 2 in partial 'pp-tone-1a2b3c'\)$"):
        library.partials({"tone": _partial("t1", " {{/a}}")})
