"""Every example in docs/limits.md can be stored as it stands there, on all that can have limits."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine
from tests.functions.limits.test_fields import make, shown
from tests.management_function import ManagementFunction, management_function

PAGE = (Path(__file__).parents[3] / "docs" / "limits.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]


@pytest.fixture(scope="module")
def manage(engine: Engine) -> Iterator[ManagementFunction]:
    with management_function(engine) as function:
        yield function


@pytest.mark.parametrize("kind", ["key", "virtual_key", "prompt"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_stored_as_it_is(manage: ManagementFunction, kind: str, example: dict[str, Any]) -> None:
    rates, budget = shown(manage, make(manage, kind, **example))

    assert rates == example.get("rate_limits")
    expected = example.get("usage_limits")
    assert budget == (None if expected is None else {**budget, **expected})


def test_the_call_that_makes_a_key_works(manage: ManagementFunction) -> None:
    (body,) = re.findall(r"-d '(\{.*?\})'$", PAGE, re.DOTALL | re.MULTILINE)

    assert manage.create("/v1/api-keys/workspace/service", json.loads(body))["object"] == "api-key"
