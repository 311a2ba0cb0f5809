"""Turns the search parameters of Perplexity's Sonar API into the Agent API's `web_search` tool.

https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar/how-to and the types of perplexityai 0.46.1, read
2026-11-23.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.parameters import drop, unsupported

_FILTERS = (
    "search_domain_filter",
    "search_recency_filter",
    "search_after_date_filter",
    "search_before_date_filter",
    "last_updated_after_filter",
    "last_updated_before_filter",
)
_TOOL_OPTIONS = frozenset({"search_context_size", "user_location"})


def take_search(body: JsonObject, dropped: list[str], *, strict: bool, provider: str) -> tuple[JsonObject, bool]:
    """Take the search parameters out of a body; return the options of the tool, and whether search is forbidden.

    Raises InvalidRequest for a search mode that the Agent API does not have: other sources give another answer.
    """
    tool: JsonObject = {}
    for name, value in _dict(body.pop("web_search_options", None)).items():
        if name in _TOOL_OPTIONS:
            tool[name] = value
        else:
            drop(f"web_search_options.{name}", dropped, strict=strict, provider=provider)
    filters = {name: body.pop(name) for name in _FILTERS if name in body}
    if filters:
        tool["filters"] = filters
    if "num_search_results" in body:
        tool["max_results"] = body.pop("num_search_results")
    mode = body.pop("search_mode", "web")
    if mode != "web":
        advice = "declare the tool finance_search instead" if mode == "sec" else "the Agent API has no such mode"
        raise unsupported("search_mode", provider, advice)
    return tool, body.pop("disable_search", False) is True


def with_search_tool(tools: list[Any], options: JsonObject) -> list[Any]:
    """Return the tools with a `web_search` that has these options; what a declared one says itself wins."""
    declared = [tool for tool in tools if _is_search(tool)]
    if not declared:
        return [*tools, {"type": "web_search", **options}]
    return [{**options, **tool} if _is_search(tool) else tool for tool in tools]


def has_search_tool(tools: list[Any]) -> bool:
    """Return whether a web search is declared."""
    return any(_is_search(tool) for tool in tools)


def _is_search(tool: Any) -> bool:
    return isinstance(tool, dict) and tool.get("type") == "web_search"


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
