import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.resources import BUCKET, BUS, DEAD_LETTERS, INBOX, RESULTS, RUNS, QueueUrls, create_resources
from local.store import StateDirectory, Store
from tests.upstream import Upstream, json_reply


class Running:
    """An engine over a state directory, with the local stack's resources in it."""

    def __init__(self, path: Path, machines_url: str = "") -> None:
        self.directory = StateDirectory(path)
        self.store = Store(self.directory, machines_url=machines_url)
        self.url = self.store.address()
        self.queues = QueueUrls(self.url)
        self.sqs = self.client("sqs")

    def client(self, service: str, *, region: str = "us-east-1", signature: str | None = None) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="AKIAANYBODY",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, signature_version=signature),
        )

    def send(self, body: str, queue: str = RUNS) -> str:
        identity: str = self.sqs.send_message(QueueUrl=self.queues.of(queue), MessageBody=body)["MessageId"]
        return identity

    def receive(self, queue: str = RUNS, *, wait: int = 5) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queues.of(queue), MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def close(self) -> None:
        self.store.stop()
        self.directory.close()


@contextmanager
def running(path: Path, machines_url: str = "") -> Iterator[Running]:
    engine = Running(path, machines_url)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("state")) as engine:
        create_resources(engine.client)
        yield engine


def test_messages_rules_and_objects_are_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        create_resources(first.client)
        waiting, taken = first.send("waiting"), first.send("taken")
        deleted = first.send("deleted", RESULTS)
        held = {message["Body"]: message for message in first.receive()}
        first.sqs.change_message_visibility(
            QueueUrl=first.queues.of(RUNS), ReceiptHandle=held["waiting"]["ReceiptHandle"], VisibilityTimeout=0
        )
        done = first.receive(RESULTS)[0]
        first.sqs.delete_message(QueueUrl=first.queues.of(RESULTS), ReceiptHandle=done["ReceiptHandle"])
        first.client("s3").put_object(Bucket=BUCKET, Key="results/a", Body=b"kept")

    with running(tmp_path) as second:
        create_resources(second.client)
        # Whoever held a message is gone, so all come back, under the ids that their runs are known by.
        assert {message["MessageId"] for message in second.receive()} == {waiting, taken}
        assert (done["MessageId"], second.receive(RESULTS, wait=0)) == (deleted, [])
        assert second.client("s3").get_object(Bucket=BUCKET, Key="results/a")["Body"].read() == b"kept"


def test_an_event_on_the_bus_becomes_a_message(engine: Running) -> None:
    entry = {
        "EventBusName": BUS,
        "Source": "shop",
        "DetailType": "Prompt Run Requested",
        "Detail": '{"prompt_id": "a"}',
    }
    engine.client("events").put_events(Entries=[entry])

    event = json.loads(engine.receive()[0]["Body"])

    assert (event["detail-type"], event["detail"]) == ("Prompt Run Requested", {"prompt_id": "a"})


def test_a_result_on_the_bus_is_to_be_seen(engine: Running) -> None:
    entry = {"EventBusName": BUS, "Source": "promptside", "DetailType": "Prompt Run Completed", "Detail": "{}"}
    engine.client("events").put_events(Entries=[entry])

    assert [json.loads(message["Body"])["source"] for message in engine.receive(RESULTS)] == ["promptside"]


def test_an_object_below_inbox_is_told_of_and_no_other(engine: Running) -> None:
    s3 = engine.client("s3")
    s3.put_object(Bucket=BUCKET, Key="batches/other.jsonl", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="inbox/welcome/a.jsonl", Body=b"x")

    events = [json.loads(message["Body"]) for message in engine.receive(INBOX)]

    assert [event["detail"]["object"]["key"] for event in events] == ["inbox/welcome/a.jsonl"]


def test_every_region_and_key_sees_the_same_queues(engine: Running) -> None:
    url = engine.client("sqs", region="eu-west-1").get_queue_url(QueueName=DEAD_LETTERS)["QueueUrl"]

    assert url == engine.queues.of(DEAD_LETTERS)


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_signed_link_of_any_region_leads_to_its_object(engine: Running, signature: str) -> None:
    s3 = engine.client("s3", region="eu-west-1", signature=signature)
    engine.client("s3").put_object(Bucket=BUCKET, Key="files/linked", Body=b"content")
    link = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "files/linked"}))

    connection = http.client.HTTPConnection(link.netloc, timeout=5)
    connection.request("GET", f"{link.path}?{link.query}")
    answer = connection.getresponse()

    assert (answer.status, answer.read()) == (200, b"content")
    connection.close()


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"host": "evil.example:80"}]
)
def test_web_pages_are_turned_away(engine: Running, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection(urlsplit(engine.url).netloc, timeout=5)
    connection.request("POST", "/", b"{}", {"x-amz-target": "AmazonSSM.DescribeParameters", **headers})

    assert connection.getresponse().status == 403
    connection.close()


def test_other_services_are_refused(engine: Running) -> None:
    with pytest.raises(ClientError, match=r"does not know"):
        engine.client("kms").list_keys()


def test_the_parent_is_asked_for_state_machines(tmp_path: Path) -> None:
    reply = json_reply({"executionArn": "arn:e", "startDate": 0})
    with Upstream(reply) as parent, running(tmp_path, parent.url) as engine:
        answer = engine.client("stepfunctions").start_execution(stateMachineArn="arn:m", name="n", input="{}")

        assert answer["executionArn"] == "arn:e"
        assert parent.requests[0].headers["x-amz-target"] == "AWSStepFunctions.StartExecution"
        assert json.loads(parent.requests[0].body) == {"stateMachineArn": "arn:m", "name": "n", "input": "{}"}


def test_the_parent_is_asked_for_functions(tmp_path: Path) -> None:
    reply = json_reply({"errorType": "RunError"}, headers={"x-amz-function-error": "Unhandled"})
    with Upstream(reply) as parent, running(tmp_path, parent.url) as engine:
        answer = engine.client("lambda").invoke(FunctionName="promptside-events:live", Payload=b'{"prompt_id": "a"}')

        assert (answer["FunctionError"], json.load(answer["Payload"])) == ("Unhandled", {"errorType": "RunError"})
        request = parent.requests[0]
        assert request.path == "/2015-03-31/functions/promptside-events%3Alive/invocations"
        assert json.loads(request.body) == {"prompt_id": "a"}


def test_without_a_parent_state_machines_do_not_answer(engine: Running) -> None:
    with pytest.raises(ClientError, match=r"ServiceUnavailable"):
        engine.client("stepfunctions").start_execution(stateMachineArn="arn:m", name="n", input="{}")
