"""Turns what was imported into the fields of prompt files, for the version to publish."""

from __future__ import annotations

from cli.importing.base import ImportedPartial, ImportedPrompt, Version
from cli.stored_form import join_messages, split_messages
from promptside.schema.prompt import JsonObject


def prompt_fields(prompt: ImportedPrompt) -> JsonObject:
    """Return the fields of `prompts/<slug>.yaml`."""
    version = prompt.current
    fields: JsonObject = {
        "name": prompt.name,
        "description": version.description,
        "virtual_key": version.virtual_key,
        "model": version.model,
        "parameters": version.parameters,
        "tools": version.tools,
        "tool_choice": version.tool_choice,
        "functions": version.functions,
        "raw": version.raw and version.kind == "chat",
        **_template(version),
        "variables_schema": version.variables_schema,
        "variables": prompt.variables,
    }
    # Null says that each call names its own; everything else that is empty is left out.
    return {name: value for name, value in fields.items() if value or name in ("virtual_key", "model", "text")}


def partial_fields(partial: ImportedPartial) -> JsonObject:
    """Return the fields of `prompts/partials/<slug>.yaml`."""
    fields = {"name": partial.name, "description": partial.description, "text": partial.string}
    return {name: value for name, value in fields.items() if value}


def _template(version: Version) -> JsonObject:
    if version.kind == "text":
        return {"text": version.string}
    messages = split_messages(version.string)
    # In a raw template every character may matter.
    if messages is None or (version.raw and join_messages(messages) != version.string):
        return {"string": version.string}
    return {"messages": messages}
