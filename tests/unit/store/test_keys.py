"""Callers' API keys at rest: digests only, shown once, gone when revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from promptside.errors import Conflict, InvalidRequest, NotFound
from promptside.store.keys import ApiKeyStore, digest_of
from tests.engines import Engine
from tests.stored import Stored

MOMENT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def keys(engine: Engine) -> ApiKeyStore:
    return ApiKeyStore(engine.client("dynamodb"), table=engine.new_table(), now=lambda: MOMENT)


def test_a_key_is_random_and_only_its_digest_is_stored(any_engine: Engine) -> None:
    stored = Stored(any_engine)

    created = stored.keys.create("app", ["completions.write"])

    assert re.fullmatch(r"ps-[A-Za-z0-9_-]{43}", created.key)
    assert created.key not in repr(created)
    items = stored.client.scan(TableName=stored.table)["Items"]
    assert [item["sk"]["S"] for item in items] == [digest_of(created.key)]
    assert created.key not in str(items)
    assert stored.keys.all() == [created.record]


@pytest.mark.parametrize("scopes", [[], ["prompts"], ["completions.write", "root"], [""]])
def test_unknown_scopes_are_refused(keys: ApiKeyStore, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        keys.create("app", scopes)

    assert keys.all() == []


def test_a_chosen_key_is_stored_once_and_stays_what_it_is(keys: ApiKeyStore) -> None:
    first = keys.ensure("a-local-key-of-size", "local", ["*"])
    second = keys.ensure("a-local-key-of-size", "again", ["completions.write"])

    assert (second, keys.all()) == (first, [first])


def test_a_short_chosen_key_is_refused(keys: ApiKeyStore) -> None:
    with pytest.raises(InvalidRequest, match="at least 16 characters"):
        keys.ensure("fifteen-letters", "local", ["*"])


def test_a_revoked_key_stays_listed_and_cannot_be_rotated(keys: ApiKeyStore) -> None:
    created = keys.create("app", ["*"])

    keys.revoke(created.record.id)
    keys.revoke(created.record.id)

    assert [key.status for key in keys.all()] == ["revoked"]
    with pytest.raises(Conflict, match="is revoked"):
        keys.rotate(created.record.id)


def test_rotation_keeps_the_id_and_ends_the_old_key_at_once(engine: Engine) -> None:
    stored = Stored(engine)
    old = stored.keys.create("app", ["prompts.read"])

    new = stored.keys.rotate(old.record.id)

    reader = stored.reader()
    found = reader.find_api_key(digest_of(new.key))
    assert (found, reader.find_api_key(digest_of(old.key))) == (new.record, None)
    assert (new.record.id, new.record.name, new.record.scopes) == (old.record.id, "app", frozenset({"prompts.read"}))


def test_rotation_may_leave_the_old_key_a_while(engine: Engine) -> None:
    stored = Stored(engine)
    old = stored.keys.create("app", ["*"])

    new = stored.keys.rotate(old.record.id, transition=timedelta(hours=1))

    later = stored.reader(now=(datetime.now(UTC) + timedelta(hours=2)).timestamp)
    now = stored.reader()
    digests = (digest_of(old.key), digest_of(new.key))
    assert [now.find_api_key(digest) is not None for digest in digests] == [True, True]
    assert [later.find_api_key(digest) is not None for digest in digests] == [False, True]
    stored.keys.revoke(old.record.id)
    assert [now.find_api_key(digest) for digest in digests] == [None, None]


def test_a_changed_key_has_its_new_scopes_at_once(keys: ApiKeyStore) -> None:
    created = keys.create("app", ["*"])

    keys.change(created.record.id, name="other", scopes=["prompts.read"])

    (changed,) = keys.all()
    assert (changed.name, changed.scopes, changed.digest) == (
        "other",
        frozenset({"prompts.read"}),
        created.record.digest,
    )


@pytest.mark.parametrize("use", ["get", "revoke", "rotate"])
def test_an_unknown_key_is_not_found(keys: ApiKeyStore, use: str) -> None:
    with pytest.raises(NotFound):
        getattr(keys, use)("nope")
