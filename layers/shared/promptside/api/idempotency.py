"""Answers a run at most once per `Idempotency-Key`: claimed before the paid call, and replayed byte for byte.

docs/decisions/0013-idempotency.md says which outcomes are kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from promptside.api.completions import EventBody
from promptside.api.http import HttpResponse
from promptside.api.responses import TRACE_ID, error_response
from promptside.attempts.paid import BUSY, may_have_worked
from promptside.attempts.retries import has_spent_quota
from promptside.errors import (
    Conflict,
    InvalidRequest,
    PromptsideError,
    ProviderError,
    ProviderNotConnected,
    RateLimited,
    StoreUnavailable,
)
from promptside.log import log_event
from promptside.schema.request import RunRequest
from promptside.service import load_prompt
from promptside.services import Services
from promptside.store.claims import Claim, ClaimStore, Earlier, KeptAnswer
from promptside.transport.sse import KEEP_ALIVE

HEADER = "idempotency-key"
REPLAYED = "x-promptside-idempotent-replay"
KEPT_SECONDS = 24 * 3600.0
"""How long an answer can be replayed."""
CLAIM_MARGIN_SECONDS = 30.0
"""How much longer than its run may take a claim holds."""
LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer before compression that are held in memory to be kept."""

_LONGEST_KEY = 255
_LONGEST_RETRY_AFTER = 5.0
_CHOOSING_HEADERS = ("x-portkey-config", "x-portkey-custom-host")


class RunInProgress(Conflict):
    """The first run under this key has not ended. `held_seconds` is how long its claim holds at most."""

    def __init__(self, held_seconds: float) -> None:
        super().__init__(
            "The run with this Idempotency-Key has not ended: ask again in a moment",
            param=HEADER,
            code="idempotency_in_progress",
            retry_after=min(_LONGEST_RETRY_AFTER, max(1.0, held_seconds)),
        )
        self.held_seconds = held_seconds


@dataclass(frozen=True, slots=True)
class _Held:
    """A claim that is ours, and where to say what came of it."""

    services: Services
    store: ClaimStore
    claim: Claim

    def settle(self, outcome: str, write: Callable[[], object]) -> None:
        """Write the outcome. The caller has an answer whatever the table says; the claim then runs out by itself."""
        try:
            write()
        except PromptsideError as error:
            log_event("idempotency_not_settled", outcome=outcome, code=error.code)

    def keep(self, answer: KeptAnswer) -> None:
        """Keep an answer that later calls get as well."""
        if len(answer.body) > LARGEST_ANSWER:
            self.interrupt()
            return
        now = self.services.clock()
        self.settle("finished", lambda: self.store.finish(self.claim, answer, now=now, seconds=KEPT_SECONDS))

    def interrupt(self) -> None:
        """Note that this run may have been paid for and cannot be replayed."""
        now = self.services.clock()
        self.settle("interrupted", lambda: self.store.interrupt(self.claim, now=now, seconds=KEPT_SECONDS))

    def release(self) -> None:
        """Give the key back."""
        self.settle("released", lambda: self.store.release(self.claim))


def answer_once(
    services: Services,
    request: RunRequest,
    key: str,
    answer: Callable[[], HttpResponse],
    *,
    shape: str,
    deadline: float | None,
) -> HttpResponse:
    """Return what `answer` gives, or what it gave when this key came first.

    `shape` names the form of the answer: one key has one. Raises Conflict (409) while the first is running, 422 for
    another request under the same key, 410 when the first left nothing to replay, StoreUnavailable before anything is
    paid, and what `answer` raises.
    """
    _check(key)
    # Nobody without a valid key claims, or reads what others have claimed.
    load_prompt(services, request)
    store = services.claims
    if store is None:
        raise InvalidRequest(
            "Idempotency-Key needs the run table: set PROMPTSIDE_RUN_TABLE",
            param=HEADER,
            code="idempotency_unavailable",
        )
    claim = Claim(_name(request, key), _request_hash(request, shape), services.new_id())
    now = services.clock()
    earlier = store.take(claim, now=now, seconds=_claim_seconds(services, deadline))
    if earlier is not None:
        return _replay(store, earlier, claim, request.trace_id, now=now)
    return _run(_Held(services, store, claim), request.trace_id, answer)


def may_run_again(error: PromptsideError) -> bool:
    """Tell whether the key is free after this error, or will be, and the same run may then do better.

    A refused key, a spent quota and a refusal of ours need somebody to change something first.
    """
    if isinstance(error, RunInProgress | StoreUnavailable | ProviderNotConnected):
        return True
    if isinstance(error, RateLimited):
        # A run that is larger than the whole limit never fits.
        return error.retry_after is not None
    if not isinstance(error, ProviderError) or may_have_worked(error):
        return False
    return error.status in BUSY and not has_spent_quota(error) and error.should_retry is not False


class RecordedBody:
    """A stream of events on its way to the caller, kept once it is complete."""

    def __init__(self, response: HttpResponse, body: EventBody, held: _Held) -> None:
        self._response = response
        self._body = body
        self._held = held
        self._parts: list[bytes] = []
        self._size = 0
        self._settled = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield what to write. The answer is kept before the end marker leaves: who has it can repeat the call."""
        try:
            for part in self._body:
                self._record(part)
                if self._body.complete:
                    self._settle()
                yield part
        finally:
            self.close()

    def close(self) -> None:
        """Close the stream; one that is not complete is noted as interrupted."""
        self._body.close()
        self._settle()

    def _record(self, part: bytes) -> None:
        if part == KEEP_ALIVE or self._size > LARGEST_ANSWER:
            return
        self._size += len(part)
        self._parts.append(part)

    def _settle(self) -> None:
        if self._settled:
            return
        self._settled = True
        if self._body.complete:
            self._held.keep(_kept(self._response, b"".join(self._parts)))
        else:
            self._held.interrupt()
        self._parts.clear()


def _run(held: _Held, trace_id: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    # After a crash of ours nobody knows what was paid: the claim stays until it expires.
    try:
        response = answer()
    except PromptsideError as error:
        if may_have_worked(error):
            failed = error_response(error, trace_id)
            held.keep(_kept(failed, failed.body if isinstance(failed.body, bytes) else b""))
        else:
            held.release()
        raise
    if isinstance(response.body, bytes):
        held.keep(_kept(response, response.body))
        return response
    if not isinstance(response.body, EventBody):
        raise TypeError("a run is answered whole or as events")
    return HttpResponse(response.status, response.headers, RecordedBody(response, response.body, held))


def _replay(store: ClaimStore, earlier: Earlier, claim: Claim, trace_id: str, *, now: float) -> HttpResponse:
    if earlier.claim.request_hash != claim.request_hash:
        raise InvalidRequest(
            "This Idempotency-Key was used for another request: use a new key for each run",
            param=HEADER,
            code="idempotency_key_reused",
            status=422,
        )
    if earlier.phase == "running":
        raise RunInProgress(earlier.expires_at - now)
    kept = store.answer(earlier) if earlier.phase == "finished" else None
    if kept is None:
        # 410, because the SDKs repeat a 409 by themselves.
        raise Conflict(
            "The run with this Idempotency-Key was cut or its answer is too large to keep. It may have been billed:"
            " use a new key to run it again",
            param=HEADER,
            code="idempotency_answer_gone",
            status=410,
        )
    log_event("run_replayed", trace_id=trace_id, status=kept.status)
    return HttpResponse(kept.status, {**kept.headers, TRACE_ID: trace_id, REPLAYED: "true"}, kept.body)


def _kept(response: HttpResponse, body: bytes) -> KeptAnswer:
    headers = {name: value for name, value in response.headers.items() if name != TRACE_ID}
    return KeptAnswer(response.status, headers, body)


def _check(key: str) -> None:
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidRequest(f"Idempotency-Key must be 1 to {_LONGEST_KEY} printable ASCII characters", param=HEADER)


def _claim_seconds(services: Services, deadline: float | None) -> float:
    seconds = services.settings.request_seconds
    if deadline is not None:
        seconds = min(seconds, deadline - time.monotonic())
    # A function whose time is over still holds its claim for a while: zero would be no claim at all.
    return max(seconds, 0.0) + CLAIM_MARGIN_SECONDS


def _name(request: RunRequest, key: str) -> str:
    return _digest([request.key_digest or "iam", request.reference.id, key])


def _request_hash(request: RunRequest, shape: str) -> str:
    chosen = {name: request.provider_headers.get(name) for name in _CHOOSING_HEADERS}
    what = [request.reference.id, request.reference.selector, request.variables, request.overrides, request.appended]
    how = [shape, request.stream, request.strict_openai, request.provider, request.virtual_key, chosen]
    return _digest([what, how])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
