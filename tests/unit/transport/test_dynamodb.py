"""The short way to DynamoDB gives what boto3 gives, and fails as boto3 fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from promptside.store.tables import create_tables
from promptside.transport.client import HttpClient
from promptside.transport.dynamodb import BatchReader
from tests.engines import Engine
from tests.upstream import Fault, Reply, Upstream, json_reply, raw_reply

ITEM = {
    "pk": {"S": "p"}, "sk": {"S": "s"}, "text": {"S": "\u00e9\u2028\U0001f600"}, "number": {"N": "12"},
    "flag": {"BOOL": True}, "nothing": {"NULL": True}, "list": {"L": [{"S": "a"}]}, "map": {"M": {"k": {"N": "1"}}},
}  # fmt: skip


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(allow_private_hosts=True)
    yield client
    client.close()


def session() -> Any:
    return boto3.session.Session(
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret", region_name="us-east-1"
    )


def reader(url: str, http: HttpClient, *, seconds: float = 2.0) -> BatchReader:
    made = session()
    return BatchReader(made.client("dynamodb", endpoint_url=url), made, http, seconds=seconds)


def test_the_answer_is_the_one_of_boto3(any_engine: Engine, http: HttpClient) -> None:
    table = any_engine.new_table()
    client = any_engine.client("dynamodb")
    create_tables(client, table)
    client.put_item(TableName=table, Item=ITEM)
    keys = [{"pk": {"S": "p"}, "sk": {"S": name}} for name in ("s", "absent")]
    request = {table: {"Keys": keys, "ConsistentRead": True}}

    short = reader(any_engine.url, http).batch_get_item(RequestItems=request)

    boto = client.batch_get_item(RequestItems=request)
    assert short["Responses"] == boto["Responses"] == {table: [ITEM]}
    assert short.get("UnprocessedKeys") == boto.get("UnprocessedKeys")


def test_every_other_operation_is_boto3s_own(engine: Engine, http: HttpClient) -> None:
    assert "TableNames" in reader(engine.url, http).list_tables()


def test_the_request_is_signed_for_dynamodb(http: HttpClient) -> None:
    with Upstream(json_reply({"Responses": {}})) as upstream:
        reader(upstream.url, http).batch_get_item(RequestItems={})

        sent = upstream.requests[0]
        assert sent.headers["x-amz-target"] == "DynamoDB_20120810.BatchGetItem"
        assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert "/us-east-1/dynamodb/aws4_request" in sent.headers["authorization"]
        assert sent.json() == {"RequestItems": {}}


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", None),
        (400, "com.amazon.coral.service#ThrottlingException", None),
        (400, "ResourceNotFoundException", None),
        (500, "com.amazonaws.dynamodb.v20120810#InternalServerError", None),
        (503, None, "503"),
    ],
)
def test_a_refusal_is_the_client_error_of_boto3(
    status: int, kind: str | None, code: str | None, http: HttpClient
) -> None:
    body = {"message": "why"} | ({"__type": kind} if kind else {})
    with Upstream(json_reply(body, status=status)) as upstream, pytest.raises(ClientError) as caught:
        reader(upstream.url, http).batch_get_item(RequestItems={})

    assert caught.value.response["Error"] == {"Code": code or str(kind).rpartition("#")[2], "Message": "why"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_lost_connection_is_boto3s_connection_error(fault: Fault, http: HttpClient) -> None:
    with Upstream(raw_reply(fault)) as upstream, pytest.raises(EndpointConnectionError):
        reader(upstream.url, http).batch_get_item(RequestItems={})


def test_silence_is_boto3s_read_timeout(http: HttpClient) -> None:
    with Upstream(raw_reply(Fault.HANG)) as upstream, pytest.raises(ReadTimeoutError):
        reader(upstream.url, http, seconds=0.1).batch_get_item(RequestItems={})


def test_an_answer_with_a_wrong_checksum_is_not_believed(http: HttpClient) -> None:
    reply = Reply(200, {"content-type": "application/x-amz-json-1.0", "x-amz-crc32": "1"}, [b'{"Responses": {}}'])
    with Upstream(reply) as upstream, pytest.raises(Exception, match="Connection was closed"):
        reader(upstream.url, http).batch_get_item(RequestItems={})


def test_without_credentials_the_error_is_botocores(http: HttpClient) -> None:
    class NoSession:
        def get_credentials(self) -> None:
            return None

    short = BatchReader(session().client("dynamodb"), NoSession(), http, seconds=1.0)

    with pytest.raises(NoCredentialsError):
        short.batch_get_item(RequestItems={})
