"""Which failures leave the key free for a try that may do better."""

import pytest

from promptside.api.idempotency import RunInProgress, may_run_again
from promptside.errors import (
    BudgetExceeded,
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    PromptsideError,
    ProviderError,
    ProviderNotConnected,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestTimeout,
    StoreUnavailable,
)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (RunInProgress(12.0), True),
        (StoreUnavailable("x"), True),
        (ProviderNotConnected("x"), True),
        (ProviderError("x", status=429), True),
        (ProviderError("x", status=503), True),
        (ProviderError("x", status=529), True),
        (RateLimited("x", retry_after=20.0), True),
        (RateLimited("a run larger than the whole limit"), False),
        (BudgetExceeded("x", retry_after=86400.0), False),
        (ProviderError("x", status=429, code="insufficient_quota"), False),
        (ProviderError("x", status=401), False),
        (ProviderError("x", status=500), False),
        (ProviderUnreachable("x"), False),
        (ProviderTimeout("x"), False),
        (DeadlineExceeded("x"), False),
        (RequestTimeout("x"), False),
        (Conflict("x"), False),
        (ConfigurationError("x"), False),
        (InvalidRequest("x"), False),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.status}" if isinstance(value, PromptsideError) else str(value),
)
def test_a_run_is_worth_another_try(error: PromptsideError, again: bool) -> None:
    assert may_run_again(error) is again
