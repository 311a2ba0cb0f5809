"""AI21's Jamba models, on a host of one's own: the vendor announced the end of its hosted API for 2026-08-09.

https://docs.ai21.com/reference/jamba-1-6-api-ref and the types of ai21 4.3.0, read 2026-11-22. Jamba also runs on
Bedrock, by the provider of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from promptside.errors import JsonObject
from promptside.providers.base import Capabilities, ProviderCall
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import api_key, base_url
from promptside.providers.openai_format.only import KNOBS, PROMISES, TEXT_ANSWERS
from promptside.providers.openai_format.parts import unsupported_part, without_markers
from promptside.providers.openai_format.rules import MessageRules, ToolRules
from promptside.providers.openai_format.values import objects
from promptside.providers.parameters import ParameterTable, unsupported

_NAME = "ai21"
_PATH = "/studio/v1/chat/completions"
_MISSING = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "metadata",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "reasoning_effort",
        "seed",
        "service_tier",
        "top_k",
        "top_logprobs",
        "user",
    }
)
_KEYS = MappingProxyType(
    {
        "system": frozenset({"role", "content"}),
        "developer": frozenset({"role", "content"}),
        "user": frozenset({"role", "content"}),
        "assistant": frozenset({"role", "content", "tool_calls"}),
        "tool": frozenset({"role", "content", "tool_call_id"}),
    }
)


def studio_url(_: ProviderCall, credentials: Mapping[str, str], path: str) -> str:
    """Return the URL below an origin; one that was pasted with its path is not extended a second time."""
    base, mark, query = credentials["custom_host"].partition("?")
    origin = base.rstrip("/").removesuffix(path).removesuffix("/studio/v1")
    return f"{origin}{path}{mark}{query}"


def text_part(part: JsonObject) -> JsonObject:
    """Return a text part. Raises InvalidRequest for any other: Jamba reads text."""
    if part.get("type") != "text":
        raise unsupported_part(_NAME, str(part.get("type")))
    return without_markers(part)


def with_properties(schema: JsonObject) -> JsonObject:
    """Return a tool's schema with the `properties` that the API demands."""
    return {"type": "object", "properties": {}, **schema}


def rewrite_body(body: JsonObject, call: ProviderCall, _: list[str]) -> JsonObject:
    """Write null contents as empty text, and keep what cannot be promised from being sent."""
    body["messages"] = [
        {**message, "content": ""} if message.get("content") is None else message for message in body["messages"]
    ]
    _set_tool_choice(body)
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        raise unsupported(
            "response_format", _NAME, "it cannot hold an answer to a schema; use json_object and put the schema in text"
        )
    if call.stream and body.get("n") not in (None, 1):
        raise unsupported("n", _NAME, "a stream has one choice; leave n at 1")
    return body


def _set_tool_choice(body: JsonObject) -> None:
    choice = body.pop("tool_choice", None)
    if choice == "none":
        body.pop("tools", None)
    elif choice not in (None, "auto"):
        raise unsupported("tool_choice", _NAME, "the model decides; use auto or none")
    tools = body.get("tools") or []
    if any(tool.get("type") != "function" for tool in objects(tools)):
        raise unsupported("tools", _NAME, "declare tools of type function only")


PROVIDER = OpenAICompatible(
    name=_NAME,
    fields=(
        base_url(
            f"The origin of a host that serves {_PATH}, such as https://api.ai21.com while it lasts",
            "AI21_BASE_URL",
            "AI21_API_HOST",
            required=True,
        ),
        api_key("An AI21 API key", "AI21_API_KEY"),
    ),
    base_url=None,
    chat_path=_PATH,
    build_url=studio_url,
    parameters=ParameterTable(
        rename=MappingProxyType({"max_completion_tokens": "max_tokens"}),
        drop=KNOBS | _MISSING,
        refuse=PROMISES,
        fixed=TEXT_ANSWERS,
    ),
    messages=MessageRules(
        join_text_parts=True, keys=_KEYS, tool_call_keys=frozenset({"id", "type", "function"}), part=text_part
    ),
    tools=ToolRules(strip=frozenset({"strict", "cache_control"}), schema=with_properties, needs_parameters=True),
    ask_usage="never",
    has_functions=False,
    rewrite=rewrite_body,
    # A malformed request, and a failed dependency of the host.
    statuses=MappingProxyType({422: 400, 530: 502}),
    capabilities=Capabilities(json_schema=False, images=False, note="The vendor's hosted API ended; needs custom_host"),
)
