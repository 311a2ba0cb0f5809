from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from promptside.errors import InvalidRequest, TemplateError
from promptside.template.compiler import Limits, compile_template
from promptside.template.renderer import render_text


def _render(text: str, variables: Any = None, **partials: str) -> str:
    compiled = {name: compile_template(partial, name=f"partial '{name}'") for name, partial in partials.items()}
    return render_text(compile_template(text), variables or {}, compiled)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ('<b>"Tom & Jerry\'s"</b>', '<b>"Tom & Jerry\'s"</b>'),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (0, "0"),
        (-7, "-7"),
        (12345678901234567890, "12345678901234567890"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        ([], "[]"),
        ({}, "{}"),
        ({"é": [1, None, True, 'q"'], "b": {"c": 1.5}}, '{"é":[1,null,true,"q\\""],"b":{"c":1.5}}'),
    ],
)
@pytest.mark.parametrize("tag", ["{{x}}", "{{{x}}}", "{{&x}}", "{{ x }}", "{{=<% %>=}}<%x%>", "{{#y}}{{x}}{{/y}}"])
def test_a_value_is_written_the_same_in_every_spelling_of_its_tag(tag: str, value: Any, text: str) -> None:
    assert _render(f"[{tag}]", {"x": value, "y": True}) == f"[{text}]"


@pytest.mark.parametrize("value", [None, False, "", 0, 0.0, float("nan"), []])
def test_a_section_over_something_empty_is_hidden_and_its_inverse_shown(value: Any) -> None:
    assert _render("{{#x}}shown{{/x}}{{^x}}inverse{{/x}}", {"x": value}) == "inverse"


@pytest.mark.parametrize("value", [True, "false", "0", " ", 1, -0.5, {}, {"a": None}, [None], [0]])
def test_a_section_over_something_else_is_shown_and_its_inverse_hidden(value: Any) -> None:
    assert _render("{{#x}}shown{{/x}}{{^x}}inverse{{/x}}", {"x": value}) == "shown"


def test_an_absent_variable_is_empty_and_an_extra_one_ignored() -> None:
    assert _render("Hi {{name}}{{#a}}x{{/a}}{{^a}}!{{/a}}", {"other": 1}) == "Hi !"


def test_a_list_section_repeats_and_looks_names_up_in_the_item_then_outward() -> None:
    variables = {"items": [{"name": "a"}, {"name": "b", "unit": "kg"}], "unit": "m"}

    assert _render("{{#items}}{{name}} {{unit}};{{/items}}", variables) == "a m;b kg;"


def test_the_dot_is_the_innermost_value() -> None:
    assert _render("{{#rows}}{{#.}}{{.}},{{/.}};{{/rows}}", {"rows": [[1, 2], ["x"]]}) == "1,2,;x,;"
    assert _render("{{.}}", {"a": 1}) == '{"a":1}'


def test_dotted_names_reach_into_objects_and_lists() -> None:
    variables = {"a": {"b": [{"c": "found"}], "phone number": "1"}}

    assert _render("{{a.b.0.c}} {{a.phone number}} {{a.b.1.c}}{{a.b.x}}{{a.b.-1}}", variables) == "found 1 "


@pytest.mark.parametrize("name", ["phone number", "größe", "日本", "a-b", "__proto__", "__class__", "constructor", '"'])
def test_any_name_is_just_a_key(name: str) -> None:
    assert _render(f"{{{{{name}}}}}", {name: "value"}) == "value"
    assert _render(f"{{{{{name}}}}}", {}) == ""


def test_any_mapping_serves_as_variables() -> None:
    template = compile_template("{{a}}{{#b}}{{c.d}}{{/b}}")

    assert render_text(template, MappingProxyType({"a": 1, "b": True, "c": {"d": 2}}), {}) == "12"


@pytest.mark.parametrize("tail", ["", "{{#s}}{{/s}}"])
@pytest.mark.parametrize("value", ["{{y}}", "{{#y}}", "{{/s}}", "{{>p}}", "{{=<% %>=}}", "{{{y}}}", "{{!", "}}", "{{"])
def test_a_tag_within_a_value_comes_out_literally(value: str, tail: str) -> None:
    assert _render("({{x}}) {{y}}" + tail, {"x": value, "y": "why"}, p="partial") == f"({value}) why"


class _Trap:
    secret = "leaked"

    def __call__(self) -> str:
        raise AssertionError("a value was called")

    def __getattr__(self, name: str) -> str:
        raise AssertionError(f"attribute {name} was read")


@pytest.mark.parametrize(
    "tag",
    ["x.secret", "x.__class__", "x.__init__.__globals__", "text.upper", "text.__class__.__mro__", "list.append", "x.0"],
)
def test_attributes_are_never_read(tag: str) -> None:
    assert _render(f"{{{{{tag}}}}}", {"x": _Trap(), "text": "t", "list": []}) == ""


def test_a_section_never_calls_a_value() -> None:
    assert _render("{{#x}}{{secret}}{{upper}}text{{/x}}", {"x": _Trap()}) == "text"


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {"a": object()}, {("a",): 1}, [10**5000]])
def test_a_value_that_is_not_plain_data_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        _render("{{bad one}}", {"bad one": value})

    assert caught.value.param == "variables.bad one"
    assert caught.value.code == "invalid_variable"


def test_a_list_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(InvalidRequest, match="Variable 'loop'"):
        _render("{{loop}}", {"loop": loop})


def test_partials_share_the_variables_and_may_hold_partials() -> None:
    template = compile_template("{{#items}}{{>item}}{{/items}}")
    partials = {"item": compile_template("<{{name}} {{>unit@5}}>"), "unit@5": compile_template("{{unit}}")}
    variables = {"items": [{"name": "a"}, {"name": "b"}], "unit": "kg"}

    assert render_text(template, variables, partials) == "<a kg><b kg>"


def test_a_partial_with_a_line_to_itself_is_indented_but_not_the_values_in_it() -> None:
    rendered = _render(
        "-\n  {{>a}}\n-", {"x": "1\n2", "yes": True}, a="{{x}}\n\n{{#yes}}\nin\n{{/yes}}\n \t{{>b}}\nend", b="b1\nb2\n"
    )

    assert rendered == "-\n  1\n2\n\n  in\n   \tb1\n   \tb2\n  end-"


def test_an_inline_comment_and_section_at_the_start_of_an_indented_line_are_indented_once() -> None:
    assert _render(" {{>a}}", {"yes": [1, 2]}, a="{{! c }}x\n{{#yes}}y{{/yes}}\n{{yes}}") == " x\n yy\n [1,2]"


def test_a_missing_partial_is_named_with_its_place() -> None:
    with pytest.raises(TemplateError) as caught:
        _render("a\n {{>outer}}", {}, outer="x{{>inner@3}}")

    assert caught.value.message == "Partial 'inner@3' does not exist (line 1, column 2 in partial 'outer')"
    assert caught.value.code == "partial_not_found"


@pytest.mark.parametrize("name", ["Tone", ">Tone"])
def test_a_callers_partial_is_text_under_its_name_with_or_without_the_sign(name: str) -> None:
    value = "Be {{brief}}\n & kind"

    assert _render("  {{>>Tone}}\nEnd", {name: value, "brief": "x"}) == f"  {value}\nEnd"


def test_a_callers_partial_is_not_looked_up_in_sections_and_may_be_absent() -> None:
    assert _render("{{#a}}[{{>>t}}]{{/a}}{{>>none}}", {"a": [{"t": "inner"}, {}], "t": "outer"}) == "[outer][outer]"


@pytest.mark.parametrize(
    ("partials", "reference"),
    [({"a": "{{>a}}"}, "a"), ({"a": "{{>b}}", "b": " {{>a}}\n"}, "a"), ({"a": " {{>a}}"}, "a")],
)
def test_a_partial_that_includes_itself_is_an_error_that_says_so(partials: dict[str, str], reference: str) -> None:
    with pytest.raises(TemplateError, match=r"Partials are nested more than 32 deep: '[ab]' may include itself"):
        _render(f"{{{{>{reference}}}}}", {}, **partials)


def test_recursion_over_data_is_fine() -> None:
    leaves = [{"n": 3, "below": []}, {"n": 4, "below": []}]
    tree = {"n": 1, "below": [{"n": 2, "below": leaves}]}

    assert _render("{{>node}}", tree, node="{{n}}({{#below}}{{>node}}{{/below}})") == "1(2(3()4()))"


@pytest.mark.parametrize("text", ["{{x}}{{x}}", "{{#y}}{{x}}{{x}}{{/y}}", "{{y}}1234567890"])
def test_output_over_the_limit_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="The rendered text is longer than 10 characters"):
        render_text(compile_template(text), {"x": "123456", "y": [1]}, {}, limits=Limits(output_size=10))


def test_output_at_the_limit_is_rendered() -> None:
    assert (
        render_text(compile_template("{{x}}"), {"x": "1234567890"}, {}, limits=Limits(output_size=10)) == "1234567890"
    )
