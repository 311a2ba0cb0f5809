"""Any OpenAI-compatible host: Ollama, vLLM, LM Studio, llama.cpp, a gateway, a service of one's own.

Read 2026-11-22: https://github.com/ollama/ollama/blob/main/docs/api/openai-compatibility.mdx and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html. Parameters are passed on as they are.
"""

from __future__ import annotations

from promptside.providers.base import Capabilities, Field
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.rules import AnswerRules, MessageRules

PROVIDER = OpenAICompatible(
    name="custom",
    fields=(
        Field(
            "custom_host",
            "The base URL of the host, with /v1 if it has one, such as http://localhost:11434/v1",
            required=True,
            environment=("CUSTOM_BASE_URL",),
            header="x-portkey-custom-host",
            pattern=r"https?://[^\s?#]+(\?[^\s#]*)?",
            aliases=("customHost", "base_url"),
            host=True,
        ),
        Field("api_key", "The key of the host, if it takes one", secret=True, environment=("CUSTOM_API_KEY",)),
    ),
    base_url=None,
    text_path="/completions",
    messages=MessageRules(developer_as_system=False),
    # Ollama and vLLM end a turn that called tools with "stop":
    # https://github.com/ollama/ollama/issues/7881
    answers=AnswerRules(tools_outrank_stop=True),
    # A host that does not know stream_options may refuse it, so it is sent only for a caller who wants it.
    ask_usage="when_asked",
    capabilities=Capabilities(text=True, reasoning=True, note="What works depends on the host and its model"),
)
