"""Writing prompts and partials: atomic, immutable, gapless, also when many write at once."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from promptside.errors import Conflict, NotFound, PayloadTooLarge, StoreUnavailable
from promptside.schema.prompt import Reference
from promptside.store.patience import Patience
from promptside.store.prompts import PROMPTS
from promptside.store.records import Pointer
from promptside.store.versioned import VersionedStore, numbered, version_id
from tests.engines import Engine
from tests.store_proxy import StoreProxy, lost_answer, throttled
from tests.stored import CHAT, Stored, prompt_version


@pytest.fixture
def stored(any_engine: Engine) -> Stored:
    return Stored(any_engine)


@pytest.fixture
def quick(engine: Engine) -> Stored:
    return Stored(engine)


def test_what_is_stored_is_found_by_slug_and_uuid(stored: Stored) -> None:
    version = stored.prompt("pp-a")

    pointer = stored.prompts.get("pp-a")

    assert (pointer.id, pointer.published, pointer.latest, pointer.revision) == (version.prompt_id, 1, 1, 1)
    assert [stored.prompts.get(version.prompt_id), *stored.prompts.all()] == [pointer, pointer]
    assert (stored.prompts.version(pointer, 1), list(stored.prompts.versions(pointer))) == (version, [version])


def test_a_slug_is_given_once(stored: Stored) -> None:
    stored.prompt("pp-a")

    with pytest.raises(Conflict, match="'pp-a' exists already"):
        stored.prompt("pp-a", "[2]")

    assert [version.string for version in stored.prompts.versions(stored.prompts.get("pp-a"))] == [CHAT]


def test_versions_are_added_unpublished_and_listed_newest_first(stored: Stored) -> None:
    first = stored.prompt("pp-a")
    added = stored.prompt_versions("pp-a", *(f"[{number}]" for number in range(2, 13)))

    pointer = stored.prompts.get("pp-a")

    assert (pointer.published, pointer.latest, pointer.revision) == (1, 12, 12)
    assert list(stored.prompts.versions(pointer)) == [*reversed(added), first]
    assert [numbered(pointer, version.version_id) for version in added] == list(range(2, 13))


def test_only_a_version_that_exists_is_published(stored: Stored) -> None:
    stored.prompt("pp-a")

    for number in (2, 0):
        with pytest.raises(NotFound, match=f"has no version {number}"):
            stored.publish(stored.prompts, "pp-a", number)

    assert stored.prompts.get("pp-a").revision == 1


def test_a_version_behind_a_pointers_back_is_not_published(quick: Stored) -> None:
    """The pointer says there are two versions, but the second is not this prompt's."""
    quick.prompt("pp-a")
    pointer = quick.prompts.change("pp-a", lambda old: replace(old, latest=2))

    with pytest.raises(NotFound, match="has no version 2"):
        quick.publish(quick.prompts, "pp-a", 2)

    assert quick.prompts.get("pp-a") == pointer


def test_deleting_removes_every_version_and_frees_the_slug(stored: Stored) -> None:
    old = stored.prompt("pp-a")
    stored.prompt_versions("pp-a", *(f"[{number}]" for number in range(2, 30)))

    stored.prompts.delete(stored.prompts.get("pp-a"))

    assert (stored.prompts.find("pp-a"), stored.prompts.find(old.prompt_id), stored.prompts.all()) == (None, None, [])
    items = stored.client.scan(TableName=stored.table)["Items"]
    assert items == []


def test_versions_that_a_crash_left_behind_are_written_over(quick: Stored) -> None:
    quick.prompt("pp-a", "[1]")
    quick.prompt_versions("pp-a", "[2]")
    quick.client.delete_item(TableName=quick.table, Key={"pk": {"S": "default#prompt"}, "sk": {"S": "pp-a"}})

    new = quick.prompt("pp-a", "[new]")

    assert list(quick.prompts.versions(quick.prompts.get("pp-a"))) == [new]
    (second,) = quick.prompt_versions("pp-a", "[new 2]")
    assert quick.prompts.version(quick.prompts.get("pp-a"), 2) == second


def test_a_prompt_that_was_changed_meanwhile_is_not_deleted(quick: Stored) -> None:
    quick.prompt("pp-a")
    seen = quick.prompts.get("pp-a")
    quick.prompt_versions("pp-a", "[2]")

    with pytest.raises(Conflict, match="changed by somebody else"):
        quick.prompts.delete(seen)

    assert quick.prompts.get("pp-a").latest == 2


@pytest.mark.parametrize("name", ["pp-gone", "a#b", "../x", "", str(uuid.UUID(int=1)), "x" * 300])
def test_unknown_and_impossible_names_are_not_found(quick: Stored, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: quick.prompts.get(name),
        lambda: quick.prompts.change(name, lambda old: old),
        lambda: quick.prompts.add_version(name, lambda old: (old, prompt_version("pp-x", old.id, 1, string="[]"))),
    ]

    for call in calls:
        with pytest.raises(NotFound, match="not found"):
            call()


def test_many_writers_make_versions_without_gaps_and_one_is_published(any_engine: Engine) -> None:
    stored = Stored(any_engine)
    stored.prompt("pp-race", "[0]")
    writers, rounds = 6, 5

    def write(writer: int) -> list[int]:
        mine = Stored(any_engine, table=stored.table)
        numbers = []
        for turn in range(rounds):
            (version,) = mine.prompt_versions("pp-race", f"[{writer},{turn}]")
            mine.publish(mine.prompts, "pp-race", version.version)
            numbers.append(version.version)
        return numbers

    with ThreadPoolExecutor(writers) as pool:
        given = [number for numbers in pool.map(write, range(writers)) for number in numbers]

    pointer = stored.prompts.get("pp-race")
    versions = list(stored.prompts.versions(pointer))
    total = writers * rounds + 1
    assert sorted(given) == list(range(2, total + 1))
    assert [version.version for version in versions] == list(range(total, 0, -1))
    assert len({version.string for version in versions}) == total
    assert (pointer.latest, pointer.revision) == (total, 1 + 2 * writers * rounds)
    assert pointer.published in given


def test_a_reader_sees_whole_versions_while_others_publish(quick: Stored) -> None:
    quick.prompt("pp-live", "[1]")
    stop = threading.Event()
    seen: list[tuple[int, str]] = []

    def read() -> None:
        reader = quick.reader()
        while not stop.is_set():
            version = reader.resolve(Reference("pp-live"), key_digest=None).prompt
            seen.append((version.version, version.string))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(2, 12):
            quick.prompt_versions("pp-live", f"[{number}]")
            quick.publish(quick.prompts, "pp-live", number)
    finally:
        stop.set()
        thread.join()

    assert seen
    assert all(string == f"[{number}]" for number, string in seen)
    assert [number for number, _ in seen] == sorted(number for number, _ in seen)


def test_a_writer_that_never_wins_reports_a_conflict(engine: Engine) -> None:
    stored = Stored(engine)
    stored.prompt("pp-busy")
    impatient = VersionedStore(
        engine.client("dynamodb"), PROMPTS, table=stored.table, races=Patience(attempts=3, first_pause_seconds=0.0001)
    )

    def beaten(old: Pointer) -> Pointer:
        stored.prompts.change("pp-busy", lambda now: replace(now, name=f"{now.revision}"))
        return replace(old, name="late")

    with pytest.raises(Conflict, match="changed by somebody else"):
        impatient.change("pp-busy", beaten)

    assert (stored.prompts.get("pp-busy").name, stored.prompts.get("pp-busy").revision) == ("3", 4)


@pytest.mark.parametrize("size", [300_000, 400_000])
def test_a_version_up_to_dynamodbs_limit_is_stored_whole(stored: Stored, size: int) -> None:
    version = stored.prompt("pp-big", "x" * size, kind="text")

    assert stored.reader().resolve(Reference("pp-big"), key_digest=None).prompt == version


@pytest.mark.parametrize("string", ["x" * 410_000, "ä" * 205_000])
def test_a_version_over_dynamodbs_limit_is_refused_with_its_size(quick: Stored, string: str) -> None:
    with pytest.raises(PayloadTooLarge, match=r"about 41\d{4} bytes .* 409600") as caught:
        quick.prompt("pp-big", string, kind="text")

    assert (caught.value.status, quick.prompts.find("pp-big")) == (413, None)


def test_a_write_whose_answer_was_lost_is_not_sent_again(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        behind = Stored(engine, table=stored.table, client=engine.new_client("dynamodb", url=proxy.url))
        proxy.next_answers.append(lost_answer)

        with pytest.raises(StoreUnavailable):
            behind.prompt("pp-lost")

        assert proxy.operations == ["TransactWriteItems"]
        assert stored.prompts.get("pp-lost").latest == 1


def test_a_write_that_was_throttled_is_sent_again(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        behind = Stored(engine, client=engine.new_client("dynamodb", url=proxy.url))
        proxy.next_answers.extend([throttled, throttled])

        version = behind.prompt("pp-thr")

        assert behind.prompts.version(behind.prompts.get("pp-thr"), 1) == version


def test_every_version_has_a_uuid_of_its_own() -> None:
    owners = [str(uuid.UUID(int=number)) for number in (1, 2)]

    given = {version_id(owner, number) for owner in owners for number in range(1, 50)}

    assert (len(given), version_id(owners[0], 1) in given) == (98, True)
