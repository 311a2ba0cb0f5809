from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

FIXTURES = Path(__file__).parents[3] / "fixtures" / "imports" / "bedrock"
FILES = sorted(FIXTURES.glob("*/input/*.json"))


@pytest.fixture(scope="module")
def answer_shape() -> Any:
    return get_session().get_service_model("bedrock-agent").operation_model("GetPrompt").output_shape


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.parent.name + "/" + file.name)
def test_a_fixture_has_the_shape_of_the_service_model(file: Path, answer_shape: Any) -> None:
    content = json.loads(file.read_text())

    for answer in content if isinstance(content, list) else [content]:
        assert ParamValidator().validate(answer, answer_shape).generate_report() == ""
