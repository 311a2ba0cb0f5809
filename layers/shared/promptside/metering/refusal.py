"""How callers learn what is left: errors that name the limit, and OpenAI's headers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from promptside.errors import BudgetExceeded, JsonObject, PromptsideError, RateLimited
from promptside.metering.limits import Limit, Window
from promptside.schema.limits import Subject, SubjectKind

NOT_COUNTED = "x-promptside-limits-not-counted"
"""Names the types of limits that this run did not count against, and why not is in the log."""

_LONGEST_WAIT_SECONDS = 60
"""SDKs repeat a refused call by themselves; beyond this they had better not."""
_NAMES: dict[SubjectKind, tuple[str, str]] = {
    "api_key": ("API key", "x-portkey-api-key"),
    "virtual_key": ("virtual key", "virtual_key"),
    "prompt": ("prompt", "prompt_id"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands after a count: `used` of `limit.most`."""

    subject: Subject
    limit: Limit
    window: Window
    used: int

    @property
    def left(self) -> int:
        """What is left in the window."""
        return max(0, self.limit.most - self.used)


def refusal(standing: Standing, amount: int, *, now: float) -> PromptsideError:
    """Return the error for an amount that does not fit: 429 for a rate, 412 for a budget.

    Another target may have another virtual key; the caller's key and the prompt are the same everywhere.
    """
    subject, limit, window = standing.subject, standing.limit, standing.window
    kind, param = _NAMES[subject.kind]
    what = "Budget" if limit.budget else "Rate limit"
    message = f"{what} of the {kind} '{subject.name[:128]}', {limit.shown(limit.most)} {limit.span}: "
    message += _why(standing, amount)
    never = amount > limit.most
    wait = None if never or window.end is None else max(1.0, window.end - now)
    if wait is not None and window.end is not None:
        message += f" It starts anew at {datetime.fromtimestamp(window.end, UTC):%Y-%m-%dT%H:%M:%SZ}"
    headers = headers_of([standing], now=now)
    if wait is None or wait > _LONGEST_WAIT_SECONDS:
        headers["x-should-retry"] = "false"
    extra: JsonObject = {"limit": {"subject": subject.kind, "type": limit.type, "unit": limit.unit}}
    kind_of_error = BudgetExceeded if limit.budget else RateLimited
    error = kind_of_error(message, param=param, retry_after=wait, headers=headers, extra=extra)
    error.of_target = subject.kind == "virtual_key"
    return error


def headers_of(standings: Iterable[Standing], *, now: float) -> dict[str, str]:
    """Return limit, remaining and reset of the tightest rate limits on requests and on tokens."""
    headers: dict[str, str] = {}
    tightest: dict[str, Standing] = {}
    for standing in standings:
        kind: str = standing.limit.type
        if standing.limit.budget or kind == "cost":
            continue
        if kind not in tightest or standing.left < tightest[kind].left:
            tightest[kind] = standing
    for kind, standing in tightest.items():
        headers[f"x-ratelimit-limit-{kind}"] = str(standing.limit.most)
        headers[f"x-ratelimit-remaining-{kind}"] = str(standing.left)
        if standing.window.end is not None:
            headers[f"x-ratelimit-reset-{kind}"] = _duration(standing.window.end - now)
    return headers


def tighter(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return the headers of two counts together, of each type those with less remaining."""
    merged = {**one, **other}
    for kind in ("requests", "tokens"):
        name = f"x-ratelimit-remaining-{kind}"
        if name in one and name in other and int(one[name]) <= int(other[name]):
            merged |= {key: value for key, value in one.items() if key.endswith(f"-{kind}")}
    if NOT_COUNTED in one and NOT_COUNTED in other:
        merged[NOT_COUNTED] = ",".join(sorted({*one[NOT_COUNTED].split(","), *other[NOT_COUNTED].split(",")}))
    return merged


def _why(standing: Standing, amount: int) -> str:
    limit = standing.limit
    if limit.most == 0:
        return "it allows nothing."
    if limit.type == "requests" or not standing.left:
        return "it is used up."
    asked = f"this call may take {limit.shown(amount)}"
    if amount > limit.most:
        return f"{asked}, which never fits. Ask for less with max_completion_tokens."
    return f"{asked}, {limit.shown(standing.left)} are left. Ask for less with max_completion_tokens."


def _duration(seconds: float) -> str:
    """Return `1d` as `24h0m0s`, and what is under a second in milliseconds, as OpenAI does."""
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    text = f"{whole % 60}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
