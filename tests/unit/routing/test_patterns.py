"""The subset of regular expressions that always ends soon."""

import pytest

from promptside.routing.patterns import LONGEST_TEXT, UnsafePattern, compile_pattern, matches


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^gold$", "gold", True),
        ("gold", "the golden", True),
        ("^(gold|silver)-[0-9]{1,4}$", "silver-12", True),
        (r"\bacme\b", "at acme now", True),
        (".*@example\\.com$", "ann@example.com", True),
        ("(?i)EU", "eu-west", True),
        ("colou?r", "color", True),
        ("a{3}", "aa", False),
        ("(^){3}a", "a", True),
        ("a", "a" * (LONGEST_TEXT + 1), False),
    ],
)
def test_a_pattern_is_searched_for(pattern: str, text: str, found: bool) -> None:
    assert matches(compile_pattern(pattern), text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a*)*", "(ab|c)*c", "(a|aa)+$", "([a-z]+)*x", "(?:a?){20}a{20}", "a?" * 30 + "a" * 30,
        "a*a*a*a*b", r"(a)\1", "(?=a)a", "(?!a)b", "(?<=a)b", "(x+x+)+y", "(.*a){12}", "[", "(" * 300, "a" * 257,
        "(" + "|".join("ab") + ")" * 1 + ".*.*.*", "((){4000}){4000}x", "(((^){60}){60}){60}x",
        "(a?){60000}x", r"((\b){600,601}){600}x",
    ],
)  # fmt: skip
def test_a_pattern_that_may_explode_is_refused(pattern: str) -> None:
    with pytest.raises(UnsafePattern):
        compile_pattern(pattern)
