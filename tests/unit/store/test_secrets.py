"""Provider secrets: what a parameter may hold, and how seldom SSM is asked."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from promptside.errors import ConfigurationError, InvalidRequest, NotFound, PayloadTooLarge, StoreUnavailable
from promptside.store.patience import Patience
from promptside.store.secrets import SsmSecretStore
from tests.engines import Engine
from tests.store_proxy import Answer, Forward, StoreProxy, cut, refused, throttled

EAGER = Patience(first_pause_seconds=0.0001)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Tree:
    """One tree of parameters, a store over it and a proxy in between."""

    def __init__(self, engine: Engine, proxy: StoreProxy) -> None:
        self.client = engine.client("ssm")
        self.proxy = proxy
        self.prefix = engine.new_prefix()
        self.clock = Clock()
        self.store = SsmSecretStore(
            engine.new_client("ssm", url=proxy.url), prefix=self.prefix, clock=self.clock, patience=EAGER
        )

    def write(self, name: str, value: str, kind: str = "SecureString") -> None:
        self.client.put_parameter(Name=f"{self.prefix}/{name}", Value=value, Type=kind, Overwrite=True)

    @property
    def reads(self) -> int:
        return self.proxy.operations.count("GetParameter")


@pytest.fixture
def tree(any_engine: Engine) -> Any:
    with StoreProxy(any_engine.url) as proxy:
        yield Tree(any_engine, proxy)


@pytest.fixture
def quick(engine: Engine) -> Any:
    with StoreProxy(engine.url) as proxy:
        yield Tree(engine, proxy)


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("sk-plain", {"api_key": "sk-plain"}),
        ("sk-newline\n", {"api_key": "sk-newline"}),
        ("sk-crlf\r\n", {"api_key": "sk-crlf"}),
        ('{"api_key": "k\\n", "organization": "o"}\n', {"api_key": "k", "organization": "o"}),
    ],
)
def test_a_parameter_is_a_json_object_of_texts_or_one_key(tree: Tree, value: str, fields: dict[str, str]) -> None:
    tree.write("providers/openai", value)

    assert tree.store.find("providers/openai") == fields


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        ("canary-1", "String", "is a String: store it as a SecureString"),
        (" \n", "SecureString", "is empty"),
        ('{"api_key": "canary-2"', "SecureString", "starts like a JSON object but is not one"),
        ('{"api_key": 7, "x": "canary-3"}', "SecureString", "must be a JSON object of text fields"),
        ("{}", "SecureString", "must be a JSON object of text fields"),
    ],
)
def test_an_unusable_parameter_is_named_but_never_quoted(quick: Tree, value: str, kind: str, problem: str) -> None:
    quick.write("providers/openai", value, kind)

    with pytest.raises(ConfigurationError) as caught:
        quick.store.find("providers/openai")

    message = caught.value.message
    assert message.startswith(f"The SSM parameter {quick.prefix}/providers/openai {problem}")
    assert "canary" not in str(caught.value.to_body())


@pytest.mark.parametrize(
    ("status", "code"), [(400, "AccessDeniedException"), (400, "KMSAccessDeniedException"), (400, "InvalidKeyId")]
)
def test_a_denied_parameter_is_named(quick: Tree, status: int, code: str) -> None:
    quick.write("providers/openai", "sk")
    quick.proxy.always = refused(status, code)

    with pytest.raises(ConfigurationError, match=f"{quick.prefix}/providers/openai cannot be read"):
        quick.store.find("providers/openai")


def test_a_thousand_reads_from_many_threads_are_one_call(tree: Tree) -> None:
    tree.write("providers/openai", "sk")

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: tree.store.find("providers/openai"), range(1000)))

    assert (found, tree.reads) == ([{"api_key": "sk"}] * 1000, 1)


def test_callers_cannot_change_what_is_cached(quick: Tree) -> None:
    quick.write("a", "sk")
    first = quick.store.find("a")
    assert first is not None

    first["api_key"] = "other"

    assert quick.store.find("a") == {"api_key": "sk"}


def test_a_value_is_read_again_when_its_time_is_over(quick: Tree) -> None:
    quick.write("a", "old")
    quick.store.find("a")
    quick.write("a", "new")

    quick.clock.seconds += 239
    before = quick.store.find("a")
    quick.clock.seconds += 122

    assert (before, quick.store.find("a"), quick.reads) == ({"api_key": "old"}, {"api_key": "new"}, 2)


def test_refresh_reads_at_once_but_not_again_and_again(quick: Tree) -> None:
    quick.write("a", "old")
    quick.store.find("a")
    quick.write("a", "new")
    quick.clock.seconds += 6

    found = [quick.store.find("a", refresh=True) for _ in range(50)]

    assert (found, quick.reads) == ([{"api_key": "new"}] * 50, 2)
    assert quick.store.find("a") == {"api_key": "new"}


def test_that_there_is_none_is_remembered_for_half_a_minute(quick: Tree) -> None:
    found = [quick.store.find("a") for _ in range(10)]
    quick.write("a", "sk")
    quick.clock.seconds += 37

    assert (found, quick.store.find("a"), quick.reads) == ([None] * 10, {"api_key": "sk"}, 2)


@pytest.mark.parametrize("fault", [throttled, cut, refused(500, "InternalServerError")])
def test_an_old_value_is_served_for_an_hour_while_ssm_fails(
    quick: Tree, fault: Callable[[bytes, Forward], Answer | None]
) -> None:
    quick.write("a", "sk")
    quick.store.find("a")
    quick.proxy.always = fault

    quick.clock.seconds += 3590
    found = [quick.store.find("a") for _ in range(100)]

    # Four attempts of one read; the next is due in five seconds.
    assert (found, quick.reads) == ([{"api_key": "sk"}] * 100, 5)
    assert quick.store.find("a", refresh=True) == {"api_key": "sk"}
    quick.clock.seconds += 20
    with pytest.raises(StoreUnavailable):
        quick.store.find("a")


def test_nothing_cached_and_ssm_throttled_is_worth_a_retry(quick: Tree) -> None:
    quick.proxy.always = throttled

    with pytest.raises(StoreUnavailable) as caught:
        quick.store.find("a")

    assert (caught.value.status, caught.value.retry_after, quick.reads) == (503, 2.0, 4)


def test_while_one_thread_reads_anew_the_others_go_on_with_the_old_value(quick: Tree) -> None:
    quick.write("a", "old")
    quick.store.find("a")
    quick.write("a", "new")
    quick.clock.seconds += 400
    asked, go_on = threading.Event(), threading.Event()

    def slowly(request: bytes, forward: Forward) -> Answer | None:
        asked.set()
        go_on.wait(10)
        return forward(request)

    quick.proxy.next_answers.append(slowly)
    with ThreadPoolExecutor(1) as pool:
        refreshed = pool.submit(quick.store.find, "a")
        assert asked.wait(10)
        meanwhile = quick.store.find("a")
        go_on.set()

        assert (meanwhile, refreshed.result(10)) == ({"api_key": "old"}, {"api_key": "new"})


def test_a_stored_secret_is_a_secure_string_and_read_at_once(tree: Tree) -> None:
    assert tree.store.find("virtual-keys/team") is None

    tree.store.put("virtual-keys/team", {"api_key": "one", "region": "eu-west-1"})

    assert tree.store.find("virtual-keys/team") == {"api_key": "one", "region": "eu-west-1"}
    tree.store.put("virtual-keys/team", {"api_key": "two"})
    assert tree.store.find("virtual-keys/team") == {"api_key": "two"}
    parameter = tree.client.get_parameter(Name=tree.store.path("virtual-keys/team"), WithDecryption=True)["Parameter"]
    assert (parameter["Type"], json.loads(parameter["Value"])) == ("SecureString", {"api_key": "two"})
    tree.store.delete("virtual-keys/team")
    tree.store.delete("virtual-keys/team")
    assert tree.store.find("virtual-keys/team") is None


def test_ssms_limit_is_told_before_ssm_is_asked(quick: Tree) -> None:
    with pytest.raises(PayloadTooLarge, match="4118 bytes; SSM Parameter Store takes 4096") as caught:
        quick.store.put("a", {"api_key": "k" * 4103})

    assert ("kkk" in str(caught.value.to_body()), quick.proxy.operations) == (False, [])
    quick.store.put("a", {"api_key": "k" * 4081})


@pytest.mark.parametrize("fields", [{}, {"api_key": ""}])
def test_an_empty_secret_is_refused(quick: Tree, fields: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        quick.store.put("a", fields)


@pytest.mark.parametrize("name", ["", "../other", "a/../b", "/a", "a//b", "a b", "a\0", "ä", "a/b/c/d/e", "x" * 200])
def test_names_stay_inside_the_tree(quick: Tree, name: str) -> None:
    for use in (quick.store.find, quick.store.delete, lambda name: quick.store.put(name, {"a": "b"})):
        with pytest.raises(NotFound):
            use(name)

    assert quick.proxy.operations == []
