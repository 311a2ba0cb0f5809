import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.store import StateDirectory, Store, StoreFailed

TABLE = "things"
KEY = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
TYPES = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}]


class Running:
    """An engine over a state directory, and clients for it."""

    def __init__(self, path: Path) -> None:
        self.directory = StateDirectory(path)
        self.store = Store(self.directory)
        self.url = self.store.address()
        self.dynamodb = self.client("dynamodb")
        self.ssm = self.client("ssm")

    def client(self, service: str, region: str = "us-east-1") -> Any:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
        session = boto3.session.Session(aws_access_key_id="any", aws_secret_access_key="any")
        return session.client(service, region_name=region, endpoint_url=self.url, config=config)

    def create_table(self) -> None:
        self.dynamodb.create_table(
            TableName=TABLE, KeySchema=KEY, AttributeDefinitions=TYPES, BillingMode="PAY_PER_REQUEST"
        )

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return sorted(found, key=lambda item: (item["pk"]["S"], int(item["sk"]["N"])))

    def kill(self) -> None:
        os.kill(self.store.pid, signal.SIGKILL)
        self.store.wait()
        self.close()

    def close(self) -> None:
        self.dynamodb.close()
        self.ssm.close()
        self.store.stop()
        self.directory.close()


@contextmanager
def running(path: Path) -> Iterator[Running]:
    engine = Running(path)
    try:
        yield engine
    finally:
        engine.close()


def item(sk: int, **attributes: Any) -> dict[str, Any]:
    return {"pk": {"S": "a"}, "sk": {"N": str(sk)}, **attributes}


def write_everything(engine: Running) -> None:
    dynamodb, ssm = engine.dynamodb, engine.ssm
    engine.create_table()
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True})
    for sk in range(5):
        dynamodb.put_item(TableName=TABLE, Item=item(sk, text={"S": 'é "\n'}, data={"B": b"\x00\xff"}))
    dynamodb.delete_item(TableName=TABLE, Key=item(0))
    for _ in range(2):
        dynamodb.update_item(
            TableName=TABLE,
            Key=item(1),
            UpdateExpression="ADD n :one REMOVE #text",
            ExpressionAttributeNames={"#text": "text"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": TABLE, "Item": item(10)}},
            {"Delete": {"TableName": TABLE, "Key": item(2)}},
            {"ConditionCheck": {"TableName": TABLE, "Key": item(3), "ConditionExpression": "attribute_exists(pk)"}},
        ],
        ClientRequestToken="the-same-again",
    )
    dynamodb.batch_write_item(
        RequestItems={
            TABLE: [{"PutRequest": {"Item": item(20)}}, {"DeleteRequest": {"Key": item(4)}}],
        }
    )
    ssm.put_parameter(Name="/p/kept", Value="first", Type="SecureString")
    ssm.put_parameter(Name="/p/kept", Value="second", Type="SecureString", Overwrite=True)
    for name in ("/p/gone", "/p/also-gone"):
        ssm.put_parameter(Name=name, Value="x", Type="SecureString")
    ssm.delete_parameter(Name="/p/gone")
    ssm.delete_parameters(Names=["/p/also-gone"])


def test_every_kind_of_write_survives_a_kill(tmp_path: Path) -> None:
    engine = Running(tmp_path)
    write_everything(engine)
    before = engine.items()
    engine.kill()

    with running(tmp_path) as again:
        after = again.items()
        parameters = again.ssm.get_parameters_by_path(Path="/p", WithDecryption=True)["Parameters"]
        expiry = again.dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]

    assert after == before
    assert [int(entry["sk"]["N"]) for entry in after] == [1, 3, 10, 20]
    assert after[0] == item(1, n={"N": "2"}, data={"B": b"\x00\xff"})
    assert [(entry["Name"], entry["Value"], entry["Type"]) for entry in parameters] == [
        ("/p/kept", "second", "SecureString")
    ]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"}


def test_a_kill_in_the_middle_of_writing_loses_nothing_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    enough = threading.Event()

    def write(engine: Running) -> None:
        with contextlib.suppress(BotoCoreError, ClientError):
            for sk in itertools.count(len(acknowledged)):
                engine.dynamodb.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": TABLE, "Item": item(sk)}},
                        {"Put": {"TableName": TABLE, "Item": {**item(sk), "pk": {"S": "b"}}}},
                    ]
                )
                acknowledged.append(sk)
                if len(acknowledged) % 40 == 0:
                    enough.set()

    for round_number in range(3):
        engine = Running(tmp_path)
        if round_number == 0:
            engine.create_table()
        enough.clear()
        writer = threading.Thread(target=write, args=(engine,))
        writer.start()
        assert enough.wait(20)
        os.kill(engine.store.pid, signal.SIGKILL)
        writer.join()
        engine.close()

        with running(tmp_path) as again:
            stored = [(entry["pk"]["S"], int(entry["sk"]["N"])) for entry in again.items()]

        first = [sk for name, sk in stored if name == "a"]
        assert first == [sk for name, sk in stored if name == "b"], "a transaction is there in full or not at all"
        assert first[: len(acknowledged)] == acknowledged
        assert len(first) - len(acknowledged) <= 1
        acknowledged = first


def test_refused_writes_leave_no_trace(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.create_table()
        engine.dynamodb.put_item(TableName=TABLE, Item=item(1))
        size = (tmp_path / "journal.jsonl").stat().st_size
        refused = {"TableName": TABLE, "Item": item(1), "ConditionExpression": "attribute_not_exists(pk)"}

        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            engine.dynamodb.put_item(**refused)
        with pytest.raises(ClientError, match="TransactionCanceled"):
            engine.dynamodb.transact_write_items(
                TransactItems=[{"Put": {"TableName": TABLE, "Item": item(2)}}, {"Put": refused}]
            )

        assert (tmp_path / "journal.jsonl").stat().st_size == size


def test_the_callers_region_does_not_matter(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.create_table()
        elsewhere = engine.client("dynamodb", region="eu-central-1")

        assert elsewhere.list_tables()["TableNames"] == [TABLE]
        elsewhere.close()


def test_a_call_that_could_not_be_kept_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.create_table()

        with pytest.raises(ClientError, match=r"does not know the call 'DynamoDB_20120810\.UpdateTable'"):
            engine.dynamodb.update_table(TableName=TABLE, BillingMode="PAY_PER_REQUEST")


def test_a_damaged_journal_stops_the_start_and_stays_as_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text('{"format":1}\nnonsense\n[]\n')
    directory = StateDirectory(tmp_path)
    store = Store(directory)

    with pytest.raises(StoreFailed, match="did not start"):
        store.address()

    store.stop()
    directory.close()
    assert "line 2 cannot be read" in capfd.readouterr().err
    assert journal.read_text() == '{"format":1}\nnonsense\n[]\n'


def test_one_directory_serves_one_instance(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)

    with pytest.raises(StoreFailed, match=rf"process {os.getpid()}\) is using"):
        StateDirectory(tmp_path, patience_seconds=0)

    first.close()
    StateDirectory(tmp_path, patience_seconds=0).close()


def test_the_state_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state"

    with running(path):
        modes = [entry.stat().st_mode & 0o777 for entry in (path, path / "journal.jsonl")]

    assert modes == [0o700, 0o600]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreFailed, match=r"file/state cannot be used: Not a directory"):
        StateDirectory(tmp_path / "file" / "state")
