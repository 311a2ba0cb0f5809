"""Reads variables and parameters from arguments: `name=text`, `name:=json`, `name=@file`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import click
import yaml

from cli.commands.context import Context
from cli.display import say
from cli.errors import CommandFailed
from cli.folder import path_of
from cli.prompt_files import BadPromptFile, load_prompt
from promptside.schema.prompt import JsonObject

_P = ParamSpec("_P")
_OPTIONS = (
    click.argument("slug", metavar="PROMPT"),
    click.option(
        "-v", "--variable", "variables", multiple=True, metavar="NAME=VALUE", help="Text; NAME:=JSON, NAME=@FILE."
    ),
    click.option(
        "--variables-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="JSON or YAML with all variables.",
    ),
    click.option(
        "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Overrides a stored one."
    ),
)


def takes_prompt(command: Callable[_P, None]) -> Callable[_P, None]:
    """Give a command its prompt, variables and parameters: `slug, variables, *, variables_file, parameters`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_values(texts: tuple[str, ...], option: str, *, typed: bool = False) -> JsonObject:
    """Return the values of a repeated option. With `typed`, text that is JSON is taken as such: `max_tokens=5`."""
    values: JsonObject = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.rstrip(":"):
            raise click.BadParameter(f"'{text}' should be name=value", param_hint=option)
        if name.endswith(":"):
            values[name.removesuffix(":")] = _json(value, text, option)
        elif value.startswith("@"):
            values[name] = _file(value[1:], option)
        else:
            values[name] = _typed(value) if typed else value
    return values


def read_variables(context: Context, slug: str, texts: tuple[str, ...], file: Path | None) -> JsonObject:
    """Return the variables of a run: those of a file, then single ones.

    When nothing was given, these are the example values in the prompt's own file.
    """
    values = _mapping(file) if file is not None else {}
    values.update(read_values(texts, "-v"))
    if texts or file is not None:
        return values
    name = context.name(slug.partition("@")[0])
    path = path_of(context.folder, name)
    if not path.exists():
        return {}
    try:
        example = load_prompt(path).variables
    except BadPromptFile:
        return {}
    if example:
        say(f"With the example values of {path}; -v name=value sets others")
    return example


def _json(value: str, text: str, option: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as exc:
        raise click.BadParameter(f"'{text}': what follows := must be JSON", param_hint=option) from exc


def _typed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _file(name: str, option: str) -> str:
    try:
        return Path(name).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise click.BadParameter(f"{name} cannot be read as text", param_hint=option) from exc


def _mapping(path: Path) -> JsonObject:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        json.dumps(values)
    except (OSError, ValueError, TypeError, yaml.YAMLError) as exc:
        raise CommandFailed(f"{path} is neither JSON nor YAML with values for the variables") from exc
    if not isinstance(values, dict):
        raise CommandFailed(f"{path} must be a mapping of names to values")
    return values
