"""The one error for a config that cannot be used: it names the place."""

from __future__ import annotations

from typing import Any

from promptside.errors import InvalidRequest, JsonObject


def problem(path: str, what: str) -> InvalidRequest:
    """Return the error: `config.targets[1].weight must be a number of at least 0`."""
    return InvalidRequest(f"{path} {what}", param=path, code="invalid_config")


def check_names(value: JsonObject, known: frozenset[str], path: str) -> None:
    """Raise InvalidRequest for the first key that does not exist."""
    for name in value:
        if name not in known:
            raise problem(f"{path}.{str(name)[:64]}", f"is not known here; known are {', '.join(sorted(known))}")


def object_at(value: Any, path: str) -> JsonObject:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise problem(path, "must be a JSON object")
    return value


def text_at(value: Any, path: str, *, longest: int = 512) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise problem(path, "must be a text")
    if len(value) > longest:
        raise problem(path, f"has {len(value)} characters; it can have {longest}")
    return value.strip()


def texts_at(value: Any, path: str, *, most: int = 100) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list) or len(value) > most:
        raise problem(path, f"must be a list of at most {most} texts")
    return tuple(text_at(item, f"{path}[{index}]") for index, item in enumerate(value))


def flag_at(value: Any, path: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise problem(path, "must be true or false")
    return value


def whole_at(value: Any, path: str, *, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise problem(path, f"must be a whole number from {least} to {most}")
    return value


def codes_at(value: Any, path: str) -> frozenset[int]:
    """Return a list of HTTP statuses."""
    if not isinstance(value, list) or not value:
        raise problem(path, "must be a list of HTTP statuses")
    return frozenset(whole_at(code, f"{path}[{index}]", least=100, most=599) for index, code in enumerate(value))
