"""What an error says about the provider: whether it may have worked, and whether that may have cost something."""

from __future__ import annotations

from promptside.errors import PromptsideError, ProviderError, ProviderNotConnected, RequestTimeout

BUSY = frozenset({429, 503, 529})
"""With these a provider says that it has no time."""
_NOT_BEGUN = frozenset({401, 403}) | BUSY
"""With these a provider says that it did nothing; the same run may succeed in a moment."""
_TIMED_OUT = 408


def may_have_worked(error: PromptsideError) -> bool:
    """Tell whether the provider was asked and may have worked: a second call could be paid for a second time."""
    if isinstance(error, ProviderNotConnected):
        return False
    # Our own errors of these kinds (a timeout, half an answer) say nothing about what the provider has done.
    if type(error) is ProviderError:
        return error.status not in _NOT_BEGUN
    return isinstance(error, ProviderError | RequestTimeout)


def may_have_cost(error: PromptsideError) -> bool:
    """Tell whether tokens may have been used: not by a request that the provider has refused as such."""
    status = error.upstream_status
    if type(error) is ProviderError and status is not None and 400 <= status < 500 and status != _TIMED_OUT:
        return False
    return may_have_worked(error)
