"""What a user may set for the local run, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8787
SHORTEST_KEY = 16
DEFAULT_KEY = "ps-local-development-key"


class BadOption(Exception):
    """A variable holds something unusable; the message names it."""


@dataclass(frozen=True, slots=True)
class Options:
    """A port of 0 means any free one. `examples` holds the prompt files to start with."""

    port: int
    api_key: str
    state_directory: Path
    examples: Path


def read_options(environment: Mapping[str, str], checkout: Path) -> Options:
    """Return the options. Raises BadOption."""
    return Options(
        port=_port(environment.get("PORT", "")),
        api_key=_api_key(environment.get("PROMPTSIDE_API_KEY", "")),
        state_directory=Path(environment.get("PROMPTSIDE_STATE_DIR") or checkout / ".promptside"),
        examples=checkout / "prompts",
    )


def _port(text: str) -> int:
    if not text:
        return DEFAULT_PORT
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise BadOption("PORT must be a number from 0 to 65535, where 0 means any free port")
    return int(text)


def _api_key(text: str) -> str:
    if not text:
        return DEFAULT_KEY
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise BadOption("PROMPTSIDE_API_KEY must be printable ASCII without spaces: it travels in a header")
    if len(text) < SHORTEST_KEY:
        raise BadOption(f"PROMPTSIDE_API_KEY needs at least {SHORTEST_KEY} characters")
    return text
