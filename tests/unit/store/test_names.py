"""Names from outside can never reach into another key."""

from collections.abc import Callable

import pytest

from promptside.errors import ConfigurationError, InvalidRequest
from promptside.store.names import KeySpace, is_label, is_slug, version_number

KEYS = KeySpace("default")
HOSTILE = [
    "", "a#b", "#", "a/b", "..", "a..b", ".", "a b", "a\0", "a\n", "\na", "ä", "\u0430", "\uff41", "a%23b", "a@1",
    "x" * 129, "\ud800", "a:b", "*",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "build",
    [
        lambda name: KEYS.pointer("prompt", name),
        lambda name: KEYS.version("partial", name, 1),
        lambda name: KEYS.identity("prompt", name),
        KEYS.api_key,
        KEYS.virtual_key,
        KEYS.label,
        KEYS.collection,
    ],
)
def test_no_key_is_built_from_a_hostile_name(name: str, build: Callable[[str], object]) -> None:
    with pytest.raises(InvalidRequest):
        build(name)


@pytest.mark.parametrize("workspace", HOSTILE)
def test_a_workspace_is_a_plain_name(workspace: str) -> None:
    with pytest.raises(ConfigurationError):
        KeySpace(workspace)


def test_each_kind_of_item_has_a_partition_of_its_own() -> None:
    uuid = "12345678-1234-5678-1234-56781234ABCD"

    assert [
        KEYS.pointer("prompt", "a"),
        KEYS.identity("partial", uuid),
        KEYS.version("prompt", "a", 12),
        KEYS.api_key("0" * 64),
        KEYS.virtual_key("a"),
        KEYS.label("a"),
        KEYS.collection(uuid),
    ] == [
        ("default#prompt", "a"),
        ("default#partial-id", uuid.lower()),
        ("default#prompt#a", "0000000012"),
        ("default#api-key", "0" * 64),
        ("default#virtual-key", "a"),
        ("default#label", "a"),
        ("default#collection", uuid.lower()),
    ]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("staging", True), ("v2-rc_1", True), ("latest", False), ("Default", False), ("published", False), ("12", False)],
)
def test_reserved_words_and_numbers_are_no_labels(name: str, allowed: bool) -> None:
    assert is_label(name) is allowed


def test_a_uuid_is_no_slug() -> None:
    assert not is_slug("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("selector", "number"), [("7", 7), ("007", 7), ("", None), ("-1", None), ("٣", None), ("1" * 10, None)]
)
def test_a_version_is_named_by_ascii_digits(selector: str, number: int | None) -> None:
    assert version_number(selector) == number
