"""Anyscale: a service of one's own, running Ray Serve LLM on vLLM; the shared public endpoint ended in 2024.

https://docs.anyscale.com/llm/serving, read 2026-11-23. Parameters are passed on as they are.
"""

from __future__ import annotations

from promptside.providers.base import Capabilities
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import api_key, base_url
from promptside.providers.openai_format.rules import AnswerRules

PROVIDER = OpenAICompatible(
    name="anyscale",
    fields=(
        base_url(
            "The URL of an Anyscale service, with its /v1, such as https://chat-a1b2c3.cld-x.s.anyscaleuserdata.com/v1",
            "ANYSCALE_BASE_URL",
            required=True,
        ),
        api_key("The service's bearer token, if it has one", "ANYSCALE_API_KEY", required=False),
    ),
    base_url=None,
    text_path="/completions",
    # As vLLM on any other host, it ends a turn that called tools with "stop".
    answers=AnswerRules(tools_outrank_stop=True),
    capabilities=Capabilities(text=True, reasoning=True, note="What works depends on the model of the service"),
)
