"""Inputs made to exhaust time, memory or the stack end quickly, in an error that says where."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from promptside.errors import InvalidRequest, TemplateError
from promptside.template.compiler import compile_template
from promptside.template.prompt import compile_prompt, render_prompt
from promptside.template.renderer import render_text

_MANY = [1] * 300_000


def _compile_chat(string: str) -> object:
    return compile_prompt(string, kind="chat")


def _render(text: str, variables: Mapping[str, Any], **partials: str) -> str:
    return render_text(
        compile_template(text), variables, {name: compile_template(body) for name, body in partials.items()}
    )


def _render_chat(string: str, variables: Mapping[str, Any], *, raw: bool = False) -> object:
    return render_prompt(compile_prompt(string, kind="chat", raw=raw), variables, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{#a}}" * 10_000 + "{{/a}}" * 10_000, "Sections are nested more than 100 deep"),
        ("{{^a}}" * 10_000, "Sections are nested more than 100 deep"),
        ("{{a " * 100_000, "Unclosed tag"),
        ("{{a " * 100_000 + "}}", "Unclosed tag"),
        ("{{{a " * 100_000 + "}}", "Unclosed tag"),
        ("{{! " * 100_000, "Unclosed tag"),
        ("{" * 1_000_000, "Unclosed tag"),
        ("{" * 1_000_000 + "}" * 1_000_000, "Unclosed tag"),
        ("{{" + "a" * 1_000_000 + "}}", "The name in this tag is longer than"),
        ("{{a}}" * 100_000, "The template has more than 20000 tags"),
        ("x" * 3_000_000, "The template is longer than"),
    ],
    ids=range(11),
)
def test_a_template_made_to_exhaust_is_refused_at_once(text: str, message: str) -> None:
    seconds = []
    for _ in range(3):
        started = time.process_time()
        with pytest.raises(TemplateError, match=message):
            compile_template(text)
        seconds.append(time.process_time() - started)

    assert min(seconds) < 0.1


_TOO_MANY_STEPS = "Rendering takes too many steps"
_TOO_LONG = "The rendered text is longer than"
_FAN_OUT = {f"p{level}": f"{{{{>p{level + 1}}}}}{{{{>p{level + 1}}}}}" for level in range(30)} | {"p30": ""}
_INDENTED_FAN_OUT = {name: body.replace("}{", "}\n  {") for name, body in _FAN_OUT.items()}


@pytest.mark.parametrize(
    ("text", "variables", "partials", "message"),
    [
        ("{{>a}}", {}, {"a": "{{>a}}"}, "Partials are nested more than 32 deep"),
        ("{{>a}}", {}, {"a": "{{>b}}", "b": "x\n {{>a}}\n"}, "Partials are nested more than 32 deep"),
        (" {{>a}}", {}, {"a": "x\n" * 400_000 + " {{>a}}"}, _TOO_MANY_STEPS),
        ("{{>p0}}", {}, _FAN_OUT, _TOO_MANY_STEPS),
        (" {{>p0}}", {}, _INDENTED_FAN_OUT, _TOO_MANY_STEPS),
        ("{{>a}}", {"s": 1}, {"a": "{{#s}}" * 99 + "{{>a}}{{x}}" + "{{/s}}" * 99}, _TOO_MANY_STEPS),
        ("{{#l}}{{.}}{{/l}}", {"l": _MANY}, {}, _TOO_MANY_STEPS),
        ("{{#l}}{{/l}}", {"l": _MANY}, {}, _TOO_MANY_STEPS),
        ("{{#l}}{{#l}}{{#l}}{{x}}{{/l}}{{/l}}{{/l}}", {"l": _MANY[:1000]}, {}, _TOO_MANY_STEPS),
        ("{{#s}}" * 98 + "{{#l}}{{x.y}}{{/l}}" + "{{/s}}" * 98, {"s": 1, "l": _MANY}, {}, _TOO_MANY_STEPS),
        ("{{#l}}{{" + ".".join("l" * 500) + "}}{{/l}}", {"l": _MANY}, {}, _TOO_MANY_STEPS),
        ("{{x}}" * 10_000, {"x": "x" * 1_000_000}, {}, _TOO_LONG),
        ("{{x}}" * 10_000, {"x": ["x"] * 100_000}, {}, _TOO_LONG),
        ("{{#l}}{{x}}{{/l}}", {"l": _MANY, "x": "x" * 1_000_000}, {}, _TOO_LONG),
    ],
    ids=range(14),
)
def test_a_rendering_made_to_exhaust_is_stopped(
    text: str, variables: dict[str, Any], partials: dict[str, str], message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        _render(text, variables, **partials)


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_that_is_nested_too_deep_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidRequest, match="Variable 'deep' cannot be written as JSON"):
        _render("{{deep}}", {"deep": _nested(100_000)})


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "string", ["[" * 100_000 + "]" * 100_000, "[" * 101 + "]" * 101, '{"a":' * 100_000, "[ " * 500_000]
)
def test_json_that_is_nested_too_deep_is_refused(string: str, raw: bool) -> None:
    with pytest.raises(TemplateError, match="it is nested too deep"):
        _render_chat(string, {}, raw=raw)


@pytest.mark.parametrize("raw", [False, True])
def test_a_number_with_too_many_digits_is_refused(raw: bool) -> None:
    with pytest.raises(TemplateError, match="a number in it is too large"):
        _render_chat('[{"role":"user","n":' + "1" * 100_000 + "}]", {}, raw=raw)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("element", ["{{h}}", '{"role":"user","content":"{{x}}"}', '{"role":"user","content":{{h}}}'])
def test_a_large_value_cannot_be_multiplied(element: str, raw: bool) -> None:
    value = "x" * 100_000
    variables = {"x": value, "h": [{"role": "user", "content": value}]}

    with pytest.raises(TemplateError, match=_TOO_LONG):
        _render_chat("[" + ",".join([element] * 1_000) + "]", variables, raw=raw)


def test_too_many_tags_in_a_message_list_are_refused() -> None:
    with pytest.raises(TemplateError, match="The template has more than 20000 tags"):
        _compile_chat("[" + ",".join(["{{a}}"] * 100_000) + "]")


def _fails(action: Callable[[str], object]) -> Callable[[str], object]:
    def run(text: str) -> None:
        with pytest.raises(InvalidRequest):
            action(text)

    return run


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (compile_template, lambda n: "some words {{name}} and\n{{#s}}\n more {{/s}}" * n),
        (compile_template, lambda n: "{{#s}}{{/s}}" * n),
        (compile_template, lambda n: " {{! c }}" * n),
        (compile_template, lambda n: "{{! c }}" + " \t" * 50 * n + "x"),
        (lambda text: _render(text, {"a": "value"}), lambda n: "some words {{a}}, " * 4 * n),
        (lambda text: _render(text, {"s": [1, 2]}), lambda n: "words {{#s}}{{.}} {{/s}}" * n),
        (lambda text: _render(" {{>p}}", {}, p=text), lambda n: "line {{x}}\n" * n),
        (_compile_chat, lambda n: json.dumps([{"role": "user", "content": "some words {{a}} "}] * n)),
        (_compile_chat, lambda n: "[" + "{{h}}, " * n + "]"),
        (_fails(_compile_chat), lambda n: '["' + '\\"' * 20 * n),
        (_fails(_compile_chat), lambda n: "[" + ", " * 20 * n),
        (_fails(_compile_chat), lambda n: "[" + ("," + " " * 100) * n + "x"),
        (
            lambda text: _render_chat(text, {"a": '"'}, raw=True),
            lambda n: json.dumps([{"role": "user", "content": 'a "word" {{a}} '}] * n),
        ),
        (
            lambda text: _render_chat('[{"role":"user","content":"{{a}}"}]', {"a": text}, raw=True),
            lambda n: '"\\\n' * 50 * n,
        ),
        (lambda text: _render_chat("[{{h}}]", {"h": text}), lambda n: '{"role":"user"},' * 4 * n),
    ],
    ids=range(15),
)
def test_time_is_linear_in_the_size_of_the_input(action: Callable[[str], object], text: Callable[[int], str]) -> None:
    def seconds(size: int) -> float:
        given = text(size)
        best = float("inf")
        for _ in range(4):
            started = time.process_time()
            action(given)
            best = min(best, time.process_time() - started)
        return best

    small, middle, large = seconds(500), seconds(1_000), seconds(2_000)

    # Twice the size is twice the time; four times would be the mark of a quadratic algorithm.
    assert large < 8 * max(small, 0.0002)
    assert large < 3.5 * max(middle, 0.0004)


def test_two_kilobytes_with_ten_variables_render_within_fifty_microseconds() -> None:
    template = compile_template("".join(f"{'lorem ipsum dolor ' * 11}{{{{name{index}}}}}" for index in range(10)))
    variables = {f"name{index}": f"value {index}" for index in range(10)}
    best = float("inf")
    for _ in range(20):
        started = time.process_time()
        for _ in range(50):
            render_text(template, variables, {})
        best = min(best, (time.process_time() - started) / 50)

    assert best < 50e-6
