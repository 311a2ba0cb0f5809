"""Messages of real queues, run over real claims, with a provider that counts what it is paid for."""

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from promptside.events.base import DeliveryFailed
from promptside.events.queue import pause
from tests.engines import Engine
from tests.event_runs import ANN, ANSWER, EventRuns
from tests.queues import Queue
from tests.upstream import Reply, Request, Upstream, json_reply

CUTOFF = 2


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


class Stack:
    """A queue, its dead-letter queue, and what runs their messages."""

    def __init__(self, engine: Engine, upstream: Upstream, *, fifo: bool = False, **settings: Any) -> None:
        self.dead = Queue(engine)
        self.dead_fifo = Queue(engine, fifo=True, name=self.dead.name)
        self.queue = Queue(engine, fifo=fifo)
        own: dict[str, Any] = {
            "queue_url": self.queue.url,
            "dead_letter_queue_url": self.dead.url,
            "max_receive_count": CUTOFF,
        }
        self.runs = EventRuns(engine, upstream, **(own | settings))

    def poll(self, seconds: float = 300.0) -> list[str]:
        return self.queue.poll(self.runs.handler(seconds))

    def buried(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the bodies in the dead-letter queue with their reasons."""
        return [
            (message["Body"], json.loads(message["MessageAttributes"]["promptside_reason"]["StringValue"]))
            for message in (self.dead_fifo if self.queue.fifo else self.dead).receive()
        ]


@pytest.fixture
def stack(any_engine: Engine, upstream: Upstream) -> Stack:
    return Stack(any_engine, upstream)


def named(name: str, **fields: Any) -> dict[str, Any]:
    return {"prompt_id": "hi", "variables": {"name": name}, **fields}


def asked(request: Request) -> str:
    """Return the name that a request to the provider greets."""
    text: str = request.json()["messages"][0]["content"]
    return text.removeprefix("Hi ")


def greeted(upstream: Upstream) -> list[str]:
    return [asked(request) for request in upstream.requests]


def refusal(status: int, headers: dict[str, str] | None = None, code: str = "x") -> Reply:
    return json_reply({"error": {"message": "not now", "type": "x", "code": code}}, status=status, headers=headers)


def test_a_message_is_run_recorded_delivered_and_deleted(stack: Stack, upstream: Upstream) -> None:
    sent = stack.queue.send(ANN)

    assert stack.poll() == []
    assert stack.queue.left() == (0, 0)
    assert greeted(upstream) == ["Ann"]
    (outcome,) = stack.runs.results.delivered
    assert (outcome.status, outcome.order.key, outcome.replayed) == (200, f"sqs:{sent}", False)
    assert outcome.body["choices"][0]["message"] == {"role": "assistant", "content": "Hello Ann"}
    assert stack.runs.records.written == [(outcome.order.run_id, "started"), (outcome.order.run_id, 200)]


def test_a_batch_runs_side_by_side_but_not_more_at_once_than_allowed(engine: Engine, upstream: Upstream) -> None:
    stack = Stack(engine, upstream, event_concurrency=3)
    together = threading.Barrier(3, timeout=10)
    lock, running, most = threading.Lock(), [0], [0]

    def answer(request: Request) -> Reply:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait()
        with lock:
            running[0] -= 1
        return json_reply(ANSWER)

    upstream.default = answer
    for name in "abcdefghi":
        stack.queue.send(named(name))

    assert stack.poll() == []
    assert sorted(greeted(upstream)) == list("abcdefghi")
    assert most == [3]


def test_a_redelivered_message_is_replayed_and_delivered_again(stack: Stack, upstream: Upstream) -> None:
    stack.queue.send(ANN)
    (message,) = stack.queue.receive()
    handler = stack.runs.handler()

    assert handler(stack.queue.event([message])) == {"batchItemFailures": []}
    assert handler(stack.queue.event([message])) == {"batchItemFailures": []}
    assert len(upstream.requests) == 1
    first, second = stack.runs.results.delivered
    assert (first.body, first.order.run_id) == (second.body, second.order.run_id)
    assert [first.replayed, second.replayed] == [False, True]


@pytest.mark.parametrize(
    ("body", "wrong", "message"),
    [
        ("not JSON", (400, "invalid_json"), "The request body is not JSON"),
        ("[1]", (400, "invalid_json"), "The request body must be a JSON object"),
        ("{}", (400, "invalid_envelope"), "'prompt_id' must be a text"),
        ('{"prompt_id":"hi","result":{"type":"fax"}}', (400, "invalid_envelope"), "'result.type' must be one of"),
        ('{"prompt_id":"nobody"}', (404, "prompt_not_found"), "Prompt 'nobody' not found"),
        ('{"prompt_id":"hi","messages":1}', (400, "invalid_messages"), "'messages'"),
    ],
)
def test_a_message_that_cannot_be_run_is_buried_with_its_reason(
    stack: Stack, body: str, wrong: tuple[int, str], message: str
) -> None:
    stack.queue.send(ANN)
    sent = stack.queue.send(body)

    assert stack.poll() == []
    assert stack.queue.left() == (0, 0)
    ((buried, reason),) = stack.buried()
    assert buried == body
    assert (reason["status"], reason["code"]) == wrong
    assert message in reason["message"]
    assert (reason["message_id"], reason["queue"], reason["receives"]) == (sent, stack.queue.arn, 1)
    assert [outcome.status for outcome in stack.runs.results.delivered if outcome.succeeded] == [200]


def test_a_refusal_of_the_provider_is_announced_and_buried_and_not_paid_again(stack: Stack, upstream: Upstream) -> None:
    upstream.enqueue(refusal(400))
    stack.queue.send(named("Ann", trace_id="t-9"))

    assert stack.poll() == []
    ((_, reason),) = stack.buried()
    (outcome,) = stack.runs.results.delivered
    assert (reason["status"], reason["message"]) == (400, "openai error: not now")
    assert (reason["run_id"], reason["trace_id"]) == (outcome.order.run_id, "t-9")
    assert (outcome.status, outcome.retryable) == (400, False)


def test_the_senders_attributes_are_kept_in_the_dead_letter_queue(stack: Stack) -> None:
    theirs = {f"a{number}": {"DataType": "String", "StringValue": str(number)} for number in range(9)}
    stack.queue.send("?", MessageAttributes=theirs)

    stack.poll()

    (message,) = stack.dead.receive()
    assert set(message["MessageAttributes"]) == {"promptside_reason", "promptside_message_id", *list(theirs)[:8]}
    assert message["MessageAttributes"]["a0"]["StringValue"] == "0"


def test_a_message_of_256_kilobytes_is_run(stack: Stack, upstream: Upstream) -> None:
    name = "x" * (262_144 - len(json.dumps(named(""))))
    stack.queue.send(json.dumps(named(name)))

    assert stack.poll() == []
    assert greeted(upstream) == [name]


@pytest.mark.parametrize(("status", "headers"), [(429, {"retry-after": "7"}), (503, {"retry-after": "7"})])
def test_a_busy_provider_sends_a_message_back_for_as_long_as_it_says(
    stack: Stack, upstream: Upstream, status: int, headers: dict[str, str]
) -> None:
    upstream.enqueue(refusal(status, headers))
    sent = stack.queue.send(ANN)
    delays = _delays(stack)

    assert stack.poll() == [sent]
    assert delays == [10]
    assert stack.runs.results.delivered == []
    assert stack.queue.left() == (0, 1)
    assert stack.buried() == []


def test_a_long_retry_after_is_waited_for(stack: Stack, upstream: Upstream) -> None:
    upstream.enqueue(refusal(429, {"retry-after": "3600"}), refusal(429, {"retry-after": "90000"}))
    delays = _delays(stack)
    stack.queue.send(ANN)
    stack.poll()
    stack.queue.send(ANN)
    stack.poll()

    # SQS hides no message for longer than twelve hours.
    assert delays == [3600, 42_000]


@pytest.mark.parametrize(("hours", "comes_back"), [(90, True), (94, False)])
def test_what_the_queue_would_delete_before_another_try_is_buried(
    stack: Stack, upstream: Upstream, hours: int, comes_back: bool
) -> None:
    upstream.enqueue(refusal(429, {"retry-after": "7200"}))
    stack.queue.send(ANN)
    (received,) = stack.queue.receive()
    sent_at = stack.runs.now - hours * 3600
    received["Attributes"]["SentTimestamp"] = str(round(sent_at * 1000))

    answer = stack.runs.handler()(stack.queue.event([received]))

    assert answer["batchItemFailures"] == ([{"itemIdentifier": received["MessageId"]}] if comes_back else [])
    assert [reason["status"] for _, reason in stack.buried()] == ([] if comes_back else [429])


def test_a_message_that_came_back_is_run_then(stack: Stack, upstream: Upstream) -> None:
    upstream.enqueue(refusal(429))
    stack.queue.send(ANN)
    (message,) = stack.queue.receive()
    handler = stack.runs.handler()
    handler(stack.queue.event([message]))

    assert handler(stack.queue.event([message])) == {"batchItemFailures": []}
    assert len(upstream.requests) == 2
    assert [outcome.status for outcome in stack.runs.results.delivered] == [200]


@pytest.mark.parametrize(
    "reply", [refusal(401), refusal(403), refusal(429, code="insufficient_quota")], ids=["401", "403", "no money"]
)
def test_what_somebody_has_to_change_first_is_buried_at_once(stack: Stack, upstream: Upstream, reply: Reply) -> None:
    upstream.default = reply
    stack.queue.send(ANN)

    assert stack.poll() == []
    assert len(stack.buried()) == 1


def test_the_last_receive_buries_the_message_and_announces_the_failure(stack: Stack, upstream: Upstream) -> None:
    upstream.default = refusal(429)
    sent = stack.queue.send(ANN)
    delays = _delays(stack, 0)

    assert stack.poll() == [sent]
    assert stack.poll() == []
    ((body, reason),) = stack.buried()
    assert (json.loads(body), reason["code"], reason["receives"]) == (ANN, "x", 2)
    assert delays == [10]
    (outcome,) = stack.runs.results.delivered
    assert (outcome.status, outcome.retryable) == (429, False)
    assert [status for _, status in stack.runs.records.written] == ["started", 429, "started", 429, 429]


def test_a_provider_out_of_reach_sends_the_message_back(any_engine: Engine) -> None:
    with Upstream() as closed:
        stack = Stack(any_engine, closed)
    sent = stack.queue.send(ANN)

    assert stack.poll() == [sent]
    assert stack.buried() == []


def test_a_result_that_is_not_taken_comes_back_and_the_run_is_not_paid_again(stack: Stack, upstream: Upstream) -> None:
    stack.runs.results.refusals.append(DeliveryFailed("The queue does not take it"))
    sent = stack.queue.send(ANN)
    _delays(stack, 0)

    assert stack.poll() == [sent]
    assert stack.poll() == []
    assert len(upstream.requests) == 1
    (outcome,) = stack.runs.results.delivered
    assert outcome.replayed
    assert stack.buried() == []


def test_a_target_says_when_to_come_back_but_not_later_than_answers_are_kept(stack: Stack) -> None:
    delays = _delays(stack)
    for wanted in (None, 120.0, 90_000.0):
        stack.runs.results.refusals.append(DeliveryFailed("The host is busy", retry_after=wanted))
        stack.queue.send(ANN)
        stack.poll()

    assert delays == [10, 120, 3600]


def test_a_buried_result_is_replayed_when_its_message_is_sent_back(stack: Stack, upstream: Upstream) -> None:
    refused = DeliveryFailed("The queue is gone")
    refused.final = True
    stack.runs.results.refusals.append(refused)
    stack.queue.send(ANN)

    assert stack.poll() == []
    (dead,) = stack.dead.receive()
    reason = json.loads(dead["MessageAttributes"]["promptside_reason"]["StringValue"])
    assert (reason["code"], reason["message"]) == ("result_not_delivered", "The queue is gone")
    sent_back = {
        name: {"DataType": value["DataType"], "StringValue": value["StringValue"]}
        for name, value in dead["MessageAttributes"].items()
    }
    stack.queue.send(dead["Body"], MessageAttributes=sent_back)

    assert stack.poll() == []
    assert [outcome.replayed for outcome in stack.runs.results.delivered] == [True]
    assert len(upstream.requests) == 1


def test_a_buried_failure_is_run_anew_when_its_message_is_sent_back(stack: Stack, upstream: Upstream) -> None:
    upstream.enqueue(refusal(500))
    stack.queue.send(ANN)
    stack.poll()
    (dead,) = stack.dead.receive()
    stack.queue.send(dead["Body"])

    assert stack.poll() == []
    assert [outcome.status for outcome in stack.runs.results.delivered] == [500, 200]


def test_near_the_deadline_messages_come_back_at_once_and_unharmed(stack: Stack, upstream: Upstream) -> None:
    sent = {stack.queue.send(named(name)) for name in "abc"}
    delays = _delays(stack)

    assert set(stack.poll(seconds=0.0)) == sent
    assert delays == [0, 0, 0]
    assert stack.runs.records.written == []
    assert not upstream.requests
    assert stack.poll() == []
    assert sorted(greeted(upstream)) == list("abc")


def test_what_a_slow_message_leaves_no_time_for_comes_back(engine: Engine, upstream: Upstream) -> None:
    stack = Stack(engine, upstream, event_concurrency=1)
    started = time.monotonic()

    def slow(_: Request) -> Reply:
        return Reply(200, {"content-type": "application/json"}, [1.1, json.dumps(ANSWER).encode()], "close")

    upstream.default = slow
    ids = [stack.queue.send(named(name)) for name in "ab"]

    returned = stack.poll(seconds=2.0)

    assert len(returned) == 1
    assert returned[0] in ids
    assert len(upstream.requests) == 1
    assert time.monotonic() - started < 4


def test_messages_of_a_group_keep_their_order_and_groups_run_side_by_side(
    any_engine: Engine, upstream: Upstream
) -> None:
    stack = Stack(any_engine, upstream, fifo=True)
    together = threading.Barrier(2, timeout=10)

    def answer(request: Request) -> Reply:
        if asked(request) in ("a0", "b0"):
            together.wait()
        return json_reply(ANSWER)

    upstream.default = answer
    for number in range(4):
        for group in "ab":
            stack.queue.send(named(f"{group}{number}"), MessageGroupId=group, MessageDeduplicationId=f"{group}{number}")

    assert stack.poll() == []
    assert [name for name in greeted(upstream) if name[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert [name for name in greeted(upstream) if name[0] == "b"] == ["b0", "b1", "b2", "b3"]


def test_after_a_failure_the_rest_of_the_group_comes_back_and_nothing_overtakes(
    any_engine: Engine, upstream: Upstream
) -> None:
    stack = Stack(any_engine, upstream, fifo=True)
    delays = _delays(stack, 0)
    refuse = {"a1"}

    def answer(request: Request) -> Reply:
        name = asked(request)
        return refusal(429) if name in refuse else json_reply(ANSWER)

    upstream.default = answer
    ids = {}
    for name in ("a0", "a1", "a2", "b0"):
        ids[name] = stack.queue.send(named(name), MessageGroupId=name[0], MessageDeduplicationId=name)

    assert stack.poll() == [ids["a1"], ids["a2"]]
    assert sorted(greeted(upstream)) == ["a0", "a1", "b0"]
    assert delays == [10, 10]
    refuse.clear()
    assert stack.poll() == []
    assert greeted(upstream)[3:] == ["a1", "a2"]


def test_a_poison_message_of_a_group_is_buried_and_the_group_goes_on(any_engine: Engine, upstream: Upstream) -> None:
    stack = Stack(any_engine, upstream, fifo=True)
    stack.queue.send("{", MessageGroupId="a", MessageDeduplicationId="1")
    stack.queue.send(ANN, MessageGroupId="a", MessageDeduplicationId="2")

    assert stack.poll() == []
    assert [body for body, _ in stack.buried()] == ["{"]
    assert greeted(upstream) == ["Ann"]


def test_the_senders_deduplication_id_makes_two_messages_one_run(any_engine: Engine, upstream: Upstream) -> None:
    stack = Stack(any_engine, upstream, fifo=True)
    stack.queue.send(ANN, MessageGroupId="a", MessageDeduplicationId="order-1")
    (first,) = stack.queue.receive()
    handler = stack.runs.handler()
    handler(stack.queue.event([first]))
    # As if it were sent again after the five minutes in which SQS itself takes no second one.
    handler(stack.queue.event([{**first, "MessageId": "another"}]))

    assert [outcome.replayed for outcome in stack.runs.results.delivered] == [False, True]
    assert len(upstream.requests) == 1


def test_groups_number_their_messages_for_themselves(engine: Engine, upstream: Upstream) -> None:
    stack = Stack(engine, upstream, fifo=True)
    for group in ("a", "b"):
        # The stack's queue takes the same id once in each group; the engine's would take it once.
        stack.queue.send(named(group), MessageGroupId=group, MessageDeduplicationId=f"step-1-{group}")
    received = stack.queue.receive()
    for message in received:
        message["Attributes"]["MessageDeduplicationId"] = "step-1"

    assert stack.runs.handler()(stack.queue.event(received)) == {"batchItemFailures": []}
    assert sorted(greeted(upstream)) == ["a", "b"]
    assert stack.buried() == []


def test_without_a_dead_letter_queue_a_poison_message_is_left_to_the_queue(
    any_engine: Engine, upstream: Upstream
) -> None:
    stack = Stack(any_engine, upstream, dead_letter_queue_url=None)
    sent = stack.queue.send("{")

    assert stack.poll() == [sent]


def test_a_dead_letter_queue_that_is_gone_loses_nothing(any_engine: Engine, upstream: Upstream) -> None:
    stack = Stack(any_engine, upstream, dead_letter_queue_url=f"{any_engine.url}/000000000000/nowhere")
    sent = stack.queue.send("{")

    assert stack.poll() == [sent]
    assert stack.queue.left() == (0, 1)


def test_nothing_of_a_prompt_is_logged(stack: Stack, upstream: Upstream, log_output: io.StringIO) -> None:
    upstream.enqueue(refusal(400))
    stack.queue.send(named("canary-7"))
    stack.queue.send('{"prompt_id": "canary-7"')
    stack.poll()

    assert "message_buried" in log_output.getvalue()
    assert "canary" not in log_output.getvalue()
    assert "not now" not in log_output.getvalue()


@pytest.mark.parametrize(
    ("receives", "drawn", "seconds"), [(1, 0.0, 10), (1, 1.0, 20), (2, 1.0, 40), (7, 1.0, 900), (5000, 0.0, 450)]
)
def test_pauses_grow_with_each_receive(receives: int, drawn: float, seconds: float) -> None:
    assert pause(receives, lambda: drawn) == seconds


def _delays(stack: Stack, really: int | None = None) -> list[int]:
    """Return where the delays of messages will be noted; `really` is what SQS is told instead."""
    seen: list[int] = []
    client = stack.runs.engine.new_client("sqs")

    def note(params: dict[str, Any], **_: Any) -> None:
        seen.append(params["VisibilityTimeout"])
        if really is not None:
            params["VisibilityTimeout"] = really

    client.meta.events.register("provide-client-params.sqs.ChangeMessageVisibility", note)
    stack.runs.use_client("sqs", client)
    return seen


def test_a_message_that_runs_elsewhere_comes_back_when_that_claim_has_run_out(
    any_engine: Engine, upstream: Upstream
) -> None:
    go_on = threading.Event()
    upstream.enqueue(Reply(200, {"content-type": "application/json"}, [go_on, json.dumps(ANSWER).encode()], "close"))
    stack = Stack(any_engine, upstream)
    delays = _delays(stack)
    sent = stack.queue.send(ANN)
    event = stack.queue.event(stack.queue.receive())
    handler = stack.runs.handler(120)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(handler, event)
        try:
            upstream.wait_for_requests(1)
            second = handler(event)
        finally:
            go_on.set()
        assert first.result() == {"batchItemFailures": []}

    assert second == {"batchItemFailures": [{"itemIdentifier": sent}]}
    # 120 seconds, less what is kept to deliver, and 30.
    assert delays == [135]
    assert len(upstream.requests) == 1
    assert [outcome.status for outcome in stack.runs.results.delivered] == [200]


def test_a_blocked_message_on_its_last_receive_is_set_aside_with_that_reason(
    any_engine: Engine, upstream: Upstream
) -> None:
    stack = Stack(any_engine, upstream, fifo=True, max_receive_count=2)
    upstream.default = refusal(429)
    for name in ("a0", "a1"):
        stack.queue.send(named(name), MessageGroupId="a", MessageDeduplicationId=name)
    event = stack.queue.event(stack.queue.receive())
    event["Records"][1]["attributes"]["ApproximateReceiveCount"] = "2"

    failed = stack.runs.handler()(event)

    assert failed == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert [reason["code"] for _, reason in stack.buried()] == ["group_blocked"]
    assert greeted(upstream) == ["a0"]


def test_a_crash_of_one_message_is_not_that_of_the_others(
    stack: Stack, upstream: Upstream, log_output: io.StringIO
) -> None:
    sent = [stack.queue.send(named(name)) for name in ("Ann", "canary")]
    deliver = stack.runs.results.deliver

    def crash(outcome: Any, *, deadline: float) -> None:
        if outcome.order.body["variables"]["name"] == "canary":
            raise ZeroDivisionError(outcome.order.body)
        deliver(outcome, deadline=deadline)

    stack.runs.results.deliver = crash  # type: ignore[method-assign]

    assert stack.poll() == [sent[1]]
    assert "message_crashed" in log_output.getvalue()
    assert "canary" not in log_output.getvalue()


def test_a_body_with_no_room_for_a_reason_is_set_aside_all_the_same(engine: Engine, upstream: Upstream) -> None:
    stack = Stack(engine, upstream)
    client = stack.runs.engine.new_client("sqs")

    def full(params: dict[str, Any], **_: Any) -> Any:
        if params["body"] and b"promptside_message_id" in params["body"]:
            raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": "too long"}}, "SendMessage")

    client.meta.events.register("before-call.sqs.SendMessage", full)
    stack.runs.use_client("sqs", client)
    stack.queue.send("?")

    assert stack.poll() == []
    (message,) = stack.dead.receive()
    assert message["Body"] == "?"
    assert message["MessageAttributes"] == {"promptside_reason": {"DataType": "String", "StringValue": "invalid_json"}}
