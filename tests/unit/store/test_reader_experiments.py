"""Reading a prompt under an experiment: who gets which version, and how many round trips that takes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptside.schema.config import Sought, named_in
from promptside.schema.experiment import Experiment
from promptside.schema.prompt import Reference, Resolution
from promptside.store.keys import KeyDefaults, digest_of
from promptside.store.patience import Patience
from promptside.store.reader import DynamoPromptReader
from tests.engines import Engine
from tests.store_proxy import StoreProxy, broken
from tests.stored import Stored

EVEN = (("production", 50.0), ("candidate", 50.0))
LABELS = {"production": 1, "candidate": 2}
PROMPT = Reference("pp-e")


@pytest.fixture
def stored(engine: Engine) -> Stored:
    found = Stored(engine)
    under_experiment(found)
    return found


def under_experiment(
    stored: Stored,
    slug: str = "pp-e",
    *,
    shares: tuple[tuple[str, float], ...] = EVEN,
    labels: Mapping[str, int] = LABELS,
) -> None:
    """Store a prompt of three versions, the third without a label, under an experiment by `user`."""
    stored.prompt(slug)
    stored.prompt_versions(slug, '[{"role":"user","content":"two"}]', '[{"role":"user","content":"three"}]')
    stored.prompts.change(slug, lambda old: replace(old, labels=labels, experiment=Experiment("user", shares)))


def ask(reader: DynamoPromptReader, user: str | None, reference: Reference = PROMPT, **options: Any) -> Resolution:
    metadata = {} if user is None else {"user": user}
    return reader.resolve(reference, key_digest=options.pop("key_digest", None), metadata=metadata, **options)


def versions(reader: DynamoPromptReader, users: range, reference: Reference = PROMPT) -> dict[int, int]:
    return {user: ask(reader, f"u{user}", reference).prompt.version for user in users}


def test_a_user_gets_the_same_version_in_every_process(stored: Stored) -> None:
    users = range(60)

    found = [versions(stored.reader(), users) for _ in range(2)]

    assert found[0] == found[1]
    assert set(found[0].values()) == {1, 2}


def test_the_label_says_how_a_version_was_chosen(stored: Stored) -> None:
    found = [ask(stored.reader(), f"u{user}") for user in range(20)]

    assert {(each.label, each.prompt.version) for each in found} == {("production", 1), ("candidate", 2)}


@pytest.mark.parametrize(
    ("selector", "version"), [("published", 1), ("default", 1), ("3", 3), ("latest", 3), ("candidate", 2)]
)
def test_who_asks_for_a_version_gets_it(stored: Stored, selector: str, version: int) -> None:
    reader = stored.reader()

    found = {
        (each.prompt.version, each.label)
        for each in (ask(reader, f"u{user}", Reference("pp-e", selector)) for user in range(20))
    }

    assert found == {(version, None)}


def test_a_run_without_the_field_is_drawn_by_weight(stored: Stored) -> None:
    numbers = iter([0.0, 0.49, 0.5, 0.99])
    reader = stored.reader(random=lambda: next(numbers))

    assert [ask(reader, None).prompt.version for _ in range(4)] == [1, 1, 2, 2]


def test_one_run_is_drawn_once_however_many_reads_it_takes(stored: Stored) -> None:
    numbers = iter([0.9])

    assert ask(stored.reader(random=lambda: next(numbers)), None).prompt.version == 2


def test_adding_a_label_moves_only_those_who_get_it(stored: Stored) -> None:
    users, reader = range(200), stored.reader()
    before = versions(reader, users)

    stored.prompts.change(
        "pp-e",
        lambda old: replace(
            old, labels={**LABELS, "third": 3}, experiment=Experiment("user", (*EVEN, ("third", 50.0)))
        ),
    )
    after = versions(reader, users)

    moved = {user: after[user] for user in users if after[user] != before[user]}
    assert set(moved.values()) == {3}
    assert 40 < len(moved) < 95


def test_two_prompts_divide_their_users_independently(stored: Stored) -> None:
    under_experiment(stored, "pp-f")
    users, reader = range(200), stored.reader()

    first, second = versions(reader, users), versions(reader, users, Reference("pp-f"))

    both = Counter(zip(first.values(), second.values(), strict=True))
    assert all(25 < count < 80 for count in both.values())
    assert len(both) == 4


def test_a_label_that_was_taken_off_leaves_the_published_version(stored: Stored) -> None:
    under_experiment(stored, "pp-gone", labels={"production": 2}, shares=(("gone", 1.0),))

    found = ask(stored.reader(), "u1", Reference("pp-gone"))

    assert (found.prompt.version, found.label) == (1, None)


def test_the_metadata_of_the_key_stands_under_that_of_the_request(stored: Stored) -> None:
    digest = digest_of(stored.keys.create("k", ("*",), defaults=KeyDefaults(metadata={"user": "u1"})).key)
    reader = stored.reader(random=lambda: 0.0)
    wanted = versions(reader, range(30))
    other = next(user for user, version in wanted.items() if version != wanted[1])

    assert ask(reader, None, key_digest=digest).prompt.version == wanted[1]
    assert ask(reader, f"u{other}", key_digest=digest).prompt.version == wanted[other]


def test_prompts_of_a_configs_targets_are_under_their_experiments(stored: Stored) -> None:
    stored.prompt("pp-main")
    reader = stored.reader()
    named = named_in({"targets": [{"prompt_id": "pp-e"}, {"prompt_id": "pp-e@1"}, {}]})

    for user, version in versions(reader, range(20)).items():
        found = ask(reader, f"u{user}", Reference("pp-main"), sought=Sought(named=named))

        assert {reference.selector: each.version for reference, each in found.prompts.items()} == {
            None: version,
            "1": 1,
        }


def test_a_warm_call_under_an_experiment_is_one_round_trip(engine: Engine, stored: Stored) -> None:
    with StoreProxy(engine.url) as proxy:
        reader = stored.reader(client=engine.new_reads(url=proxy.url))
        versions(reader, range(20))
        proxy.operations.clear()

        versions(reader, range(20))

        assert proxy.operations == ["BatchGetItem"] * 20


def test_while_dynamodb_is_down_users_keep_their_versions(engine: Engine, stored: Stored) -> None:
    with StoreProxy(engine.url) as proxy:
        patience = Patience(attempts=1)
        reader = stored.reader(client=engine.new_reads(url=proxy.url), patience=patience)
        before = versions(reader, range(20))
        proxy.always = broken

        # Also those who were not there before.
        assert versions(reader, range(40)) == before | versions(stored.reader(), range(20, 40))
