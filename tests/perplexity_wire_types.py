"""What Perplexity's Agent API takes, as closed types: there an unknown key is a 400.

From the types of perplexityai 0.46.1, whose package is not installed here because it needs an HTTP client of its own,
and from github.com/perplexityai/api-platform-developers at 228c88d; read 2026-11-23.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from promptside.providers.base import ProviderRequest

Json = dict[str, Any]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Text(_Closed):
    type: Literal["input_text"]
    text: str


class _Image(_Closed):
    type: Literal["input_image"]
    image_url: str


class _Message(_Closed):
    type: Literal["message"]
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[_Text | _Image]


class _FunctionCall(_Closed):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    thought_signature: str = ""


class _FunctionCallOutput(_Closed):
    type: Literal["function_call_output"]
    call_id: str
    output: str
    name: str = ""
    thought_signature: str = ""


class _Filters(_Closed):
    search_domain_filter: list[str] = []
    search_recency_filter: Literal["hour", "day", "week", "month", "year"] = "year"
    search_after_date_filter: str = ""
    search_before_date_filter: str = ""
    last_updated_after_filter: str = ""
    last_updated_before_filter: str = ""


class _WebSearch(_Closed):
    type: Literal["web_search"]
    filters: _Filters = _Filters()
    max_results: int = 1
    max_tokens: int = 1
    max_tokens_per_page: int = 1
    search_context_size: Literal["low", "medium", "high"] = "low"
    user_location: Json = {}


class _Function(_Closed):
    type: Literal["function"]
    name: str
    description: str = ""
    parameters: Json = {}
    strict: bool = False


class _OtherTool(_Closed):
    model_config = ConfigDict(extra="allow", strict=True)
    type: Literal["fetch_url", "people_search", "finance_search", "sandbox", "mcp"]


class _Choice(_Closed):
    type: str = ""
    name: str = ""


class _Reasoning(_Closed):
    effort: Literal["minimal", "low", "medium", "high", "xhigh", "max"]


class _Format(_Closed):
    type: Literal["json_schema"]
    json_schema: Json


class _Request(_Closed):
    input: str | list[_Message | _FunctionCall | _FunctionCallOutput]
    model: str = ""
    models: list[str] = []
    preset: str = ""
    instructions: str = ""
    background: bool = False
    language_preference: str = ""
    max_output_tokens: int = 16
    max_steps: int = 1
    max_tool_calls: int = 0
    metadata: dict[str, str] = {}
    parallel_tool_calls: bool = True
    previous_response_id: str = ""
    reasoning: _Reasoning = _Reasoning(effort="low")
    response_format: _Format | None = None
    skills: list[Json] = []
    store: bool = True
    stream: bool = False
    temperature: float = 0.0
    tool_choice: Literal["none", "auto", "required"] | _Choice = "auto"
    tools: list[_WebSearch | _Function | _OtherTool] = []
    top_p: float = 0.0
    truncation: Literal["auto", "disabled"] = "auto"


def check_agent_request(request: ProviderRequest, body: Json) -> None:
    """Validate the body of a call to the Agent API."""
    assert request.url.endswith("/v1/agent")
    checked = _Request.model_validate(body)
    assert checked.model or checked.models or checked.preset, "one of the three says who answers"
