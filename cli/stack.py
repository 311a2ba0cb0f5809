"""Prompts and partials on a stack: reads the latest versions, writes new ones, publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cli.client import CONNECTIONS, Client
from cli.content import Family, Name, Stored, stored_partial, stored_prompt, version_body
from cli.errors import CommandFailed
from cli.lock import pushed_description
from promptside.schema.prompt import JsonObject

_ROUTES: dict[Family, str] = {"prompt": "/prompts", "partial": "/prompts/partials"}
Advance = Callable[[], None]
"""Called after each thing that was read."""


class Lost(CommandFailed):
    """Somebody else wrote a version at the same moment."""


class Stack:
    """The prompts behind a client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def names(self) -> list[Name]:
        """Return the names of everything that is there."""
        families: tuple[Family, ...] = ("partial", "prompt")
        return [Name(family, item["slug"]) for family in families for item in self.client.all(_ROUTES[family])]

    def latest(self, names: Iterable[Name], advance: Advance = lambda: None) -> Iterator[Stored]:
        """Yield the latest versions of those that are there, in the order of the names, reading several at once."""
        from concurrent.futures import ThreadPoolExecutor

        def read(name: Name) -> Stored | None:
            found = self.find(name)
            advance()
            return found

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for stored in pool.map(read, names):
                if stored is not None:
                    yield stored

    def find(self, name: Name) -> Stored | None:
        """Return the latest version, None when there is no such prompt or partial."""
        view = self.client.find(_route(name), {"version": "latest"})
        if view is None:
            return None
        if name.family == "prompt":
            return stored_prompt(view)
        published = self.client.find(_route(name))
        return stored_partial(view, published=published is not None and published["version"] == view["version"])

    def history(self, name: Name) -> list[Stored]:
        """Return all versions of a prompt, oldest first; none when there is no such prompt."""
        latest = self.find(name)
        if latest is None:
            return []
        views = [self.client.get(_route(name), {"version": str(number)}) for number in range(1, latest.version)]
        return [*map(stored_prompt, views), latest]

    def create(self, name: Name, content: JsonObject, description: str | None) -> tuple[Stored, list[str]]:
        """Store a new prompt or partial; its version 1 is published. Returns it and the stack's warnings."""
        body = {**version_body(content), "slug": name.slug, "version_description": pushed_description(description)}
        answer = self.client.send("POST", _ROUTES[name.family], body)
        return self._written(name, answer["version_id"]), answer.get("warnings", [])

    def update(self, old: Stored, content: JsonObject, description: str | None) -> tuple[Stored, list[str]]:
        """Add a version, which no call sees until it is published. Returns it and the stack's warnings.

        Raises Lost when somebody else added one since `old` was read.
        """
        body = version_body(content, old.metadata)
        # A partial's is called otherwise than a prompt's.
        what = "version_description" if old.name.family == "prompt" else "description"
        answer = self.client.send("PUT", _route(old.name), {**body, what: pushed_description(description)})
        new = self._written(old.name, answer.get("prompt_version_id") or answer["prompt_partial_version_id"])
        if new.version != old.version + 1:
            raise Lost(
                f"'{old.name}' got version {new.version - 1} from somebody else at the same moment; yours is version"
                f" {new.version} and not published. Run 'promptside diff', then push again"
            )
        return new, answer.get("warnings", [])

    def rename(self, old: Stored, name: str) -> Stored | None:
        """Change the shown name, which is no version."""
        self.client.send("PUT", _route(old.name), {"name": name})
        return self.find(old.name)

    def publish(self, name: Name, version: int) -> None:
        """Make a version the one that calls get."""
        self.client.send("PUT", f"{_route(name)}/makeDefault", {"version": version})

    def move_label(self, name: Name, version: int, label: str) -> None:
        """Move a label to a version of a prompt, creating the label when there is none."""
        known = {item["name"]: item["id"] for item in self.client.all("/labels")}
        label_id = known.get(label) or self.client.send("POST", "/labels", {"name": label})["id"]
        self.client.send("PUT", f"{_route(name)}/versions/{version}", {"label_id": label_id})

    def _written(self, name: Name, version_id: str) -> Stored:
        stored = self.find(name)
        if stored is None or stored.version_id != version_id:
            raise Lost(
                f"'{name}' was changed by somebody else at the same moment. Run 'promptside diff', then push again"
            )
        return stored


def _route(name: Name) -> str:
    return f"{_ROUTES[name.family]}/{name.slug}"
