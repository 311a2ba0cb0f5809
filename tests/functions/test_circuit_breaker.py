"""Circuit breakers over the whole path: two processes, one table, providers that fail; only the clock is the test's."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptside.api.http import HttpResponse
from promptside.routing.breakers import Breakers
from promptside.store.answers import AnswerStore
from promptside.store.breakers import BreakerStore
from tests.engines import Engine
from tests.functions.test_completions import ANSWER, STREAM, chunk
from tests.product import Product, json_of, whole
from tests.store_proxy import StoreProxy, broken
from tests.upstream import Fault, Reply, Upstream, json_reply, raw_reply, sse_reply

FAILED = json_reply({"error": {"message": "boom"}}, status=500)
LIMITED = json_reply({"error": {"message": "slow down"}}, status=429)
OK = json_reply(ANSWER)
RULES = {"failure_threshold": 2, "cooldown_interval": 60_000}


class Stack:
    """Two processes whose breakers share a table behind a proxy that counts; `first` and `second` are providers."""

    def __init__(self, engine: Engine, proxy: StoreProxy, first: Upstream, second: Upstream) -> None:
        self.now = 1_795_300_000.0
        self.proxy, self.first, self.second = proxy, first, second
        table = engine.new_table()
        self.processes = [self._process(engine, table) for _ in range(2)]

    def _process(self, engine: Engine, table: str) -> Product:
        product = Product("http://127.0.0.1:9", allowed_custom_hosts=("127.0.0.1",))
        client = engine.new_reads(url=self.proxy.url)
        breakers = Breakers(BreakerStore(client, table=table, workspace="default"))
        product.services = replace(product.services, breakers=breakers, clock=lambda: self.now)
        return product

    def config(self, mode: str = "fallback", **own: Any) -> dict[str, Any]:
        base: dict[str, Any] = {"provider": "openai", "api_key": "sk"}
        targets = [{**base, "custom_host": upstream.url} for upstream in (self.first, self.second)]
        return {"strategy": {"mode": mode, "cb_config": RULES}, "targets": targets, **own}

    def post(
        self, config: Any = None, *, process: int = 0, stream: bool = False, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        sent = {"x-portkey-config": json.dumps(config or self.config()), **(headers or {})}
        return self.processes[process].post({"stream": stream}, headers=sent)

    def asked(self) -> tuple[int, int]:
        """Return how many requests each provider has seen."""
        return len(self.first.requests), len(self.second.requests)


@pytest.fixture
def stack(engine: Engine) -> Iterator[Stack]:
    with StoreProxy(engine.url) as proxy, Upstream() as first, Upstream() as second:
        first.default, second.default = FAILED, OK
        yield Stack(engine, proxy, first, second)


def used(response: HttpResponse) -> tuple[int, str, str | None]:
    """Return the status, the target that was used last, and those that were left out."""
    headers = response.headers
    return (
        response.status,
        headers["x-portkey-last-used-option-index"],
        headers.get("x-promptside-skipped-targets"),
    )


def test_a_target_that_failed_too_often_is_left_out_by_every_process(stack: Stack, log_output: io.StringIO) -> None:
    answers = [used(stack.post(process=process)) for process in (0, 0, 0, 1)]

    assert answers == [
        (200, "config.targets[1]", None),
        (200, "config.targets[1]", None),
        (200, "config.targets[1]", "config.targets[0]"),
        (200, "config.targets[1]", "config.targets[0]"),
    ]
    assert stack.asked() == (2, 4)
    events = [json.loads(line) for line in log_output.getvalue().splitlines()]
    skipped = [(event["trace_id"], event["option"]) for event in events if event["message"] == "target_skipped"]
    assert skipped == [("t-1", "config.targets[0]")] * 2


def test_a_target_that_is_well_again_is_used_after_its_cooldown(stack: Stack) -> None:
    for _ in range(3):
        stack.post()
    stack.first.default = OK
    stack.now += 60

    answers = [used(stack.post(process=process)) for process in (1, 0, 1)]

    assert answers == [(200, "config.targets[0]", None)] * 3
    assert stack.asked() == (5, 3)


def test_a_target_that_fails_again_after_its_cooldown_has_one_trial(stack: Stack) -> None:
    for _ in range(2):
        stack.post()
    stack.now += 60

    answers = [used(stack.post(process=process))[2] for process in (1, 1, 0)]

    assert answers == [None, "config.targets[0]", "config.targets[0]"]
    assert stack.asked() == (3, 5)


def test_when_all_targets_are_open_they_are_tried_as_if_none_were(stack: Stack) -> None:
    stack.second.default = FAILED
    for _ in range(2):
        stack.post()

    response = stack.post(process=1)

    assert used(response) == (500, "config.targets[1]", None)
    assert stack.asked() == (3, 3)


def test_a_load_balancer_chooses_among_the_others(stack: Stack) -> None:
    config = stack.config("loadbalance")
    stack.processes[0].random = 0.0

    statuses = [stack.post(config).status for _ in range(4)]

    assert statuses == [500, 500, 200, 200]
    assert stack.asked() == (2, 2)


def test_a_load_balancer_sends_one_run_at_a_time_to_a_target_that_comes_back(stack: Stack) -> None:
    config = stack.config("loadbalance")
    for _ in range(2):
        stack.post(config)
    stack.now += 60
    release: list[str | None] = []

    def meanwhile(_request: object) -> Reply:
        release.append(used(stack.post(config, process=1))[2])
        return OK

    stack.first.default = meanwhile

    assert used(stack.post(config)) == (200, "config.targets[0]", None)
    assert release == ["config.targets[0]"]


def test_a_target_without_weight_is_no_way_out(stack: Stack) -> None:
    config = stack.config("loadbalance")
    config["targets"][1]["weight"] = 0

    assert [stack.post(config).status for _ in range(3)] == [500, 500, 500]
    assert stack.asked() == (3, 0)


@pytest.mark.parametrize("mode", ["single", "conditional"])
def test_where_nothing_else_could_be_chosen_nothing_is_left_out(stack: Stack, mode: str) -> None:
    config = stack.config(mode)
    if mode == "conditional":
        conditions = [{"query": {"metadata.none": "x"}, "then": "b"}]
        config["strategy"] |= {"conditions": conditions, "default": "a"}
        config["targets"][0]["name"], config["targets"][1]["name"] = "a", "b"

    assert [stack.post(config).status for _ in range(4)] == [500] * 4
    assert "BatchGetItem" not in stack.proxy.operations


def test_a_group_of_targets_is_left_out_when_all_of_it_is_open(stack: Stack) -> None:
    config = stack.config()
    group = {"strategy": {"mode": "fallback"}, "targets": [config["targets"][0], config["targets"][0]]}
    config["targets"] = [group, config["targets"][1]]

    answers = [used(stack.post(config))[2] for _ in range(3)]

    assert answers == [None, None, "config.targets[0]"]
    assert stack.asked() == (4, 3)


def test_a_success_writes_nothing(stack: Stack) -> None:
    stack.first.default = OK

    for _ in range(20):
        stack.post()

    assert stack.proxy.operations == ["BatchGetItem"]


def test_a_run_without_a_breaker_does_not_touch_the_table(stack: Stack) -> None:
    config = {**stack.config(), "strategy": {"mode": "fallback"}}

    for _ in range(5):
        stack.post(config)

    assert stack.asked() == (5, 5)
    assert stack.proxy.operations == []


@pytest.mark.parametrize(
    ("rules", "reply", "opens"),
    [
        ({}, LIMITED, False),
        ({"failure_status_codes": [429]}, LIMITED, True),
        ({"failure_status_codes": [429]}, FAILED, False),
        ({}, json_reply({"error": {"message": "bad key"}}, status=401), False),
        ({}, raw_reply(Fault.RESET), True),
        ({}, json_reply("no completion"), True),
    ],
)
def test_what_counts_as_a_failure(stack: Stack, rules: dict[str, Any], reply: Reply, opens: bool) -> None:
    stack.first.default = reply
    config = stack.config()
    config["strategy"]["cb_config"] = {**RULES, **rules}

    skipped = [used(stack.post(config))[2] for _ in range(3)][-1]

    assert skipped == ("config.targets[0]" if opens else None)


def test_a_provider_that_never_answers_within_the_configs_time_opens_the_circuit(stack: Stack) -> None:
    stack.first.default = raw_reply(Fault.HANG)
    config = stack.config(request_timeout=30)
    config["targets"][1]["request_timeout"] = 5_000

    assert [used(stack.post(config))[2] for _ in range(3)] == [None, None, "config.targets[0]"]


def test_the_callers_own_impatience_opens_no_circuit(stack: Stack) -> None:
    stack.first.default = raw_reply(Fault.HANG)

    answers = [stack.post(headers={"x-portkey-request-timeout": "20"}) for _ in range(3)]

    assert [(answer.status, answer.headers.get("x-promptside-skipped-targets")) for answer in answers] == [
        (408, None)
    ] * 3


def test_a_streams_failure_counts_before_its_first_event(stack: Stack) -> None:
    stack.second.default = sse_reply(STREAM)

    responses = [stack.post(stream=True) for _ in range(3)]

    assert [used(response)[2] for response in responses] == [None, None, "config.targets[0]"]
    assert [whole(response).endswith(b"data: [DONE]\n\n") for response in responses] == [True] * 3


def test_a_streams_failure_counts_after_its_first_event_too(stack: Stack) -> None:
    stack.first.default = sse_reply([STREAM[0], Fault.CUT])
    stack.second.default = sse_reply(STREAM)

    bodies = [whole(stack.post(stream=True)) for _ in range(2)]

    assert [b"event: error" in body for body in bodies] == [True, True]
    response = stack.post(stream=True)
    assert used(response) == (200, "config.targets[1]", "config.targets[0]")
    assert b"event: error" not in whole(response)


def test_a_whole_stream_closes_the_circuit_again(stack: Stack) -> None:
    for _ in range(2):
        stack.post()
    stack.first.default = sse_reply(STREAM)
    stack.now += 60

    whole(stack.post(stream=True))

    stack.first.default = OK
    assert [used(stack.post())[1] for _ in range(2)] == ["config.targets[0]"] * 2


def test_a_refusal_says_who_was_left_out(stack: Stack) -> None:
    for _ in range(2):
        stack.post()
    stack.second.default = LIMITED

    response = stack.post()

    assert used(response) == (429, "config.targets[1]", "config.targets[0]")
    assert json_of(response)["error"]["code"] == "rate_limit_exceeded"


def test_serving_goes_on_while_the_table_is_down(stack: Stack) -> None:
    stack.proxy.always = broken

    answers = [used(stack.post(process=process)) for process in (0, 0, 0, 1)]

    assert answers == [
        (200, "config.targets[1]", None),
        (200, "config.targets[1]", None),
        (200, "config.targets[1]", "config.targets[0]"),
        # The other process has seen no failure yet.
        (200, "config.targets[1]", None),
    ]


def test_a_target_that_is_left_out_is_not_raced_with(stack: Stack) -> None:
    config = stack.config(hedge={"after_ms": 5_000})
    for _ in range(2):
        stack.post(config)

    assert used(stack.post(config)) == (200, "config.targets[1]", "config.targets[0]")
    assert stack.asked() == (2, 3)


def test_who_loses_a_race_has_not_failed(stack: Stack) -> None:
    stack.first.default = raw_reply(Fault.HANG)
    config = stack.config(hedge={"after_ms": 1})

    answers = [used(stack.post(config)) for _ in range(4)]

    assert answers == [(200, "config.targets[1]", None)] * 4


def test_a_group_that_is_open_in_part_is_still_used(stack: Stack) -> None:
    config = stack.config()
    config["targets"] = [
        {"strategy": {"mode": "fallback"}, "targets": config["targets"]},
        {"provider": "openai", "api_key": "sk", "custom_host": "http://127.0.0.1:9"},
    ]

    answers = [used(stack.post(config)) for _ in range(3)]

    assert answers == [
        (200, "config.targets[0].targets[1]", None),
        (200, "config.targets[0].targets[1]", None),
        (200, "config.targets[0].targets[1]", "config.targets[0].targets[0]"),
    ]


def test_a_caller_who_leaves_a_stream_leaves_the_trial_to_the_next_run(stack: Stack) -> None:
    for _ in range(2):
        stack.post()
    stack.first.default = sse_reply([chunk({"content": "Hel"}), Fault.HANG])
    stack.now += 60

    left = stack.post(stream=True)
    assert not isinstance(left.body, bytes)
    next(iter(left.body))
    left.body.close()
    stack.first.default = OK

    assert used(left) == used(stack.post(process=1)) == (200, "config.targets[0]", None)


def test_an_answer_from_the_cache_leaves_the_trial_to_the_next_run(stack: Stack, engine: Engine) -> None:
    product, config = stack.processes[0], stack.config(cache={"mode": "simple", "max_age": 600})
    store = AnswerStore(
        engine.client("dynamodb"), table=engine.new_table(), workspace="default", new_id=lambda: f"a{stack.asked()}"
    )
    product.services = replace(product.services, answers=store)
    headers = {"x-portkey-config": json.dumps(config)}

    def ask(name: str) -> tuple[int, str, str | None]:
        return used(product.post({"variables": {"name": name}}, headers=headers))

    stack.first.default = OK
    ask("Ann")
    stack.first.default = FAILED
    for name in ("Bob", "Cid"):
        ask(name)
    stack.first.default = OK
    stack.now += 60

    assert [ask("Ann"), ask("Dot")] == [(200, "config.targets[0]", None)] * 2
    # The provider has seen the three first questions, and the last one.
    assert stack.asked() == (4, 2)
