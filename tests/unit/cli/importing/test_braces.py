from __future__ import annotations

import pytest

from cli.importing.braces import odd_names, sigils, single_braces


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hi {name}", [(1, "name")]),
        ("a\nHi {name!r} and {name}", [(2, "name")]),
        ("{price:.2f} {user.name}", [(1, "price"), (1, "user.name")]),
        ("{{name}} {{ name }} {{{name}}}", []),
        ('{"a": 1} { } {} {1} { name }', []),
        ("${HOME} \\{escaped}", []),
        ("body { color: red }", []),
    ],
)
def test_single_braces_around_a_name_are_found(text: str, names: list[tuple[int, str]]) -> None:
    expected = [
        f"line {line}: '{{{name}}}' stays as it stands; write '{{{{{name}}}}}' if it is a variable"
        for line, name in names
    ]

    assert single_braces(text) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{{name}} {{first name}} {{a.b}} {{a-b}} {{naïve}}", []),
        ('ok\n{{"a": 1}}', [2]),
        ("{{a | b}}\n\n{{f(x)}} {{g(x)}}", [1, 3]),
        ("{{#a}}{{/a}}{{!x, y}}", []),
    ],
)
def test_tags_without_a_plain_name_are_found(text: str, lines: list[int]) -> None:
    assert [sentence.partition(":")[0] for sentence in odd_names(text)] == [f"line {line}" for line in lines]


def test_tags_with_a_sigil_are_found_once_a_line() -> None:
    found = sigils("{{a}}\n{{#b}}{{/b}}\n{{> c}}")

    assert [sentence.partition(":")[0] for sentence in found] == ["line 2", "line 3"]


def test_no_more_than_five_are_shown() -> None:
    assert len(single_braces(" ".join(f"{{name_{number}}}" for number in range(9)))) == 5
