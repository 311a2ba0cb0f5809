import re
from dataclasses import replace
from pathlib import Path

import pytest

from local.seed import seed
from promptside.store.partials import partial_store
from promptside.store.prompts import PromptStore, prompt_store
from promptside.store.records import Pointer
from tests.engines import Engine

FIRST = "provider: openai\nmodel: m1\nmessages: [{role: user, content: 'one {{>tone}}'}]\n"
SECOND = "provider: openai\nmodel: m2\nmessages: [{role: user, content: two}]\n"


class Shop:
    """A prompt directory and the table it is seeded into."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.client = engine.client("dynamodb")
        self.table = engine.new_table()
        self.directory = directory
        (directory / "partials").mkdir()

    def write(self, text: str, name: str = "greeting.yaml") -> None:
        (self.directory / name).write_text(text)

    def seed(self) -> list[str]:
        return seed(self.client, self.table, self.directory).notices

    @property
    def prompts(self) -> PromptStore:
        return prompt_store(self.client, table=self.table)

    def published(self) -> tuple[Pointer, str]:
        pointer = self.prompts.get("greeting")
        return pointer, self.prompts.version(pointer, pointer.published).string


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Shop:
    return Shop(engine, tmp_path)


def publish_own_version(shop: Shop, text: str) -> None:
    store = shop.prompts

    def make(old: Pointer) -> tuple[Pointer, object]:
        version = store.version(old, old.published)
        number = old.latest + 1
        changed = replace(version, string=text, version=number, description="mine")
        return replace(old, latest=number, published=number), changed

    store.add_version("greeting", make)  # type: ignore[arg-type]  # the tuple's second part is what it takes


def test_a_missing_prompt_is_created_and_published(shop: Shop) -> None:
    shop.write(FIRST)
    shop.write("text: Be kind.\n", "partials/tone.yaml")

    notices = shop.seed()

    pointer, string = shop.published()
    version = shop.prompts.version(pointer, 1)
    assert notices == []
    assert (pointer.published, pointer.latest, pointer.model, pointer.name) == (1, 1, "m1", "greeting")
    assert string == '[\n  {"role": "user", "content": "one {{>tone}}"}\n]'
    assert (version.virtual_key, version.partials, version.template_metadata) == (
        "openai",
        ("tone",),
        {"template_type": "chat"},
    )
    assert partial_store(shop.client, table=shop.table).get("tone").published == 1


def test_seeding_again_changes_nothing(shop: Shop) -> None:
    shop.write(FIRST)
    shop.seed()
    before = shop.published()

    shop.seed()

    assert shop.published() == before


def test_a_changed_file_is_published_as_a_new_version(shop: Shop) -> None:
    shop.write(FIRST)
    shop.seed()
    shop.write(SECOND)

    shop.seed()

    pointer, string = shop.published()
    assert (pointer.published, pointer.latest, pointer.model) == (2, 2, "m2")
    assert "two" in string


def test_what_a_user_has_published_stays(shop: Shop) -> None:
    shop.write(FIRST)
    shop.seed()
    publish_own_version(shop, '[{"role": "user", "content": "mine"}]')
    shop.write(SECOND)

    shop.seed()

    pointer, string = shop.published()
    assert (pointer.latest, string) == (2, '[{"role": "user", "content": "mine"}]')


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("model: m\n", "Left out: .*greeting.yaml: 'virtual_key' is missing"),
        ("provider: openai\nmodel: m\ntext: '{{#open}}'\n", r"Left out: greeting: .*line 1, column 1"),
    ],
)
def test_a_bad_file_is_left_out_and_named(shop: Shop, text: str, notice: str) -> None:
    shop.write(text)
    shop.write(FIRST, "other.yaml")

    notices = shop.seed()

    assert len(notices) == 1
    assert [pointer.slug for pointer in shop.prompts.all()] == ["other"]
    assert re.search(notice, notices[0])


def test_all_examples_of_the_project_can_be_stored(engine: Engine) -> None:
    examples = Path(__file__).parents[3] / "prompts"
    client, table = engine.client("dynamodb"), engine.new_table()

    seeded = seed(client, table, examples)

    assert seeded.notices == []
    assert [pointer.slug for pointer in prompt_store(client, table=table).all()] == sorted(seeded.prompts)
