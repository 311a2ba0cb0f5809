"""A stack's part of SSM Parameter Store, with the AWS credentials of whoever runs the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from promptside.store.secrets import LARGEST_SECRET


class StoreFailed(Exception):
    """SSM did not do it; the message says what to change and holds no secret."""


class ParameterStore:
    """The SecureStrings below a prefix."""

    def __init__(self, prefix: str, region: str | None) -> None:
        self._prefix = "/" + prefix.strip("/")
        try:
            self._client: Any = boto3.client("ssm", region_name=region)
        except BotoCoreError as exc:
            raise StoreFailed(_reason(exc)) from exc

    def put(self, name: str, fields: Mapping[str, str]) -> str:
        """Store a secret in place of an older one, and return its path."""
        path = f"{self._prefix}/{name}"
        value = json.dumps(dict(fields))
        if len(value) > LARGEST_SECRET:
            raise StoreFailed(f"The secret has {len(value)} bytes; SSM Parameter Store takes {LARGEST_SECRET}")
        self._call("put_parameter", Name=path, Value=value, Type="SecureString", Overwrite=True)
        return path

    def all(self) -> list[tuple[str, str, str]]:
        """Return path, time of the last change and version of each secret; values are not read in clear."""
        found: list[tuple[str, str, str]] = []
        token: dict[str, str] = {}
        while True:
            page = self._call(
                "get_parameters_by_path", Path=self._prefix, Recursive=True, WithDecryption=False, **token
            )
            found += [
                (item["Name"], f"{item['LastModifiedDate']:%Y-%m-%d %H:%M}", str(item["Version"]))
                for item in page["Parameters"]
            ]
            if not page.get("NextToken"):
                return sorted(found)
            token = {"NextToken": page["NextToken"]}

    def delete(self, name: str) -> str:
        """Remove a secret, and return the path it had."""
        path = f"{self._prefix}/{name}"
        self._call("delete_parameter", Name=path)
        return path

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(**request)
        except (BotoCoreError, ClientError) as exc:
            raise StoreFailed(_reason(exc, request.get("Name"))) from exc


def _reason(error: Exception, path: str | None = None) -> str:
    """Say what to do; botocore's own text only where it cannot hold a value."""
    if isinstance(error, NoCredentialsError):
        return "There are no AWS credentials: sign in with 'aws sso login', or set AWS_PROFILE"
    if isinstance(error, NoRegionError):
        return "There is no AWS region: give --region, or set AWS_REGION"
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ParameterNotFound":
            return f"There is no parameter {path}"
        return f"AWS refused it ({code}): are the account, the region and the permissions for {path or 'SSM'} right?"
    return f"AWS cannot be asked ({type(error).__name__}): are region and network right?"
