"""A chunk's share of the results in the bucket: what has ended so far, and at last its output and its errors.

The output is written last, and even when it is empty: where it is, the chunk is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from promptside.batches.base import BatchServices, part_key
from promptside.batches.entries import Entry, tally_of
from promptside.schema.batch import Tally

JSON_LINES = "application/jsonl"
GIVEN_UP = "given-up."
"""What the names of parts begin with that were written in a worker's place."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What an invocation leaves to the next: lines that have ended, and how many invocations in a row were in vain."""

    barren_tries: int = 0
    entries: list[Entry] = field(default_factory=list)


def read_checkpoint(services: BatchServices, batch_id: str, chunk: int) -> Checkpoint | None:
    """Return what the invocation before has left, None when there was none."""
    kept = services.objects.get(part_key(batch_id, chunk, "ended"))
    if kept is None:
        return None
    head, *rest = kept.decode().splitlines()
    entries = [json.loads(text) for text in rest]
    return Checkpoint(
        json.loads(head)["barren_tries"], [Entry(**{**entry, "tally": Tally(**entry["tally"])}) for entry in entries]
    )


def write_checkpoint(services: BatchServices, batch_id: str, chunk: int, checkpoint: Checkpoint) -> None:
    """Leave to the next invocation what has ended."""
    texts = [json.dumps({"barren_tries": checkpoint.barren_tries})]
    texts += [json.dumps(asdict(entry)) for entry in checkpoint.entries]
    services.objects.put(part_key(batch_id, chunk, "ended"), _joined(texts), JSON_LINES)


def write_parts(
    services: BatchServices, batch_id: str, chunk: int, entries: Iterable[Entry], *, given_up: bool = False
) -> Tally:
    """Write a chunk's output and errors in the order of their lines, and return what they count for.

    Parts that are `given_up` have names of their own: a worker that is still alive must not write over one of them
    while they are joined.
    """
    stem = GIVEN_UP if given_up else ""
    ordered = sorted(entries, key=lambda entry: entry.number)
    failed = [entry.text for entry in ordered if not entry.succeeded]
    services.objects.put(part_key(batch_id, chunk, f"{stem}errors"), _joined(failed), JSON_LINES)
    done = [entry.text for entry in ordered if entry.succeeded]
    services.objects.put(part_key(batch_id, chunk, f"{stem}output"), _joined(done), JSON_LINES)
    return sum((entry.tally for entry in ordered), Tally())


def parts_written(services: BatchServices, batch_id: str, chunk: int) -> Tally | None:
    """Return what the parts of a chunk count for, None when they are not both there."""
    output = services.objects.get(part_key(batch_id, chunk, "output"))
    if output is None:
        return None
    errors = services.objects.get(part_key(batch_id, chunk, "errors")) or b""
    return tally_of({True: output.decode().splitlines(), False: errors.decode().splitlines()})


def _joined(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
