"""The required modules of the public specification, https://github.com/mustache/spec.

One difference is on purpose: values are never HTML-escaped. Where the specification expects an escaped value, the value
itself is expected here.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptside.template.compiler import compile_template
from promptside.template.renderer import render_text

_FOLDER = Path(__file__).parents[4] / "shared" / "mustache-spec"
_REQUIRED = ("comments", "delimiters", "interpolation", "inverted", "partials", "sections")


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _texts(item)


def _expected(case: dict[str, Any]) -> str:
    expected: str = case["expected"]
    for text in _texts(case["data"]):
        expected = expected.replace(html.escape(text), text)
    return expected


def _cases() -> Iterator[Any]:
    for module in _REQUIRED:
        path = _FOLDER / f"{module}.json"
        for case in json.loads(path.read_text("utf-8"))["tests"] if path.exists() else []:
            yield pytest.param(case, id=f"{module}: {case['name']}")


@pytest.mark.skipif(not _FOLDER.exists(), reason="the specification's data is not in ../shared/mustache-spec")
def test_the_data_of_every_required_module_is_there() -> None:
    assert len(list(_cases())) >= 136


@pytest.mark.skipif(not _FOLDER.exists(), reason="the specification's data is not in ../shared/mustache-spec")
@pytest.mark.parametrize("case", list(_cases()))
def test_the_specification_passes_without_html_escaping(case: dict[str, Any]) -> None:
    template = compile_template(case["template"])
    partials = {name: compile_template(text) for name, text in case.get("partials", {}).items()}

    rendered = render_text(template, case["data"], partials, partials_optional=True)

    assert rendered == _expected(case)
