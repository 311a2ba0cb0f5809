"""Every config in docs/routing.md works as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from promptside.schema.prompt import VirtualKey
from tests.functions.test_completions import ANSWER
from tests.product import Product, prompt
from tests.upstream import Upstream, json_reply

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
KEYS = {slug: VirtualKey(slug, provider, {}) for slug, provider in (("openai-main", "openai"), ("groq-backup", "groq"))}
PROMPTS = {"summary-large": prompt(slug="summary-large"), "summary-small@2": prompt(slug="summary-small", version=2)}


def test_there_is_an_example_for_every_strategy() -> None:
    modes = {example.get("strategy", {"mode": "single"})["mode"] for example in EXAMPLES}

    assert modes == {"single", "fallback", "loadbalance", "conditional"}


@pytest.mark.parametrize("config", EXAMPLES, ids=lambda config: json.dumps(config)[:60])
def test_an_example_answers_and_survives_its_first_target(config: dict[str, Any]) -> None:
    limited = json_reply({"error": {"message": "slow down"}}, status=429)
    with Upstream(json_reply(ANSWER), limited, json_reply(ANSWER)) as upstream:
        product = Product(upstream.url, virtual_keys=KEYS, prompts=PROMPTS)
        headers = {"x-portkey-config": json.dumps(config), "x-portkey-metadata": '{"_user": "u1", "plan": "paid"}'}
        survives = "retry" in config or config["strategy"]["mode"] == "fallback"

        assert product.post(headers=headers).status == 200
        assert product.post(headers=headers).status == (200 if survives else 429)
