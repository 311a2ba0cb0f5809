"""Reads the front matter of `.prompt` files: YAML between two lines of three dashes.

LiteLLM takes every name but `model`, `input` and `output` as a parameter of the call; Dotprompt has them under `config`
in Google's spelling. https://google.github.io/dotprompt/reference/frontmatter, read 2026-11-23.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from cli.importing.collector import Collector
from cli.importing.dotprompt_variables import variables_schema
from cli.importing.model_names import split_model
from cli.importing.reading import Reading, is_object
from promptside.providers.known_parameters import unknown_parameter
from promptside.schema.prompt import JsonObject

_FILE = re.compile(
    r"\ufeff?---[ \t]*\r?\n(?P<yaml>.*?)(?:\r?\n)?^---[ \t]*(?:\r?\n|\Z)(?P<body>.*)\Z", re.DOTALL | re.MULTILINE
)
_GOOGLE = {
    "maxOutputTokens": "max_tokens", "topP": "top_p", "topK": "top_k", "stopSequences": "stop",
    "maxTokens": "max_tokens", "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty",
}  # fmt: skip
_CREDENTIALS = ("api_key", "api_base", "base_url", "api_version", "organization", "aws_region_name", "vertex_project")
_REASONS = {
    **dict.fromkeys(_CREDENTIALS, "credentials and addresses belong to a virtual key"),
    "output": "LiteLLM does not send it either: to have a format enforced, add the parameter response_format",
    "variant": "there are no variants here: give the file a name of its own",
    "version": "versions are counted by the stack",
    "metadata": "prompts have no free metadata here; send metadata with the call",
    "ext": "prompts have no free metadata here; send metadata with the call",
    "toolDefs": "only tools in OpenAI's form are taken",
}
_OTHER = "it is no parameter that models are known to take"


class Refused(Exception):
    """A file that cannot be translated as it stands; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the front matter says; `variables` are its defaults for a try."""

    name: str | None
    description: str | None
    provider: str | None
    model: str | None
    parameters: JsonObject
    tools: list[JsonObject] | None
    tool_choice: Any
    variables: JsonObject
    variables_schema: JsonObject | None


def split_file(text: str) -> tuple[JsonObject, str, int]:
    """Return front matter, body, and the line where the body starts. Raises Refused."""
    match = _FILE.match(text)
    if match is None:
        return {}, text, 1
    try:
        source = yaml.safe_load(match["yaml"]) or {}
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 2 if mark is not None else 2
        raise Refused(line, f"the front matter is not YAML: {getattr(exc, 'problem', None) or 'unreadable'}") from exc
    if not is_object(source):
        raise Refused(2, "the front matter must be a mapping of names to values")
    try:
        json.dumps(source)
    except (TypeError, ValueError) as exc:
        raise Refused(2, f"the front matter holds what JSON cannot hold ({exc}): put quotes around dates") from exc
    return source, match["body"], text.count("\n", 0, match.start("body")) + 1


def read_front_matter(collector: Collector, source: JsonObject, what: str) -> FrontMatter:
    """Return what is carried over; the rest goes to the skipped ones."""
    reading = Reading(source)
    model = reading.text("model")
    provider, model = split_model(model) if model else (None, None)
    config = Reading(reading.object("config"))
    parameters = {**_parameters(reading), **_parameters(config)}
    given = Reading(reading.object("input"))
    front = FrontMatter(
        name=reading.text("name"),
        description=reading.text("description"),
        provider=provider,
        model=model,
        parameters=parameters,
        tools=_tools(collector, reading, what),
        tool_choice=reading.take("tool_choice"),
        variables=given.object("default"),
        variables_schema=variables_schema(collector, given.take("schema"), what),
    )
    collector.finish(f"{what}: input", given, {}, "it is not known what it means")
    collector.finish(f"{what}: config", config, _REASONS, _OTHER)
    collector.finish(what, reading, _REASONS, _OTHER)
    return front


def _parameters(reading: Reading) -> JsonObject:
    own = frozenset({*_REASONS, "model", "config", "input", "name", "description", "tools", "tool_choice", "stream"})
    names = [name for name in reading.left if name not in own and unknown_parameter(name) is None]
    names += [name for name in reading.left if name in _GOOGLE and name not in names]
    return {_GOOGLE.get(name, name): reading.take(name) for name in names}


def _tools(collector: Collector, reading: Reading, what: str) -> list[JsonObject] | None:
    tools = reading.items("tools")
    names = [str(tool) for tool in tools if not is_object(tool)]
    collector.leave(f"{what}: tools", names, "what stands behind these names is in your code")
    return [tool for tool in tools if is_object(tool)] or None
