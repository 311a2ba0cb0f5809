"""Turns what botocore raises into the errors of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from promptside.errors import ConfigurationError, PromptsideError, StoreUnavailable
from promptside.log import log_event

_CONFIGURATION_CODES = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)
"""What no retry will mend: the role, the credentials or the table are wrong."""
_BUSY_CODES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@contextmanager
def store_errors(operation: str) -> Iterator[None]:
    """Raise StoreUnavailable or ConfigurationError for whatever botocore raises inside, with one log line.

    `operation` names the call in the log; nothing of the request gets there.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        raise store_error(operation, exc) from exc


def store_error(operation: str, error: ClientError | BotoCoreError) -> PromptsideError:
    """Return our error for one of botocore's, and log its code."""
    code = error_code(error)
    status = http_status(error)
    log_event("store_failed", operation=operation, error_code=code, status=status)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return ConfigurationError("There are no AWS credentials for the store: check the function's role")
    if code in _CONFIGURATION_CODES:
        return ConfigurationError(f"AWS refused {operation} with {code}: check the table name and the function's role")
    if is_busy(error):
        return StoreUnavailable("The store is throttled: try again in a moment", retry_after=2.0)
    return StoreUnavailable("The store did not answer: try again in a moment")


def error_code(error: Exception) -> str:
    """Return AWS's error code, or the name of botocore's own exception."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def http_status(error: Exception) -> int | None:
    """Return the HTTP status of AWS's answer, None when there was none."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return int(status) if status is not None else None
    return None


def is_busy(error: Exception) -> bool:
    """Tell whether AWS throttled the call."""
    return error_code(error) in _BUSY_CODES or http_status(error) == 429
