"""Finds the wire fixtures of the providers and reads them; the format is in tests/fixtures/providers/README.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from promptside.providers.base import Credentials, Provider, ProviderCall
from promptside.providers.fields import check_credentials, public_settings
from promptside.providers.registry import get_provider

ROOT = Path(__file__).parent / "fixtures" / "providers"

FILES = frozenset(
    {
        "call.json",
        "source.md",
        "request.json",
        "refused.json",
        "response.json",
        "error.json",
        "expected.json",
        "stream.sse",
        "stream.json",
        "expected.jsonl",
    }
)


@dataclass(frozen=True, slots=True)
class Case:
    """One folder of wire data."""

    provider: str
    name: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def bytes(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def lines(self, name: str) -> list[Any]:
        text = (self.folder / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line.strip()]

    def adapter(self) -> Provider:
        return get_provider(self.provider)

    def credentials(self) -> Credentials:
        return check_credentials(self.adapter(), self.json("call.json").get("credentials", {}), from_caller=True)

    def call(self) -> ProviderCall:
        given = self.json("call.json")
        return ProviderCall(
            kind="chat" if "messages" in given else "text",
            model=given["model"],
            parameters=given.get("parameters", {}),
            completion_id=given.get("completion_id", "c0ffee"),
            created=given.get("created", 1795300000),
            messages=given.get("messages"),
            prompt=given.get("prompt"),
            stream=given.get("stream", False),
            include_usage=given.get("include_usage", False),
            strict_params=given.get("strict_params", False),
            settings=public_settings(self.adapter(), self.credentials()),
        )


def all_cases() -> list[Case]:
    return list(_discover())


def cases_with(*names: str) -> list[Case]:
    return [case for case in _discover() if all(case.has(name) for name in names)]


def features(cases: list[Case]) -> set[str]:
    """Return which of chat, stream, tools and error these cases cover."""
    covered: set[str] = set()
    for case in cases:
        parameters = cast("dict[str, Any]", case.json("call.json").get("parameters", {}))
        if case.has("response.json"):
            covered.add("chat")
        if case.has("stream.sse") or case.has("stream.json"):
            covered.add("stream")
        if "tools" in parameters and case.has("request.json"):
            covered.add("tools")
        if case.has("error.json"):
            covered.add("error")
    return covered


def folders() -> list[str]:
    return sorted(path.name for path in ROOT.iterdir() if path.is_dir())


def _discover() -> Iterator[Case]:
    for provider in folders():
        for folder in sorted((ROOT / provider).iterdir()):
            if folder.is_dir():
                yield Case(provider, folder.name, folder)
