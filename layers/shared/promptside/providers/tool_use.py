"""The tools of a call in one form, whichever of OpenAI's two generations of parameters declared them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import ProviderCall
from promptside.schema.chat import Message

Mode = Literal["auto", "none", "required", "named"]

PARAMETERS = ("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call")
"""The parameters that `read_tools` understands."""

JSON_TOOL = "json_output"
"""The tool that carries a JSON answer on models without schemas for their answers."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One function the model may call; `parameters` is its JSON schema, None when the caller gave none."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = field(default=None, repr=False)
    strict: bool = False
    cache_control: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Everything a call says about tools.

    `native` are declarations in the provider's own form, such as server tools. `mode` is None when the caller left the
    choice open; `named` is the function of mode `named`. `parallel` is None unless the caller decided.
    """

    tools: tuple[Tool, ...] = ()
    native: tuple[JsonObject, ...] = ()
    mode: Mode | None = None
    named: str | None = None
    parallel: bool | None = None

    @property
    def forced(self) -> bool:
        """Tell whether the model must call a tool."""
        return self.mode in ("required", "named")


def read_tools(parameters: Mapping[str, Any]) -> ToolUse:
    """Read `tools` and `tool_choice`, or the older `functions` and `function_call`. Raises InvalidRequest."""
    declared, native = _declarations(parameters)
    mode, named = _choice(parameters)
    allowed = _allowed(parameters.get("tool_choice"))
    if allowed is not None:
        mode, names = allowed
        declared = [tool for tool in declared if tool.name in names]
    if mode in ("required", "named") and not declared and not native:
        raise _invalid("tool_choice", "demands a tool, but none is declared")
    if named is not None and not native and all(tool.name != named for tool in declared):
        raise _invalid("tool_choice", "names a tool that is not declared")
    parallel = parameters.get("parallel_tool_calls")
    return ToolUse(tuple(declared), tuple(native), mode, named, parallel if isinstance(parallel, bool) else None)


class ToolNames:
    """The two-way map between the caller's tool names and those a provider's pattern allows.

    It follows from the call alone, so that the answer's side finds the same aliases. An alias keeps what it can of the
    name and ends in a digest, so that two names never meet.
    """

    def __init__(self, call: ProviderCall, *, pattern: str, limit: int) -> None:
        self._pattern = re.compile(pattern)
        self._limit = limit
        # Most calls declare no tools, and the map costs them nothing.
        self._call: ProviderCall | None = call
        self._originals: dict[str, str] = {}

    def wire(self, name: str) -> str:
        """Return the name to send."""
        return alias(name, self._pattern, self._limit)

    def original(self, name: str) -> str:
        """Return the name the caller knows."""
        if self._call is not None:
            self._originals = {self.wire(known): known for known in _names(self._call)}
            self._call = None
        return self._originals.get(name, name)


def alias(name: str, pattern: re.Pattern[str], limit: int) -> str:
    """Return the name itself where the pattern allows it, else a legal one that follows from it."""
    if len(name) <= limit and pattern.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    legal = re.sub(r"[^a-zA-Z0-9_-]+", "_", name)[: limit - 9].strip("_") or "tool"
    made = f"{legal}_{digest}"
    # Some patterns want a letter or an underscore first; the digest keeps the name unique.
    return made if pattern.fullmatch(made) else f"_{made[1:]}"


def _names(call: ProviderCall) -> Iterable[str]:
    declared, _ = _declarations(call.parameters)
    yield from (tool.name for tool in declared)
    for message in call.messages or []:
        yield from _called(message)


def _called(message: Message) -> Iterable[str]:
    calls = message.get("tool_calls") if isinstance(message, Mapping) else None
    for entry in calls if isinstance(calls, list) else []:
        function = entry.get("function") if isinstance(entry, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str):
            yield name


def _declarations(parameters: Mapping[str, Any]) -> tuple[list[Tool], list[JsonObject]]:
    tools: list[Tool] = []
    native: list[JsonObject] = []
    for position, entry in enumerate(_list(parameters, "tools")):
        where = f"tools[{position}]"
        if not isinstance(entry, Mapping):
            raise _invalid(where, "must be an object")
        if isinstance(entry.get("function"), Mapping):
            tools.append(_tool(entry["function"], where, entry.get("cache_control")))
        elif entry.get("type") == "function":
            tools.append(_tool(entry, where, entry.get("cache_control")))
        else:
            native.append(dict(entry))
    if not tools and not native:
        for position, entry in enumerate(_list(parameters, "functions")):
            tools.append(_tool(entry, f"functions[{position}]", None))
    return tools, native


def _tool(function: Any, where: str, cache_control: Any) -> Tool:
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
        raise _invalid(where, "must declare a function with a name")
    schema = function.get("parameters")
    if schema is not None and not isinstance(schema, Mapping):
        raise _invalid(f"{where}.parameters", "must be a JSON schema")
    description = function.get("description")
    marker = cache_control or function.get("cache_control")
    return Tool(
        function["name"],
        description if isinstance(description, str) and description.strip() else None,
        dict(schema) if schema is not None else None,
        function.get("strict") is True,
        dict(marker) if isinstance(marker, Mapping) else None,
    )


def _choice(parameters: Mapping[str, Any]) -> tuple[Mode | None, str | None]:
    choice = parameters.get("tool_choice")
    legacy = parameters.get("function_call")
    if choice is None and legacy is not None:
        choice = legacy if isinstance(legacy, str) else {"type": "function", "function": legacy}
    match choice:
        case None | {"type": "allowed_tools"}:
            return None, None
        case "auto" | "none" | "required":
            return choice, None
        case "any":
            return "required", None
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return "named", name
    raise _invalid("tool_choice", "must be auto, none, required or name a function")


def _allowed(choice: Any) -> tuple[Mode, set[str]] | None:
    match choice:
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools), "mode": "auto" | "required" as mode}}:
            return mode, {name for tool in tools for name in _allowed_names(tool)}
        case {"type": "allowed_tools"}:
            raise _invalid("tool_choice", "must list allowed_tools with a mode of auto or required")
    return None


def _allowed_names(tool: Any) -> Iterable[str]:
    match tool:
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            yield name


def _list(parameters: Mapping[str, Any], name: str) -> list[Any]:
    value = parameters.get(name) or []
    if not isinstance(value, list):
        raise _invalid(name, "must be a list")
    return value


def _invalid(where: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{where} {problem}", param=where, code="invalid_tools")
