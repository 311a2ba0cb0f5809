"""Experiments: which labels of a prompt share the calls that ask for no version, and by which metadata field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.management import fields
from promptside.schema.experiment import Experiment

MOST_LABELS = 10
_FIELD = "experiment"
_LONGEST_BY = 128
_LARGEST_WEIGHT = 1e9


def experiment_in(body: JsonObject, carried: Mapping[str, int]) -> Experiment | None:
    """Return the experiment of a body, None for null: `{"by": "user_id", "labels": [{"label", "weight"}]}`.

    `carried` are the labels that versions of the prompt carry. Raises InvalidRequest that gives the path.
    """
    given = fields.json_object(body, _FIELD)
    if body[_FIELD] is None:
        return None
    _check_names(given, {"by", "labels"}, _FIELD)
    by = fields.text(given, "by", longest=_LONGEST_BY)
    if by is None:
        raise fields.missing(f"{_FIELD}.by")
    listed = given.get("labels")
    at = f"{_FIELD}.labels"
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_LABELS:
        raise fields.wrong_type(at, f"a list of 1 to {MOST_LABELS} labels")
    shares = tuple(_share(item, f"{at}[{index}]", carried) for index, item in enumerate(listed))
    names = [label for label, _ in shares]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidRequest(f"'{at}[{index}].label' stands there twice", param=f"{at}[{index}].label")
    if not any(weight for _, weight in shares):
        raise InvalidRequest(f"'{at}' have no weight: at least one must be above zero", param=at)
    return Experiment(by, shares)


def _share(item: Any, at: str, carried: Mapping[str, int]) -> tuple[str, float]:
    if not isinstance(item, dict):
        raise fields.wrong_type(at, "an object with 'label' and 'weight'")
    _check_names(item, {"label", "weight"}, at)
    label, weight = item.get("label"), item.get("weight")
    if not isinstance(label, str):
        raise fields.wrong_type(f"{at}.label", "a text")
    if label not in carried:
        raise InvalidRequest(
            f"'{at}.label': no version of this prompt carries the label '{label[:64]}'", param=f"{at}.label"
        )
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not _is_weight(weight):
        raise fields.wrong_type(f"{at}.weight", "a number of at least 0")
    return label, weight


def _is_weight(weight: float) -> bool:
    return not math.isnan(weight) and 0 <= weight <= _LARGEST_WEIGHT


def _check_names(given: JsonObject, known: set[str], at: str) -> None:
    for name in given:
        if name not in known:
            raise InvalidRequest(
                f"'{at}.{name[:64]}' is not known; known are {', '.join(sorted(known))}", param=f"{at}.{name[:64]}"
            )
