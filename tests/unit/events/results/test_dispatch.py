"""Results at the bus, the bucket and a queue of both engines."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from promptside.errors import ConfigurationError, JsonObject
from promptside.events.base import DeliveryFailed, ResultTarget
from promptside.events.recording import StoredRunRecords
from tests.engines import Engine
from tests.results import COMPLETION, FAILURE, NOW, Targets, assert_valid, order, outcome
from tests.upstream import Reply, Upstream, json_reply

BUS = ResultTarget("eventbridge")
S3 = ResultTarget("s3", "reports/")
DOCUMENT: JsonObject = {
    "object": "run.result",
    "run_id": order().run_id,
    "status": "completed",
    "prompt": "welcome@production",
    "source": "sqs",
    "correlation_id": "c-17",
    "metadata": {"user": "7"},
    "trace_id": order().run_id,
    "batch_id": None,
    "line": None,
    "custom_id": None,
    "version": 3,
    "label": None,
    "provider": "openai",
    "model": "gpt-4o-mini",
    "usage": COMPLETION["usage"],
    "cost_usd": 0.00027,
    "started_at": 1_795_300_000,
    "completed_at": 1_795_300_002,
    "duration_ms": 2500,
    "error": None,
    "response": COMPLETION,
    "response_location": None,
}
FAILED: JsonObject = {
    **DOCUMENT,
    "status": "failed",
    "model": None,
    "usage": None,
    "cost_usd": None,
    "error": {
        "type": "api_error",
        "code": "provider_error",
        "status": 502,
        "message": "The model is overloaded",
        "param": None,
    },
    "response": None,
}
LARGE = {**COMPLETION, "choices": [{"index": 0, "message": {"role": "assistant", "content": "ü" * 100_000}}]}


@pytest.fixture
def targets(any_engine: Engine) -> Iterator[Targets]:
    made = Targets(any_engine)
    yield made
    made.close()


def failing(of: Any) -> Any:
    return outcome(of, status=502, body=FAILURE)


def test_a_completed_run_is_announced_on_the_bus(targets: Targets) -> None:
    targets.listen({"source": ["promptside"], "detail-type": ["Prompt Run Completed"]})

    targets.deliver(outcome(order(BUS)))

    (event,) = targets.events()
    assert event["detail"] == DOCUMENT
    # The engine puts its own time into events.
    assert targets.calls[0][1]["Entries"][0]["Time"] == datetime(2026, 11, 21, 22, 26, 42, tzinfo=UTC)
    assert_valid(event, "event")


def test_a_failed_run_is_announced_with_its_error(targets: Targets) -> None:
    targets.listen({"source": ["promptside"], "detail": {"status": ["failed"]}})

    targets.deliver(failing(order(BUS)))

    (event,) = targets.events()
    assert (event["detail-type"], event["detail"]) == ("Prompt Run Failed", FAILED)
    assert_valid(event, "event")


def test_a_result_is_put_into_the_bucket_under_a_key_that_stays_the_same(targets: Targets) -> None:
    for _ in range(2):
        targets.deliver(outcome(order(S3)))

    assert targets.objects() == {f"reports/{order().run_id}.json": DOCUMENT}
    head = targets.engine.client("s3").head_object(Bucket=targets.bucket, Key=f"reports/{order().run_id}.json")
    assert head["ContentType"] == "application/json"


def test_without_a_prefix_results_are_put_where_large_ones_are(targets: Targets) -> None:
    targets.deliver(outcome(order(ResultTarget("s3"))))

    assert list(targets.objects()) == [f"results/{order().run_id}.json"]


def test_a_result_is_sent_to_a_queue(targets: Targets) -> None:
    targets.deliver(outcome(order(ResultTarget("sqs", targets.queue_url))))

    (message,) = targets.messages()
    assert json.loads(message["Body"]) == DOCUMENT
    assert_valid(json.loads(message["Body"]))
    assert {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} == {
        "run_id": order().run_id, "status": "completed", "correlation_id": "c-17",
    }  # fmt: skip


def test_a_fifo_queue_drops_what_is_delivered_twice(engine: Engine) -> None:
    targets = Targets(engine)
    url = targets.new_queue(f"{targets.bus}.fifo")
    targets = Targets(engine, result_queues=(url,))

    for _ in range(2):
        targets.deliver(outcome(order(ResultTarget("sqs", url))))

    assert len(targets.messages(url)) == 1
    assert {name: targets.calls[0][1][name] for name in ("MessageGroupId", "MessageDeduplicationId")} == {
        "MessageGroupId": "c-17", "MessageDeduplicationId": order().run_id,
    }  # fmt: skip


def test_a_fifo_queue_takes_the_result_of_a_run_that_completes_after_it_failed(engine: Engine) -> None:
    targets = Targets(engine)
    url = targets.new_queue(f"{targets.bus}.fifo")
    targets = Targets(engine, result_queues=(url,))

    targets.deliver(outcome(order(ResultTarget("sqs", url)), status=429, body=FAILURE))
    targets.deliver(outcome(order(ResultTarget("sqs", url))))

    statuses = [message["MessageAttributes"]["status"]["StringValue"] for message in targets.messages(url)]
    assert statuses == ["failed", "completed"]


@pytest.mark.parametrize("correlation_id", ["with space", "ü", "x" * 129])
def test_a_correlation_id_that_no_message_group_may_have_is_digested(engine: Engine, correlation_id: str) -> None:
    targets = Targets(engine)
    url = targets.new_queue(f"{targets.bus}.fifo")
    targets = Targets(engine, result_queues=(url,))

    targets.deliver(outcome(order(ResultTarget("sqs", url), correlation_id=correlation_id)))

    assert len(targets.calls[0][1]["MessageGroupId"]) == 64


def test_without_targets_of_its_own_a_result_goes_where_the_stack_says(engine: Engine) -> None:
    targets = Targets(engine, result_targets=("s3:all/", "s3"))

    targets.deliver(outcome(order(results=None)))

    assert sorted(targets.objects()) == [f"all/{order().run_id}.json", f"results/{order().run_id}.json"]


def test_nothing_is_made_or_sent_when_a_result_is_wanted_nowhere(targets: Targets) -> None:
    targets.deliver(outcome(order()))

    assert targets.asked == []


def test_a_large_result_goes_by_reference(targets: Targets) -> None:
    targets.listen({"source": ["promptside"]})
    body = LARGE

    targets.deliver(outcome(order(BUS, ResultTarget("sqs", targets.queue_url)), body=body))

    key = f"results/{order().run_id}.json"
    whole = {**DOCUMENT, "response": body, "usage": COMPLETION["usage"]}
    location = {"bucket": targets.bucket, "key": key, "bytes": len(json.dumps(whole))}
    referring = {**whole, "response": None, "response_location": location}
    assert targets.objects() == {key: whole}
    assert [event["detail"] for event in targets.events()] == [referring]
    assert [json.loads(message["Body"]) for message in targets.messages()] == [referring]
    assert_valid(whole)
    assert_valid(referring)


def test_even_usage_that_is_too_large_by_itself_fits_by_reference(targets: Targets) -> None:
    usage = {"prompt_tokens": 1, "note": "x" * 300_000}

    targets.deliver(outcome(order(ResultTarget("sqs", targets.queue_url)), body={**COMPLETION, "usage": usage}))

    (message,) = targets.messages()
    assert json.loads(message["Body"])["usage"] is None
    assert_valid(json.loads(message["Body"]))


def test_a_replayed_run_has_the_times_of_the_run_that_it_repeats(targets: Targets) -> None:
    records = StoredRunRecords(targets.runs, targets.settings)
    first = outcome(order(S3))
    records.start(first.order, now=NOW)
    records.end(first)

    targets.deliver(replace(first, started_at=NOW + 600, ended_at=NOW + 600.01, replayed=True))

    assert list(targets.objects().values()) == [DOCUMENT]


def test_one_target_that_refuses_does_not_keep_the_others_from_their_result(targets: Targets) -> None:
    gone = ResultTarget("sqs", f"{targets.queue_url}-gone")
    targets = Targets(targets.engine, result_queues=(gone.address,))

    with pytest.raises(DeliveryFailed) as raised:
        targets.deliver(outcome(order(gone, S3)))

    assert raised.value.final
    assert raised.value.message == (
        "The result did not reach its target (sqs): AWS answered AWS.SimpleQueueService.NonExistentQueue"
    )
    assert len(targets.objects()) == 1


def test_a_target_that_may_do_better_later_decides_over_one_that_refuses_for_good(engine: Engine) -> None:
    with Upstream() as nobody:
        url = nobody.url
    targets = Targets(engine, bucket="no-such-bucket-here")
    targets.clients["sqs"] = engine.new_client("sqs", url=url)

    with pytest.raises(DeliveryFailed) as raised:
        targets.deliver(outcome(order(S3, ResultTarget("sqs", targets.queue_url))), seconds=10.0)

    assert not raised.value.final
    assert targets.time.slept[:2] == [0.2, 0.4]
    assert sum(targets.time.slept) < 10.0


def test_an_entry_that_the_bus_did_not_take_is_sent_again(targets: Targets) -> None:
    throttled = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}
    taken: JsonObject = {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}
    with Upstream(json_reply(throttled), json_reply(taken)) as bus:
        targets.clients["events"] = targets.engine.new_client("events", url=bus.url)

        targets.deliver(outcome(order(BUS)))

        details = [request.json()["Entries"][0]["Detail"] for request in bus.requests]
    assert [json.loads(detail) for detail in details] == [DOCUMENT, DOCUMENT]


@pytest.mark.parametrize(
    ("code", "final"), [("ThrottlingException", False), ("InternalFailure", False), ("MalformedDetail", True)]
)
def test_an_entry_that_the_bus_never_takes_fails_the_delivery(targets: Targets, code: str, final: bool) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "secret words"}]}
    with Upstream(*[json_reply(refused)] * 6) as bus:
        targets.clients["events"] = targets.engine.new_client("events", url=bus.url)

        with pytest.raises(DeliveryFailed) as raised:
            targets.deliver(outcome(order(BUS)))

        assert len(bus.requests) == (1 if final else 6)
    assert (raised.value.final, raised.value.code) == (final, "result_not_delivered")
    assert raised.value.message == f"The result did not reach its target (eventbridge): the bus answered {code}"


@pytest.mark.parametrize(
    ("reply", "final"),
    [
        (json_reply({"__type": "AccessDeniedException", "message": "no"}, status=400), True),
        (json_reply({"__type": "ThrottlingException", "message": "slow"}, status=400), False),
        (json_reply({"__type": "InternalException", "message": "oops"}, status=500), False),
        (Reply(502), False),
    ],
)
def test_what_aws_refuses_for_good_is_not_tried_again(targets: Targets, reply: Any, final: bool) -> None:
    with Upstream(*[reply] * 6) as bus:
        targets.clients["events"] = targets.engine.new_client("events", url=bus.url)

        with pytest.raises(DeliveryFailed) as raised:
            targets.deliver(outcome(order(BUS)))

        assert (raised.value.final, len(bus.requests)) == (final, 1 if final else 6)


@pytest.mark.parametrize("kind", ["s3", "eventbridge"])
def test_a_target_of_an_order_that_the_stack_does_not_have_gets_nothing(engine: Engine, kind: Any) -> None:
    targets = Targets(engine, bucket=None, event_bus=None)

    targets.deliver(outcome(order(ResultTarget(kind))))

    assert targets.asked == []


@pytest.mark.parametrize(("text", "variable"), [("s3", "PROMPTSIDE_BUCKET"), ("eventbridge", "PROMPTSIDE_EVENT_BUS")])
def test_a_stack_whose_own_target_is_not_there_says_which_variable_is_missing(
    engine: Engine, text: str, variable: str
) -> None:
    targets = Targets(engine, bucket=None, event_bus=None, result_targets=(text,))

    with pytest.raises(DeliveryFailed, match=variable) as raised:
        targets.deliver(outcome(order(results=None)))

    assert (raised.value.final, raised.value.code) == (True, "not_configured")


def test_targets_of_the_stack_that_cannot_be_read_show_at_start(engine: Engine) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Targets(engine, result_targets=("ftp://x",))

    assert raised.value.param == "PROMPTSIDE_RESULT_TARGETS"


def test_a_target_that_no_order_may_name_gets_nothing(targets: Targets) -> None:
    targets.deliver(failing(order(ResultTarget("sqs", targets.bus_queue_url), S3)))

    assert targets.messages(targets.bus_queue_url) == []
    assert list(targets.objects().values()) == [FAILED]
