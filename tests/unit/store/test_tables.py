"""The table that local runs and tests use."""

from promptside.store.tables import create_tables
from tests.engines import Engine


def test_a_table_is_created_once_and_kept(any_engine: Engine) -> None:
    client = any_engine.client("dynamodb")
    name = any_engine.new_table()

    create_tables(client, name)

    described = client.describe_table(TableName=name)["Table"]
    assert (described["KeySchema"], described["BillingModeSummary"]["BillingMode"]) == (
        [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "PAY_PER_REQUEST",
    )
