"""Sends prompts with all their versions to a stack: files hold one version only.

A prompt that is new to the stack gets its versions in order, then the published one and the labels. An import that was
interrupted is run again: versions that are there already are counted, not sent a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from cli.importing.base import ImportedPartial, ImportedPrompt, ImportResult
from promptside.schema.prompt import JsonObject


class Calls(Protocol):
    """HTTP to a stack, with paths after the base URL."""

    def find(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject | None:
        """Return what a read answers, None when there is no such thing."""

    def send(self, method: str, path: str, body: JsonObject) -> JsonObject:
        """Return what a write answers."""

    def all(self, path: str) -> list[JsonObject]:
        """Return everything of a list."""


Line = tuple[str, str, str]
"""What was done, to what, and details: `("created", "welcome", "3 versions")`."""


def send_history(stack: Calls, result: ImportResult) -> Iterator[Line]:
    """Write partials, then prompts, and yield a line for each as soon as it is done."""
    for partial in result.partials:
        yield _send_partial(stack, partial)
    labels = {label["name"]: label["id"] for label in stack.all("/labels")} if _has_labels(result) else {}
    for prompt in result.prompts:
        yield from _send_prompt(stack, prompt, labels)


def _has_labels(result: ImportResult) -> bool:
    return any(version.labels for prompt in result.prompts for version in prompt.versions)


def _send_partial(stack: Calls, partial: ImportedPartial) -> Line:
    name = f"partials/{partial.slug}"
    found = stack.find(f"/prompts/{name}")
    if found is None:
        body = {"slug": partial.slug, "name": partial.name, "string": partial.string}
        described = {"version_description": partial.description} if partial.description else {}
        stack.send("POST", "/prompts/partials", {**body, **described})
        return "created", name, ""
    same = found["string"] == partial.string
    return ("same" if same else "kept"), name, "" if same else "the stack has another text under this name"


def _send_prompt(stack: Calls, prompt: ImportedPrompt, labels: Mapping[str, str]) -> Iterator[Line]:
    path = f"/prompts/{prompt.slug}"
    versions = _versions(stack, path)
    if not _is_beginning(versions, prompt):
        yield "kept", prompt.slug, "the stack has another prompt under this slug"
        return
    for number, version in enumerate(prompt.versions, start=1):
        if number > len(versions):
            body = version.body()
            if number == 1:
                stack.send("POST", "/prompts", {"slug": prompt.slug, "name": prompt.name, **body})
            else:
                # What this version lacks must not come from the one before.
                stack.send("PUT", path, {**_EMPTY, **body})
    published = prompt.published + 1
    status = {item["prompt_version"]: item["status"] for item in versions}
    if status.get(published) != "active" and not (published == 1 and not versions):
        stack.send("PUT", f"{path}/makeDefault", {"version": published})
    sent = len(prompt.versions) - len(versions)
    yield ("created" if sent else "same"), prompt.slug, f"{len(prompt.versions)} versions, {published} is published"
    yield from _move_labels(stack, prompt, labels)


_EMPTY: JsonObject = {
    "model": None, "virtual_key": None, "tools": None, "tool_choice": None, "functions": None, "parameters": {},
    "is_raw_template": 0, "variables_schema": None,
}  # fmt: skip


def _versions(stack: Calls, path: str) -> list[JsonObject]:
    """Return the stack's versions, oldest first; none when it has no such prompt."""
    if stack.find(path) is None:
        return []
    return sorted(stack.all(f"{path}/versions"), key=lambda item: int(item["prompt_version"]))


def _is_beginning(versions: list[JsonObject], prompt: ImportedPrompt) -> bool:
    """Tell whether the stack's versions are the first ones of this prompt."""
    texts: list[Any] = [item["prompt_template"] for item in versions]
    return texts == [version.string for version in prompt.versions[: len(texts)]]


def _move_labels(stack: Calls, prompt: ImportedPrompt, labels: Mapping[str, str]) -> Iterator[Line]:
    for number, version in enumerate(prompt.versions, start=1):
        for label in version.labels:
            if label in labels:
                body = {"label_id": labels[label]}
                stack.send("PUT", f"/prompts/{prompt.slug}/versions/{number}", body)
            else:
                yield "kept", prompt.slug, f"version {number} has no label '{label}': the stack does not know it"
