"""Creates the tables for local runs and tests; a deployed stack gets them from template.yaml."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from promptside.store.failures import store_errors


def create_tables(client: Any, name: str) -> None:
    """Create the table of prompts, keys and labels unless it is there, and wait until it can be used.

    Keys are `pk` (hash) and `sk` (range), both text; billing is on demand. Raises StoreUnavailable.
    """
    with store_errors("create_table"):
        try:
            client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "ResourceInUseException":
                raise
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
