"""`promptside run`: run a prompt, and see the tokens as they come."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from cli.commands.context import Context
from cli.commands.variables import read_values, read_variables, takes_prompt
from promptside.schema.prompt import JsonObject


@click.command("run")
@takes_prompt
@click.option(
    "--stream/--no-stream", default=True, help="Token by token (the default), or the whole answer at the end."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as it came, one chunk a line when it streams.")
@click.pass_obj
def command(
    context: Context,
    slug: str,
    variables: tuple[str, ...],
    *,
    variables_file: Path | None,
    parameters: tuple[str, ...],
    stream: bool,
    as_json: bool,
) -> None:
    """Run a prompt: its published version, or PROMPT@3, PROMPT@latest, PROMPT@staging."""
    body: JsonObject = {
        **read_values(parameters, "-p", typed=True),
        "variables": read_variables(context, slug, variables, variables_file),
        "stream": stream,
    }
    path = f"/prompts/{slug}/completions"
    if not stream:
        answer = context.client.run(path, body)
        _write(json.dumps(answer, ensure_ascii=False, indent=2) if as_json else _answer_text(answer))
        _write("\n")
        return
    with context.client.stream(path, body) as chunks:
        if as_json:
            for chunk in chunks:
                _write(json.dumps(chunk, ensure_ascii=False) + "\n")
        else:
            _show(chunks)


def _show(chunks: Iterable[JsonObject]) -> None:
    """Print the text as it comes, and the tools that the model calls at the end."""
    calls: dict[int, JsonObject] = {}
    ended = True
    try:
        for chunk in chunks:
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                text = delta.get("content") or choice.get("text") or ""
                if text:
                    _write(text)
                    ended = text.endswith("\n")
                for call in delta.get("tool_calls") or ():
                    _add(calls, call)
    finally:
        if not ended:
            _write("\n")
    for call in calls.values():
        _write(_call_text(call["name"], call["arguments"]) + "\n")


def _add(calls: dict[int, JsonObject], part: JsonObject) -> None:
    call = calls.setdefault(part.get("index", len(calls)), {"name": "", "arguments": ""})
    function = part.get("function") or {}
    call["name"] += function.get("name") or ""
    call["arguments"] += function.get("arguments") or ""


def _answer_text(answer: JsonObject) -> str:
    lines: list[str] = []
    for choice in answer.get("choices") or ():
        message: dict[str, Any] = choice.get("message") or {}
        text = message.get("content") or choice.get("text") or ""
        if text:
            lines.append(text)
        for call in message.get("tool_calls") or ():
            lines.append(_call_text(call["function"]["name"], call["function"]["arguments"]))
    return "\n".join(lines)


def _call_text(name: str, arguments: str) -> str:
    return f"Calls {name} with {arguments}"


def _write(text: str) -> None:
    """Print at once, also into a pipe, and whatever the terminal can show."""
    stream = sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, errors="replace").decode(encoding))
    stream.flush()
