"""What an error says about the provider's work, and about its bill."""

import pytest

from promptside.attempts.paid import may_have_cost, may_have_worked
from promptside.errors import (
    ConfigurationError,
    DeadlineExceeded,
    PromptsideError,
    ProviderError,
    ProviderNotConnected,
    ProviderTimeout,
    ProviderUnreachable,
    ProviderUnusable,
    RateLimited,
    RequestTimeout,
)


def answered(status: int) -> ProviderError:
    error = ProviderError("x", status=status)
    error.upstream_status = status
    return error


@pytest.mark.parametrize(
    ("error", "worked", "cost"),
    [
        (answered(400), True, False),
        (answered(401), False, False),
        (answered(403), False, False),
        (answered(404), True, False),
        (answered(408), True, True),
        (answered(429), False, False),
        (answered(500), True, True),
        (answered(502), True, True),
        (answered(503), False, False),
        (answered(529), False, False),
        (ProviderError("an event of a stream", status=400), True, True),
        (ProviderNotConnected("x"), False, False),
        (ProviderUnreachable("x"), True, True),
        (ProviderUnusable("x"), True, True),
        (ProviderTimeout("x"), True, True),
        (DeadlineExceeded("x"), True, True),
        (RequestTimeout("x"), True, True),
        (RateLimited("x"), False, False),
        (ConfigurationError("x"), False, False),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.status}" if isinstance(value, PromptsideError) else str(value),
)
def test_what_may_have_happened(error: PromptsideError, worked: bool, cost: bool) -> None:
    assert (may_have_worked(error), may_have_cost(error)) == (worked, cost)
