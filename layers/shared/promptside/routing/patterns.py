r"""Regular expressions in configs: a subset that always ends soon, whoever wrote the pattern and sent the text.

Taken are literals, classes, anchors, groups, choices and repetitions that do not contain each other. References back,
look-arounds and nested repetitions are refused, and so is a pattern whose choices multiply: `a*a*a*a*b`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
from re import _constants as tokens  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LONGEST_PATTERN = 256
LONGEST_TEXT = 256
"""Characters of a text that a pattern is tried on; a longer one does not match."""
_MOST_STEPS = 10_000_000
"""About how many steps the worst text may take."""
REPEATS = frozenset({tokens.MAX_REPEAT, tokens.MIN_REPEAT, tokens.POSSESSIVE_REPEAT})
_REFUSED = frozenset({tokens.GROUPREF, tokens.GROUPREF_EXISTS, tokens.ASSERT, tokens.ASSERT_NOT, tokens.ATOMIC_GROUP})
_SHORT_REPEAT = 16


class UnsafePattern(ValueError):
    """A pattern that is not taken; the text says why."""


@dataclass(slots=True)
class _Freedom:
    """How many ways a pattern has to go on: long repetitions, and the product of everything shorter."""

    repetitions: int = 0
    choices: int = 1

    def steps(self) -> int:
        """Return about how many steps the worst text takes: all places where the repetitions may start and end."""
        places = self.repetitions + 1
        return int(self.choices * LONGEST_TEXT**places / factorial(places))


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern. Raises UnsafePattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise UnsafePattern(f"has {len(pattern)} characters; a pattern can have {LONGEST_PATTERN}")
    try:
        compiled = re.compile(pattern)
        parsed = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        raise UnsafePattern("is no regular expression") from exc
    freedom = _Freedom()
    _measure(parsed, freedom, repeated=False)
    if freedom.steps() > _MOST_STEPS:
        raise UnsafePattern("has too many repetitions and choices: write it with fewer")
    return compiled


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Tell whether the pattern is found anywhere in the text."""
    return len(text) <= LONGEST_TEXT and pattern.search(text) is not None


def inner_patterns(argument: Any) -> Iterator[Any]:
    """Yield the patterns inside a token's argument, however the parser has packed them."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from inner_patterns(part)


def _measure(parsed: Any, freedom: _Freedom, *, repeated: bool) -> None:
    for token, argument in parsed:
        if token in _REFUSED:
            raise UnsafePattern("refers back or looks around: write it without")
        open_ended = False
        if token in REPEATS:
            least, most = int(argument[0]), int(argument[1])
            if repeated and most != least:
                raise UnsafePattern("repeats what is itself a repetition: write it without")
            open_ended = most > 1
            _count(freedom, least, most, empty=argument[2].getwidth()[0] == 0)
        elif token == tokens.BRANCH:
            if repeated:
                raise UnsafePattern("repeats a choice: write it without")
            freedom.choices *= len(argument[1])
        for inner in inner_patterns(argument):
            _measure(inner, freedom, repeated=repeated or open_ended)


def _count(freedom: _Freedom, least: int, most: int, *, empty: bool) -> None:
    if empty:
        # What may match nothing fits as often as it must, however short the text is.
        freedom.choices *= max(1, least)
    if most == least:
        # An exact number of repetitions leaves no choice, but its length counts.
        freedom.choices *= 1 + most // LONGEST_TEXT
    elif most - least <= _SHORT_REPEAT:
        freedom.choices *= most - least + 1
    else:
        freedom.repetitions += 1
