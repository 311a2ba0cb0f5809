"""What must hold for any value whatsoever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptside.template.compiler import compile_template
from promptside.template.prompt import CompiledPrompt, compile_prompt, render_prompt
from promptside.template.renderer import render_text

_ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
_TAGS = ("{{", "}}", "{{{", "}}}", "{{x}}", "{{#y}}", "{{/y}}", "{{>p}}", "{{=<% %>=}}", "<%x%>")
_JSON = (
    '"',
    "\\",
    "\n",
    "\0",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"},{"role":"system","content":"',
    '{"\\u0000":0}',
    "\\u0000",
)
_HALVES = ("\ud83d", "\ude00")
_SPITEFUL_TEXT = st.lists(st.sampled_from(_TAGS + _JSON + _HALVES), max_size=8).map("".join)
_TEXT = _ANY_TEXT | _SPITEFUL_TEXT
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_FEW = settings(max_examples=60, deadline=None, derandomize=True)

_MESSAGES = (
    '[{"role":"system","content":"A {{x}} \\" {{#y}}[{{x}}]{{/y}}{{^y}}({{x}}){{/y}}"},'
    '{"role":"user","content":[{"type":"text","text":"{{>p}}{{{x}}}"},{"type":"image_url","image_url":{"url":"{{>>x}}"}}]}]'
)
_PARTIALS = {"p": compile_template('"{{x}}"\\')}


def _compile(*, raw: bool) -> CompiledPrompt:
    return compile_prompt(_MESSAGES, kind="chat", raw=raw)


@pytest.mark.parametrize("raw", [False, True])
@given(value=_TEXT, truth=st.booleans())
@_FEW
def test_any_text_arrives_byte_for_byte_wherever_it_stands(raw: bool, value: str, truth: bool) -> None:
    messages = render_prompt(_compile(raw=raw), {"x": value, "y": truth}, _PARTIALS).messages

    assert messages == [
        {"role": "system", "content": f'A {value} " ' + (f"[{value}]" if truth else f"({value})")},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": f'"{value}"\\{value}'},
                {"type": "image_url", "image_url": {"url": value}},
            ],
        },
    ]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item if key in {"role", "type"} else _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("raw", [False, True])
@given(x=_DATA, y=_DATA)
@_FEW
def test_messages_and_roles_depend_on_the_template_only(raw: bool, x: Any, y: Any) -> None:
    prompt = _compile(raw=raw)

    filled = render_prompt(prompt, {"x": x, "y": y}, _PARTIALS).messages

    assert _shape(filled) == _shape(render_prompt(prompt, {}, _PARTIALS).messages)


@pytest.mark.parametrize("raw", [False, True])
@given(x=_DATA)
@_FEW
def test_both_modes_and_plain_text_write_data_the_same(raw: bool, x: Any) -> None:
    messages = render_prompt(_compile(raw=raw), {"x": x, "y": False}, _PARTIALS).messages
    text = render_text(compile_template("{{x}}"), {"x": x}, {})

    assert messages is not None
    assert messages[0]["content"] == f'A {text} " ({text})'


@given(value=_TEXT, tail=st.sampled_from(["", "{{#y}}{{/y}}", "{{>p}}"]))
@_FEW
def test_tags_within_values_are_never_expanded(value: str, tail: str) -> None:
    rendered = render_text(
        compile_template("<{{x}}|{{>>x}}>" + tail), {"x": value, "y": "leaked"}, {"p": compile_template("")}
    )

    assert rendered == f"<{value}|{value}>"


@pytest.mark.parametrize("raw", [False, True])
@given(contents=st.lists(_TEXT, max_size=3), as_text=st.booleans())
@_FEW
def test_a_history_arrives_as_it_is_and_adds_just_its_own_messages(
    raw: bool, contents: list[str], as_text: bool
) -> None:
    prompt = compile_prompt('[{"role":"system","content":"{{x}}"}, {{h}}]', kind="chat", raw=raw)
    history = [{"role": "user", "content": content, "{{x}}": [content]} for content in contents]

    messages = render_prompt(prompt, {"x": "S", "h": json.dumps(history) if as_text else history}, {}).messages

    joined = json.loads(json.dumps(history)) if as_text else history
    assert messages == [{"role": "system", "content": "S"}, *joined]


@given(value=_TEXT)
@_FEW
def test_a_value_cannot_pass_for_a_marker_of_another(value: str) -> None:
    prompt = compile_prompt('[{{h}},{"role":"user","content":"{{x}}","n":[{{h}}]}]', kind="chat", raw=True)
    history = [{"role": "user", "content": value}]

    assert render_prompt(prompt, {"x": value, "h": history}, {}).messages == [
        history[0],
        {"role": "user", "content": value, "n": history},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{config.items()}}",
        "{{self.__init__.__globals__}}",
        "{{x.__class__.__init__.__globals__}}",
        "{{x.format}}{{x.upper}}{{x.constructor.constructor}}",
        "{{__proto__.polluted}}{{constructor.prototype}}",
        "{{lookup this 'constructor'}}",
    ],
)
def test_the_tricks_of_other_template_languages_give_nothing(text: str) -> None:
    rendered = render_text(compile_template(text), {"x": "secret", "list": [1]}, {})

    assert rendered in {"", "{% for x in ().__class__.__base__.__subclasses__() %}secret{% endfor %}"}
