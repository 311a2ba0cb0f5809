"""Reading stored configs with a run: which one is in force, what it names, and how many round trips that takes."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptside.errors import InvalidRequest, NotFound
from promptside.schema.config import Sought, named_in
from promptside.schema.prompt import ConfigVersion, Reference, VirtualKey
from promptside.store.configs import config_store
from promptside.store.keys import KeyDefaults, digest_of
from promptside.store.records import Pointer
from promptside.store.versioned import version_id
from tests.engines import Engine
from tests.store_proxy import StoreProxy
from tests.stored import TIME, Stored


@pytest.fixture
def stored(any_engine: Engine) -> Stored:
    return Stored(any_engine)


def with_config(stored: Stored, slug: str, config: Mapping[str, Any]) -> ConfigVersion:
    identity = str(uuid.uuid4())
    version = ConfigVersion(slug, identity, 1, version_id(identity, 1), dict(config), TIME)
    pointer = Pointer(slug, identity, slug, published=1, latest=1, created_at=TIME, updated_at=TIME)
    config_store(stored.client, table=stored.table).create(pointer, version)
    return version


def changed(stored: Stored, slug: str, config: Mapping[str, Any]) -> ConfigVersion:
    def make(old: Pointer) -> tuple[Pointer, ConfigVersion]:
        number = old.latest + 1
        version = ConfigVersion(slug, old.id, number, version_id(old.id, number), dict(config), TIME)
        return replace(old, published=number), version

    return config_store(stored.client, table=stored.table).add_version(slug, make)[1]


def test_a_config_is_read_with_everything_that_it_names(stored: Stored) -> None:
    stored.virtual_key("team", "openai", {})
    stored.virtual_key("own", "groq", {})
    tone = stored.partial("tone", "kind")
    main = stored.prompt("pp-main")
    other = stored.prompt("pp-other", partials=("tone",), virtual_key="own")
    config = with_config(stored, "pc-a", {"targets": [{"virtual_key": "team"}, {"prompt_id": "pp-other@1"}]})

    found = stored.reader().resolve(Reference("pp-main"), key_digest=None, sought=Sought("pc-a"))

    assert (found.prompt, found.config, found.partials) == (main, config, {"tone": tone})
    assert found.prompts == {Reference("pp-other", "1"): other}
    assert found.virtual_keys == {"team": VirtualKey("team", "openai", {}), "own": VirtualKey("own", "groq", {})}


def test_who_gives_the_vectors_of_a_cache_is_read_in_the_same_round_trip(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        stored.virtual_key("vectors", "openai", {})
        stored.prompt("pp-main")
        named = named_in({"cache": {"mode": "semantic", "embedding": {"virtual_key": "vectors"}}})
        reader = stored.reader(client=engine.new_reads(url=proxy.url))
        reader.resolve(Reference("pp-main"), key_digest=None, virtual_keys=("vectors",), sought=Sought(named=named))
        proxy.operations.clear()

        found = reader.resolve(
            Reference("pp-main"), key_digest=None, virtual_keys=("vectors",), sought=Sought(named=named)
        )

        assert found.virtual_keys["vectors"] == VirtualKey("vectors", "openai", {})
        assert proxy.operations == ["BatchGetItem"]


def test_a_new_version_of_a_config_is_in_force_at_once(stored: Stored) -> None:
    stored.prompt("pp-main")
    reader = stored.reader()
    with_config(stored, "pc-b", {"weight": 1})
    reader.resolve(Reference("pp-main"), key_digest=None, sought=Sought("pc-b"))

    version = changed(stored, "pc-b", {"weight": 2})

    assert reader.resolve(Reference("pp-main"), key_digest=None, sought=Sought("pc-b")).config == version


def test_the_path_is_ignored_only_when_every_target_has_a_prompt(stored: Stored) -> None:
    prompt = stored.prompt("pp-main")
    with_config(stored, "pc-all", {"targets": [{"prompt_id": "pp-main"}, {"prompt_id": prompt.prompt_id}]})
    with_config(stored, "pc-some", {"targets": [{"prompt_id": "pp-main"}, {}]})

    found = stored.reader().resolve(Reference("nobody"), key_digest=None, sought=Sought("pc-all"))

    assert found.prompts == {Reference("pp-main"): prompt, Reference(prompt.prompt_id): prompt}
    with pytest.raises(NotFound):
        stored.reader().resolve(Reference("nobody"), key_digest=None, sought=Sought("pc-some"))


def test_the_requests_config_beats_the_prompts_which_beats_the_keys(stored: Stored) -> None:
    configs = {slug: with_config(stored, slug, {"name": slug}) for slug in ("pc-sent", "pc-prompt", "pc-key")}
    stored.prompt("pp-plain")
    stored.prompt("pp-named", parameters={"config": "pc-prompt"})
    stored.prompt("pp-inline", parameters={"config": {"retry": {"attempts": 1}}})
    digest = digest_of(stored.keys.create("k", ("*",), defaults=KeyDefaults("pc-key")).key)
    fixed = digest_of(stored.keys.create("k", ("*",), defaults=KeyDefaults("pc-key", True)).key)
    reader = stored.reader()

    def slug(prompt: str, sought: Sought | None = None, key: str = digest) -> str | None:
        found = reader.resolve(Reference(prompt), key_digest=key, sought=sought).config
        assert found is None or found == configs[found.slug]
        return None if found is None else found.slug

    inline = Sought(named=named_in({}))
    for _ in range(2):
        assert slug("pp-plain") == "pc-key"
        assert slug("pp-named") == "pc-prompt"
        assert slug("pp-inline") is None
        assert slug("pp-named", Sought("pc-sent")) == "pc-sent"
        assert slug("pp-named", inline) is None
        assert slug("pp-named", Sought("pc-sent"), fixed) == "pc-key"
        assert slug("pp-named", inline, fixed) == "pc-key"


@pytest.mark.parametrize("slug", ["pc-nobody", "../x", "", "x" * 200])
def test_an_unknown_config_is_an_error_of_the_request(stored: Stored, slug: str) -> None:
    stored.prompt("pp-main")

    with pytest.raises(InvalidRequest) as raised:
        stored.reader().resolve(Reference("pp-main"), key_digest=None, sought=Sought(slug))

    assert (raised.value.code, raised.value.param) == ("unknown_config", "config")


def test_a_warm_call_with_a_config_is_one_round_trip(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        stored = Stored(engine)
        stored.virtual_key("team", "openai", {})
        stored.partial("tone", "kind")
        stored.prompt("pp-other", partials=("tone",))
        named = {"targets": [{"virtual_key": "team"}, {"prompt_id": "pp-other"}]}
        with_config(stored, "pc-sent", named)
        with_config(stored, "pc-key", named)
        stored.prompt("pp-main")
        stored.prompt("pp-named", parameters={"config": "pc-sent"})
        stored.prompt("pp-inline", parameters={"config": named})
        plain = stored.key()
        digest = digest_of(stored.keys.create("k", ("*",), defaults=KeyDefaults("pc-key")).key)
        reader = stored.reader(client=engine.new_reads(url=proxy.url))
        questions = [
            ("pp-main", plain, None),
            ("pp-main", plain, Sought("pc-sent")),
            ("pp-main", plain, Sought(named=named_in(named))),
            ("pp-main", digest, None),
            ("pp-named", plain, None),
            ("pp-inline", plain, None),
        ]
        for _ in range(2):
            proxy.operations.clear()
            for slug, key, sought in questions:
                reader.resolve(Reference(slug), key_digest=key, virtual_keys=("team",), sought=sought)

        assert proxy.operations == ["BatchGetItem"] * len(questions)


def test_configs_of_prompts_that_name_each_other_make_no_loop(stored: Stored) -> None:
    def naming(other: str) -> dict[str, Any]:
        return {"config": {"strategy": {"mode": "fallback"}, "targets": [{"prompt_id": other}, {"prompt_id": "pp-a"}]}}

    first = stored.prompt("pp-a", parameters=naming("pp-b"))
    second = stored.prompt("pp-b", parameters=naming("pp-a"))

    found = stored.reader().resolve(Reference("pp-a"), key_digest=None)

    # A target runs its prompt; the config of that prompt is for those who call it.
    assert found.prompts == {Reference("pp-b"): second, Reference("pp-a"): first}
