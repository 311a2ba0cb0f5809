"""Where results may go: what an order names is checked before anything is paid, what the stack names is its operator's.

PROMPTSIDE_RESULT_TARGETS   eventbridge, s3, s3:reports/, sqs:https://sqs..., https://hooks.example.com/runs
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from promptside.config import Settings
from promptside.errors import ConfigurationError, InvalidRequest, JsonObject
from promptside.events.base import Order, ResultTarget
from promptside.events.targets import Problem, parse_targets
from promptside.transport.addresses import is_listed, is_public
from promptside.transport.http1 import parse_url

REFUSED = "invalid_result_target"
"""The code of an order that names a target which is wrong or not allowed."""
DEFAULT_PREFIX = "results/"
"""Where results are put when nobody says more than `s3`, and large ones that others refer to."""
OWN_PREFIXES = ("inbox/", "batches/", "files/", "uploads/", "work/")
"""Where the stack keeps what is its own: a result in there would be taken for an order or for a file."""


def check_targets(order: Order, settings: Settings) -> None:
    """Raise InvalidRequest that names every target of an order which this stack does not allow."""
    problems = _refusals(order.results or (), settings)
    if problems:
        message = "; ".join(f"'{path}' {problem}" for path, problem in problems)
        raise InvalidRequest(message, param=problems[0][0], code=REFUSED)


def is_allowed(target: ResultTarget, settings: Settings) -> bool:
    """Tell whether an order may name the target; those of the stack it may."""
    return target in default_targets(settings.result_targets) or _refusal(target, settings) is None


def targets_of(order: Order, settings: Settings) -> tuple[ResultTarget, ...]:
    """Return the order's own targets, else the stack's. Raises ConfigurationError when those cannot be read."""
    return default_targets(settings.result_targets) if order.results is None else order.results


@lru_cache(maxsize=8)
def default_targets(texts: tuple[str, ...]) -> tuple[ResultTarget, ...]:
    """Read the stack's own targets. Raises ConfigurationError that names the variable."""
    return tuple(_default(text) for text in texts)


def object_key(target: ResultTarget, order: Order) -> str:
    """Return the key of a result in the bucket: the same for every delivery, so that a repetition replaces it."""
    return f"{target.address or DEFAULT_PREFIX}{order.run_id}.json"


def described(target: ResultTarget, order: Order, settings: Settings) -> JsonObject:
    """Return a target as a record names it: of a webhook only the host, as its path may be a secret."""
    match target.kind:
        case "eventbridge":
            return {"type": "eventbridge", "event_bus": settings.event_bus}
        case "s3":
            return {"type": "s3", "bucket": settings.bucket, "key": object_key(target, order)}
        case "sqs":
            return {"type": "sqs", "queue_url": target.address}
        case "webhook":
            return {"type": "webhook", "host": urlsplit(target.address).hostname}


def _refusals(targets: tuple[ResultTarget, ...], settings: Settings) -> list[Problem]:
    problems = []
    single = len(targets) == 1
    for at, target in enumerate(targets):
        refused = None if is_allowed(target, settings) else _refusal(target, settings)
        if refused is not None:
            problems.append((f"{'result' if single else f'result[{at}]'}.{refused[0]}", refused[1]))
    return problems


def _default(text: str) -> ResultTarget:
    kind, _, address = text.partition(":")
    value: JsonObject | None = None
    if text == "eventbridge":
        value = {"type": "eventbridge"}
    elif kind == "s3":
        value = {"type": "s3", "prefix": address}
    elif kind == "sqs":
        value = {"type": "sqs", "queue_url": address}
    elif kind in ("https", "http"):
        value = {"type": "webhook", "url": text}
    targets, problems = parse_targets(value)
    if problems or not targets or (kind == "s3" and address.startswith(OWN_PREFIXES)):
        raise ConfigurationError(
            f"PROMPTSIDE_RESULT_TARGETS has '{text[:100]}': each must be eventbridge, s3, s3:prefix, sqs:URL or a URL",
            param="PROMPTSIDE_RESULT_TARGETS",
        )
    return targets[0]


def _refusal(target: ResultTarget, settings: Settings) -> tuple[str, str] | None:
    """Return the field that is not allowed and why, None when the target is."""
    problem: str | None
    match target.kind:
        case "eventbridge":
            return ("type", "is eventbridge, but this stack has no event bus") if settings.event_bus is None else None
        case "s3" if settings.bucket is None:
            return "type", "is s3, but this stack has no bucket"
        case "s3":
            own = next((own for own in OWN_PREFIXES if target.address.startswith(own)), None)
            return ("prefix", f"must not begin with {own}, which the stack keeps for itself") if own else None
        case "sqs" if target.address.removesuffix(".fifo") in (settings.queue_url, settings.dead_letter_queue_url):
            # A result must never become a request, even where the operator lists the queue.
            return "queue_url", "is one of the stack's own queues"
        case "sqs":
            known = target.address in settings.result_queues
            return None if known else ("queue_url", "is no queue that this stack allows (parameter ResultQueueUrls)")
        case "webhook":
            problem = _refused_url(target.address, settings)
            return None if problem is None else ("url", problem)


def _refused_url(url: str, settings: Settings) -> str | None:
    try:
        origin, _ = parse_url(url)
    except InvalidRequest:
        return "must be a plain URL without user and fragment"
    if origin.scheme != "https" and not settings.allow_private_hosts:
        return "must begin with https://"
    if not is_listed(origin.host, origin.port, settings.webhook_hosts):
        return "has a host that this stack does not allow (parameter WebhookHosts)"
    if _is_address(origin.host) and not is_public(origin.host) and not settings.allow_private_hosts:
        return "must have a host on the public internet"
    return None


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
