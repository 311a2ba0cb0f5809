from collections.abc import Mapping
from typing import Any, cast

import pytest

from cli.client import Client
from cli.content import Name, Stored
from cli.stack import Lost, Stack

NAME = Name("partial", "tone")
CONTENT = {"name": "Tone", "text": "new"}


class Table:
    """A partial on a stack, as its routes show it; somebody else adds versions before and after each write."""

    def __init__(self, *, before: int = 0, after: int = 0) -> None:
        self.versions = ["old"]
        self.before = before
        self.after = after
        self.sent: list[tuple[str, str, Any]] = []

    def send(self, method: str, path: str, body: Any) -> dict[str, Any]:
        self.sent.append((method, path, body))
        self.versions += ["theirs"] * self.before
        self.versions.append(body["string"])
        answer = {"prompt_partial_version_id": f"v{len(self.versions)}"}
        self.versions += ["theirs"] * self.after
        return answer

    def find(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        assert path == "/prompts/partials/tone"
        number = len(self.versions) if query else 1
        return {
            "slug": "tone",
            "name": "Tone",
            "string": self.versions[number - 1],
            "version": number,
            "prompt_partial_version_id": f"v{number}",
        }


def stack(table: Table) -> tuple[Stack, Stored]:
    found = Stack(cast(Client, table))
    old = found.find(NAME)
    assert old is not None
    return found, old


def test_a_version_is_added_and_read_back() -> None:
    table = Table()
    there, old = stack(table)

    new, warnings = there.update(old, CONTENT, "why")

    assert (new.version, new.content, new.published, warnings) == (2, CONTENT, False, [])
    assert table.sent == [
        (
            "PUT",
            "/prompts/partials/tone",
            {"name": "Tone", "string": "new", "description": "why (pushed from files)"},
        )
    ]


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (2, 1)])
def test_a_lost_race_is_told_and_not_published(before: int, after: int) -> None:
    table = Table(before=before, after=after)
    there, old = stack(table)

    with pytest.raises(Lost, match=r"'partials/tone'.*somebody else at the same moment"):
        there.update(old, CONTENT, None)
