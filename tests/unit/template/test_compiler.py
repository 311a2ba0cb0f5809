from __future__ import annotations

import pytest

from promptside.errors import TemplateError
from promptside.template.compiler import Limits, compile_template


def test_variables_are_the_names_in_order_of_first_use_with_sections_and_without_the_dot() -> None:
    template = compile_template(
        "{{b}}{{#list}}{{.}}{{a.c}}{{/list}}{{^none}}{{b}}{{{phone number}}}{{&d}}{{/none}}{{!x}}"
    )

    assert template.variables == ("b", "list", "a.c", "none", "phone number", "d")


def test_partials_are_kept_as_written() -> None:
    template = compile_template("{{>tone}}{{> tone@5 }}{{>tone@latest}}{{>tone}}{{>>Rules of Play}}{{>> b }}")

    assert template.partials == ("tone", "tone@5", "tone@latest")
    assert template.caller_partials == ("Rules of Play", "b")
    assert template.variables == ()


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a\nb {{name", "Unclosed tag: '}}' is missing", 2, 3),
        ("{{{name}}", "Unclosed tag: '}}}' is missing", 1, 1),
        ("{{! comment", "Unclosed tag: '}}' is missing", 1, 1),
        ("{{name {{other}}", "Unclosed tag: '}}' is missing before the next '{{'", 1, 1),
        ("x {{}} y", "Empty tag: it needs a name", 1, 3),
        ("x {{# }}", "Empty tag: it needs a name", 1, 3),
        ("\n\n {{#a}}b", "Unclosed section: 'a' has no closing tag", 3, 2),
        ("{{#a}}{{#b}}{{/a}}{{/b}}", "Section 'b' is open, but the closing tag says 'a'", 1, 13),
        ("{{#a}}\n{{/b}}", "Section 'a' is open, but the closing tag says 'b'", 2, 1),
        ("text {{/a}}", "Stray closing tag: no section 'a' is open", 1, 6),
        ("{{=<% %>", "Unclosed tag: '=}}' is missing", 1, 1),
        ("{{=<%=}}", "Bad delimiters '<%': write two, with a space between and no '='", 1, 1),
        ("{{=a= b=}}", "Bad delimiters 'a= b': write two, with a space between and no '='", 1, 1),
        ("{{=a b c=}}", "Bad delimiters 'a b c': write two, with a space between and no '='", 1, 1),
        (
            "{{>tone@staging}}",
            "Partial 'tone@staging' is not a reference: write a slug, slug@5 or slug@latest (no labels)",
            1,
            1,
        ),
        ("{{>tone@}}", "Partial 'tone@' is not a reference: write a slug, slug@5 or slug@latest (no labels)", 1, 1),
        ("{{>@5}}", "Partial '@5' is not a reference: write a slug, slug@5 or slug@latest (no labels)", 1, 1),
    ],
)
def test_a_fault_says_what_and_where(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(text, name="prompt 'pp-hello'")

    assert str(caught.value) == f"{message} (line {line}, column {column} in prompt 'pp-hello')"
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.status == 400


def test_a_name_in_an_error_is_cut() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template("{{/" + "n" * 500 + "}}")

    assert caught.value.message == f"Stray closing tag: no section '{'n' * 64}…' is open (line 1, column 1)"


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("123456", Limits(template_size=5), "The template is longer than 5 characters (line 1, column 1)"),
        ("{{a}}{{b}}{{c}}", Limits(tags=2), "The template has more than 2 tags (line 1, column 11)"),
        ("{{#a}}{{^b}}{{#c}}", Limits(nesting=2), "Sections are nested more than 2 deep (line 1, column 13)"),
        ("{{abcd}}", Limits(name_length=3), "The name in this tag is longer than 3 characters (line 1, column 1)"),
    ],
)
def test_a_template_over_a_limit_is_refused(text: str, limits: Limits, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(text, limits=limits)

    assert caught.value.message == message
