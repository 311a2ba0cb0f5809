"""Many messages, a provider that fails in every way, and workers who are given the same messages at the same time.

Every message is accounted for: its result is there, or it is in the dead-letter queue. No answer was paid for twice.
"""

import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.engines import Engine
from tests.event_runs import ANSWER, EventRuns
from tests.queues import Queue
from tests.upstream import Fault, Reply, Request, Upstream, json_reply

MESSAGES = 60
_CUT = 0
BAD_LINES = ("{", '{"prompt_id": "nobody"}', "[]")


class Provider:
    """Answers half of the calls, and refuses or breaks the others; `paid` counts answers by name."""

    def __init__(self, seed: int) -> None:
        self.paid: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        name = request.json()["messages"][0]["content"].removeprefix("Hi ")
        with self._lock:
            status = self._random.choice([200, 200, 200, 200, 429, 503, 529, 500, _CUT])
            if status == 200:
                self.paid[name] += 1
                return json_reply(ANSWER)
            if status in (500, _CUT):
                self.broken[name] += 1
        if status == _CUT:
            return Reply(200, {}, [Fault.CUT])
        return json_reply({"error": {"message": "no"}}, status=status, headers={"retry-after": "0"})


def test_every_message_is_accounted_for_and_no_answer_is_paid_twice(engine: Engine) -> None:
    dead, queue = Queue(engine), Queue(engine)
    provider = Provider(seed=6)
    with Upstream() as upstream:
        upstream.default = provider.answer
        settings: dict[str, Any] = {"queue_url": queue.url, "dead_letter_queue_url": dead.url, "max_receive_count": 4}
        table = engine.new_table()
        workers = [EventRuns(engine, upstream, run_table=table, **settings) for _ in range(2)]
        client = _returning_at_once(engine)
        for worker in workers:
            worker.use_client("sqs", client)
        for number in range(MESSAGES):
            queue.send({"prompt_id": "hi", "variables": {"name": f"n{number}"}})
        for line in BAD_LINES:
            queue.send(line)

        with ThreadPoolExecutor(2) as pool:
            while received := queue.receive():
                event = queue.event(received)
                # The same messages go to both, as after a visibility timeout that was too short.
                answers = list(pool.map(lambda worker, event=event: worker.handler()(event), workers))
                failed = [{item["itemIdentifier"] for item in answer["batchItemFailures"]} for answer in answers]
                for message in received:
                    if any(message["MessageId"] not in ids for ids in failed):
                        queue.delete(message["ReceiptHandle"])

    delivered = [outcome for worker in workers for outcome in worker.results.delivered]
    completed = {_name(outcome.order.body) for outcome in delivered if outcome.succeeded}
    buried = {message["Body"] for message in _all(dead)}
    given_up = {_name(json.loads(body)) for body in buried if body not in BAD_LINES}
    assert queue.left() == (0, 0)
    assert set(BAD_LINES) <= buried
    assert completed | given_up == {f"n{number}" for number in range(MESSAGES)}
    assert provider.paid == Counter(completed)
    # What may have been paid for without an answer was not tried again either.
    assert all(count == 1 for count in provider.broken.values())
    assert not set(provider.broken) & completed


def _name(body: dict[str, Any]) -> str:
    name: str = body["variables"]["name"]
    return name


def _all(queue: Queue) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while received := queue.receive():
        found += received
    return found


def _returning_at_once(engine: Engine) -> Any:
    """Return a client that tells the queue to deliver at once what shall come back later."""
    client = engine.new_client("sqs")

    def at_once(params: dict[str, Any], **_: Any) -> None:
        params["VisibilityTimeout"] = 0

    client.meta.events.register("provide-client-params.sqs.ChangeMessageVisibility", at_once)
    return client
