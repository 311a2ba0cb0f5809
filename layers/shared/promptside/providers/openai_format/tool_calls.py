"""Numbers the tool calls of answers whose hosts leave out, repeat or mix up indexes, ids and names."""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.openai_format.values import arguments_text, text_or


class ToolCallNumbers:
    """The tool calls of one streamed choice, numbered from 0 in the order in which they appear.

    A new id is a new call, whatever its index (Ollama gives every call index 0). A piece without id belongs to the
    call last seen under its index, or to the last call when it has none.
    """

    def __init__(self, id_prefix: str) -> None:
        self._id_prefix = id_prefix
        self._names: list[str] = []
        self._by_id: dict[str, int] = {}
        self._by_index: dict[int | None, int] = {}

    def __len__(self) -> int:
        """Count the calls."""
        return len(self._names)

    def renumber(self, pieces: list[JsonObject]) -> list[JsonObject]:
        """Return the pieces with our indexes; only a call's first piece has its id, type and name."""
        touched: set[int] = set()
        renumbered: list[JsonObject] = []
        for piece in pieces:
            number = self._number(piece, touched)
            renumbered.append(self._continued(piece, number) if number < len(self) else self._opened(piece))
            self._by_index[_index(piece)] = number
            touched.add(number)
        return renumbered

    def _number(self, piece: JsonObject, touched: set[int]) -> int:
        call_id = text_or(piece.get("id"), "")
        if call_id:
            return self._by_id.get(call_id, len(self))
        index = _index(piece)
        known = self._by_index.get(index) if index is not None else len(self) - 1
        if known is None or known < 0:
            return len(self)
        name = _name(piece)
        begins = bool(name) and (index is None or name != self._names[known] or known in touched)
        return len(self) if begins and self._names[known] else known

    def _opened(self, piece: JsonObject) -> JsonObject:
        number = len(self)
        call_id = text_or(piece.get("id"), f"{self._id_prefix}{number}")
        self._names.append(_name(piece))
        self._by_id[call_id] = number
        opened = {**piece, "index": number, "id": call_id, "type": _type(piece)}
        if opened["type"] == "function":
            function = _function(piece)
            text = arguments_text(function.get("arguments"), missing="")
            opened["function"] = {**function, "name": _name(piece), "arguments": text}
        return opened

    def _continued(self, piece: JsonObject, number: int) -> JsonObject:
        if "function" not in piece:
            return {name: item for name, item in {**piece, "index": number}.items() if name not in {"id", "type"}}
        name = _name(piece)
        function: JsonObject = {"arguments": arguments_text(_function(piece).get("arguments"), missing="")}
        if name and not self._names[number]:
            self._names[number] = name
            function["name"] = name
        return {"index": number, "function": function}


def whole_tool_calls(calls: list[JsonObject], id_prefix: str) -> list[JsonObject]:
    """Return the tool calls of a whole answer, each with an id, a type and arguments as text."""
    return [_whole(call, f"{id_prefix}{number}") for number, call in enumerate(calls)]


def _whole(call: JsonObject, made_id: str) -> JsonObject:
    built = {**call, "id": text_or(call.get("id"), made_id), "type": _type(call)}
    if built["type"] == "function":
        function = _function(call)
        text = arguments_text(function.get("arguments"), missing="{}")
        built["function"] = {**function, "name": _name(call), "arguments": text}
    return built


def _index(piece: JsonObject) -> int | None:
    index = piece.get("index")
    return index if type(index) is int else None


def _type(piece: JsonObject) -> str:
    return "custom" if isinstance(piece.get("custom"), dict) else "function"


def _function(piece: JsonObject) -> JsonObject:
    function = piece.get("function")
    return function if isinstance(function, dict) else {}


def _name(piece: JsonObject) -> str:
    name = _function(piece).get("name")
    return name if isinstance(name, str) else ""
