import asyncio
import json
from pathlib import Path
from typing import Any

from local.changes import DYNAMODB
from local.engine import DurableEngine
from local.journal import Journal, State, read_state, write_state
from local.queues import Message, Receive, Send

DEFINITION = {"TableName": "things", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}


class Engine:
    """An engine that knows one item and answers every call with the same status."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.targets: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        self.targets.append(dict(scope["headers"])[b"x-amz-target"].decode().removeprefix(DYNAMODB))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b'{"Item": {"pk": {"S": "a"}, "n": {"N": "7"}}}'})


class FullDisk:
    """A journal that cannot be written."""

    def append(self, changes: list[dict[str, Any]]) -> None:
        raise OSError(28, "No space left on device")


def put_item(durable: DurableEngine, target: str = "UpdateItem") -> list[Message]:
    body = json.dumps({"TableName": "things", "Key": {"pk": {"S": "a"}}}).encode()
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"x-amz-target", f"{DYNAMODB}{target}".encode())]
    asyncio.run(durable({"type": "http", "headers": headers}, receive, send))
    return sent


def test_a_write_is_kept_as_what_is_there_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    state = State(tables={"things": DEFINITION}, items={"things": {}})
    write_state(path, state, now=0)
    engine = Engine()

    put_item(DurableEngine(engine, Journal(path), state, lambda: None))

    assert engine.targets == ["UpdateItem", "GetItem"]
    assert list(read_state(path).items["things"].values()) == [{"pk": {"S": "a"}, "n": {"N": "7"}}]


def test_an_engine_that_cannot_keep_a_write_gives_up(capsys: Any) -> None:
    given_up: list[bool] = []
    state = State(tables={"things": DEFINITION}, items={"things": {}})

    put_item(DurableEngine(Engine(), FullDisk(), state, lambda: given_up.append(True)))  # type: ignore[arg-type]

    assert given_up == [True]
    assert capsys.readouterr().err == "The local store cannot write its journal: No space left on device\n"


def test_a_refused_write_and_a_read_are_not_kept() -> None:
    given_up: list[bool] = []
    state = State(tables={"things": DEFINITION}, items={"things": {}})

    for status, target in ((400, "UpdateItem"), (200, "GetItem")):
        durable = DurableEngine(Engine(status), FullDisk(), state, lambda: given_up.append(True))  # type: ignore[arg-type]
        assert put_item(durable, target)[0]["status"] == status

    assert given_up == []
