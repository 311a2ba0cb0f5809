"""Reading a prompt for a run: what is found, what is refused, and how many round trips that takes."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from promptside.errors import ConfigurationError, InvalidRequest, NotFound, StoreUnavailable, Unauthenticated
from promptside.schema.prompt import Reference, Resolution, VirtualKey
from promptside.store.keys import digest_of
from promptside.store.patience import Patience
from tests.engines import Engine, free_port
from tests.store_proxy import StoreProxy, broken, cut, hold_back, refused, throttled
from tests.stored import Stored

EAGER = Patience(first_pause_seconds=0.0001)


@pytest.fixture
def stored(any_engine: Engine) -> Stored:
    return Stored(any_engine)


@pytest.fixture
def quick(engine: Engine) -> Stored:
    return Stored(engine)


def test_a_prompt_is_read_with_its_partials_virtual_keys_and_the_callers_key(stored: Stored) -> None:
    tone = stored.partial("tone", "Be {{>mood}}.", partials=("mood",))
    mood = stored.partial("mood", "kind")
    version = stored.prompt(
        string="{{>tone}}",
        kind="text",
        raw=True,
        model="@team/m1",
        virtual_key="own",
        parameters={"temperature": 0.1, "deep": {"list": [1, 2.5, None, "é"]}},
        tools=[{"type": "function", "function": {"name": "f"}}],
        functions=[{"name": "g"}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        template_metadata={"template_type": "completion"},
        description="first",
        partials=("tone",),
    )
    stored.virtual_key("team", "openai", {"organization": "o"})
    stored.virtual_key("own", "anthropic", {})
    stored.virtual_key("asked", "bedrock", {"region": "eu-west-1"})
    created = stored.keys.create("app", ("completions.write",))

    found = stored.reader().resolve(
        Reference(version.slug), key_digest=digest_of(created.key), virtual_keys=("asked", "absent", "../x")
    )

    assert found == Resolution(
        api_key=created.record,
        prompt=version,
        partials={"tone": tone, "mood": mood},
        virtual_keys={
            "team": VirtualKey("team", "openai", {"organization": "o"}),
            "own": VirtualKey("own", "anthropic", {}),
            "asked": VirtualKey("asked", "bedrock", {"region": "eu-west-1"}),
        },
    )


def test_selectors_name_the_published_a_numbered_the_latest_or_a_labelled_version(stored: Stored) -> None:
    first = stored.prompt("pp-sel")
    second, third = stored.prompt_versions("pp-sel", "[2]", "[3]")
    stored.prompts.change("pp-sel", lambda old: replace(old, labels={"staging": 2}))
    reader = stored.reader()

    found = {
        selector: reader.resolve(Reference("pp-sel", selector), key_digest=None).prompt
        for selector in (None, "published", "default", "1", "2", "003", "latest", "staging")
    }

    assert found == {
        None: first, "published": first, "default": first, "1": first, "2": second, "003": third,
        "latest": third, "staging": second,
    }  # fmt: skip


@pytest.mark.parametrize("write", [str, str.upper])
def test_a_uuid_is_as_good_as_the_slug(quick: Stored, write: type[str]) -> None:
    version = quick.prompt("pp-uuid")

    reader = quick.reader()

    assert [
        reader.resolve(Reference(write(version.prompt_id)), key_digest=None).prompt for _ in range(2)
    ] == [version, version]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["pp-gone", str(uuid.UUID(int=7)), "", "pp-a#1", "pp-a/..", "..", "a\0b", "pp-ä", "pp-\u0430", "x" * 129, "pp-a\n"],
)
def test_an_unknown_or_impossible_name_is_not_found(quick: Stored, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        quick.reader().resolve(Reference(name), key_digest=None)

    assert caught.value.to_body()["error"] == {
        "message": f"Prompt '{name[:128]}' not found",
        "type": "invalid_request_error",
        "param": "prompt_id",
        "code": "prompt_not_found",
    }


@pytest.mark.parametrize("selector", ["0", "2", "99", "nolabel", "", "1#", "-1", "٣", "9" * 30])
def test_an_unknown_version_or_label_is_not_found(quick: Stored, selector: str) -> None:
    quick.prompt("pp-one")

    with pytest.raises(NotFound) as caught:
        quick.reader().resolve(Reference("pp-one", selector), key_digest=None)

    assert caught.value.code == "prompt_version_not_found"


def test_a_publish_is_seen_by_the_very_next_call_of_every_reader(stored: Stored) -> None:
    stored.prompt("pp-pub")
    (second,) = stored.prompt_versions("pp-pub", "[2]")
    readers = [stored.reader(), stored.reader()]
    before = [reader.resolve(Reference("pp-pub"), key_digest=None).prompt.version for reader in readers]

    stored.publish(stored.prompts, "pp-pub", 2)

    after = [reader.resolve(Reference("pp-pub"), key_digest=None).prompt for reader in readers]
    assert (before, after) == ([1, 1], [second, second])


def test_a_published_partial_counts_at_once_and_a_numbered_one_stays(quick: Stored) -> None:
    old = quick.partial("tone", "old")
    quick.prompt("pp-p", partials=("tone", "tone@1", "tone@latest"))
    reader = quick.reader()
    reader.resolve(Reference("pp-p"), key_digest=None)

    new = quick.partial_version("tone", "new")

    assert reader.resolve(Reference("pp-p"), key_digest=None).partials == {
        "tone": new, "tone@1": old, "tone@latest": new,
    }  # fmt: skip


def test_partials_that_include_each_other_are_read_once(quick: Stored) -> None:
    one = quick.partial("one", "{{>two}}", partials=("two",))
    two = quick.partial("two", "{{>one}}{{>two}}", partials=("one", "two"))
    quick.prompt("pp-loop", partials=("one",))

    assert quick.reader().resolve(Reference("pp-loop"), key_digest=None).partials == {"one": one, "two": two}


@pytest.mark.parametrize("reference", ["gone", "there@2", "there@label", "there@", "../there", "a b"])
def test_a_partial_that_is_not_there_is_named(quick: Stored, reference: str) -> None:
    quick.partial("there", "x")
    quick.prompt("pp-bad", partials=("there@1", reference))

    with pytest.raises(NotFound) as caught:
        quick.reader().resolve(Reference("pp-bad"), key_digest=None)

    assert (caught.value.code, caught.value.message) == ("partial_not_found", f"Partial '{reference}' not found")


def test_more_partials_than_one_prompt_may_have_are_refused(quick: Stored) -> None:
    chain = [f"p{number}" for number in range(102)]
    quick.prompt("pp-many", partials=tuple(chain[:51]))
    for number in range(51):
        quick.partial(chain[number], "x", partials=(chain[number + 51],) if number + 51 < 102 else ())
        quick.partial(chain[number + 51], "x")

    with pytest.raises(InvalidRequest, match="more than 100 partials"):
        quick.reader().resolve(Reference("pp-many"), key_digest=None)


def test_a_deleted_prompt_is_gone_and_its_successor_has_its_own_versions(stored: Stored) -> None:
    old = stored.prompt("pp-again", "[1]")
    stored.prompt_versions("pp-again", "[2]")
    reader = stored.reader()
    reader.resolve(Reference("pp-again"), key_digest=None)
    reader.resolve(Reference(old.prompt_id), key_digest=None)
    stored.prompts.delete(stored.prompts.get("pp-again"))
    with pytest.raises(NotFound):
        reader.resolve(Reference("pp-again"), key_digest=None)

    new = stored.prompt("pp-again", "[3]")

    assert reader.resolve(Reference("pp-again"), key_digest=None).prompt == new
    with pytest.raises(NotFound):
        reader.resolve(Reference(old.prompt_id), key_digest=None)
    with pytest.raises(NotFound):
        reader.resolve(Reference("pp-again", "2"), key_digest=None)


@pytest.mark.parametrize("name", ["pp-there", "pp-gone", "a#b", str(uuid.UUID(int=7))])
def test_without_an_active_key_nobody_learns_what_exists(quick: Stored, name: str) -> None:
    quick.prompt("pp-there")
    revoked = quick.keys.create("old", ("*",))
    quick.keys.revoke(revoked.record.id)
    expired = quick.keys.create("late", ("*",), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    digests = [digest_of("unknown"), digest_of(revoked.key), digest_of(expired.key), "", "x" * 64]

    bodies = []
    for digest in digests:
        with pytest.raises(Unauthenticated) as caught:
            quick.reader().resolve(Reference(name), key_digest=digest)
        bodies.append(caught.value.to_body())

    assert all(body == Unauthenticated().to_body() for body in bodies)


def test_a_key_counts_until_it_expires_and_a_revoked_one_not_even_once_more(quick: Stored) -> None:
    quick.prompt("pp-k")
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    now = [moment.timestamp()]
    created = quick.keys.create("short", ("*",), expires_at=moment + timedelta(hours=1))
    reader = quick.reader(now=lambda: now[0])
    digest = digest_of(created.key)
    assert reader.resolve(Reference("pp-k"), key_digest=digest).api_key == created.record
    assert reader.find_api_key(digest) == created.record

    now[0] += 3600

    with pytest.raises(Unauthenticated):
        reader.resolve(Reference("pp-k"), key_digest=digest)
    assert reader.find_api_key(digest) is None


def test_workspaces_do_not_see_each_other(quick: Stored) -> None:
    quick.prompt("pp-mine")
    digest = quick.key()
    other = quick.reader(workspace="other")

    with pytest.raises(NotFound):
        other.resolve(Reference("pp-mine"), key_digest=None)
    with pytest.raises(Unauthenticated):
        other.resolve(Reference("pp-mine"), key_digest=digest)


def test_a_warm_call_is_one_round_trip(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        stored.partial("mood", "kind")
        stored.partial("tone", "{{>mood}}", partials=("mood",))
        version = stored.prompt("pp-warm", partials=("tone",), virtual_key="team")
        digest = stored.key()
        reader = stored.reader(client=engine.new_reads(url=proxy.url))
        references = [Reference("pp-warm"), Reference(version.prompt_id), Reference("pp-warm", "1")]
        for reference in references:
            reader.resolve(reference, key_digest=digest)
        proxy.operations.clear()

        for reference in references:
            reader.resolve(reference, key_digest=digest, virtual_keys=("other",))

        assert proxy.operations == ["BatchGetItem"] * 3


def test_a_boto3_client_reads_the_same(stored: Stored) -> None:
    stored.partial("tone", "x")
    stored.prompt("pp-same", partials=("tone",))
    digest = stored.key()

    readers = [stored.reader(), stored.reader(client=stored.client)]

    found = [reader.resolve(Reference("pp-same"), key_digest=digest, virtual_keys=("a",)) for reader in readers]
    assert found[0] == found[1]
    assert readers[0].find_api_key(digest) == readers[1].find_api_key(digest) == found[0].api_key


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException"])
def test_what_no_retry_mends_is_the_operators_to_mend(engine: Engine, code: str) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        proxy.always = refused(400, code)

        with pytest.raises(ConfigurationError, match=code):
            stored.reader(client=engine.new_reads(url=proxy.url)).resolve(Reference("pp-x"), key_digest=None)

        assert proxy.operations == ["BatchGetItem"]


def test_nobody_listening_is_an_unavailable_store(engine: Engine) -> None:
    reads = engine.new_reads(url=f"http://127.0.0.1:{free_port()}")
    stored = Stored(engine)

    for client in (reads, engine.new_client("dynamodb", url=f"http://127.0.0.1:{free_port()}")):
        with pytest.raises(StoreUnavailable):
            stored.reader(client=client, patience=EAGER).resolve(Reference("pp-x"), key_digest=None)


@pytest.mark.parametrize("answer", [b"<html>no</html>", b"[]", b"", b"\xff"])
@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_that_is_not_dynamodbs_is_an_unavailable_store(engine: Engine, status: int, answer: bytes) -> None:
    with StoreProxy(engine.url) as proxy:
        proxy.always = lambda _request, _forward: (status, answer)

        with pytest.raises(StoreUnavailable):
            Stored(engine).reader(client=engine.new_reads(url=proxy.url), patience=EAGER).resolve(
                Reference("pp-x"), key_digest=None
            )


def test_a_cold_call_takes_a_read_for_each_step_down(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        for number in range(10):
            stored.partial(f"p{number}", "x")
        stored.prompt("pp-plain", virtual_key="team")
        stored.prompt("pp-cold", partials=tuple(f"p{number}" for number in range(10)))
        reader = stored.reader(client=engine.new_reads(url=proxy.url))
        counts = []

        for reference in (Reference("pp-plain"), Reference("pp-plain", "1"), Reference("pp-cold")):
            reader.resolve(reference, key_digest=None)
            counts.append(len(proxy.operations))
            proxy.operations.clear()

        # pointer, version, virtual key; then with the version known already; then two more for ten partials
        assert counts == [3, 2, 4]


@pytest.mark.parametrize("fault", [throttled, broken, cut, refused(400, "ThrottlingException")])
def test_a_read_that_fails_is_repeated_and_then_given_up(engine: Engine, fault: object) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        version = stored.prompt("pp-r")
        reader = stored.reader(client=engine.new_reads(url=proxy.url), patience=EAGER)
        proxy.next_answers.extend([fault, fault])  # type: ignore[list-item]
        assert reader.resolve(Reference("pp-r"), key_digest=None).prompt == version
        proxy.operations.clear()

        proxy.always = fault  # type: ignore[assignment]
        with pytest.raises(StoreUnavailable) as caught:
            reader.resolve(Reference("pp-r", "latest"), key_digest=None)

        # One more when a connection that was kept turns out to be dead.
        assert len(proxy.operations) in (4, 5)
        assert (caught.value.status, caught.value.retry_after is not None) == (503, True)


def test_keys_that_dynamodb_held_back_are_asked_for_again(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        version = stored.prompt("pp-u")
        digest = stored.key()
        reader = stored.reader(client=engine.new_reads(url=proxy.url), patience=EAGER)
        proxy.next_answers.append(hold_back)

        assert reader.resolve(Reference("pp-u"), key_digest=digest).prompt == version

        proxy.always = lambda request, _forward: (
            200,
            b'{"Responses": {}, "UnprocessedKeys": ' + request.split(b'"RequestItems":', 1)[1],
        )
        with pytest.raises(StoreUnavailable):
            stored.reader(client=engine.new_reads(url=proxy.url), patience=EAGER).resolve(
                Reference("pp-u"), key_digest=digest
            )


def test_while_dynamodb_is_down_the_last_answer_is_served_for_five_minutes(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        version = stored.prompt("pp-s")
        stored.prompt("pp-other")
        digest, other = stored.key(), stored.key()
        clock = [0.0]
        reader = stored.reader(client=engine.new_reads(url=proxy.url), patience=EAGER, clock=lambda: clock[0])
        fresh = reader.resolve(Reference("pp-s"), key_digest=digest)
        proxy.always = broken

        clock[0] = 299.0
        stale = reader.resolve(Reference("pp-s"), key_digest=digest)

        assert (fresh.stale, stale) == (False, replace(fresh, stale=True))
        assert stale.prompt == version
        for reference, key in ((Reference("pp-s"), other), (Reference("pp-other"), digest), (Reference("pp-s"), None)):
            with pytest.raises(StoreUnavailable):
                reader.resolve(reference, key_digest=key)
        clock[0] = 301.0
        with pytest.raises(StoreUnavailable):
            reader.resolve(Reference("pp-s"), key_digest=digest)
