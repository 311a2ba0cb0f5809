"""Makes the input of a batch out of a file: JSON Lines with variables, a CSV with a column for each, or OpenAI's lines.

    {"variables": {"name": "Ada"}}                                                with --prompt
    {"custom_id": "7", "variables": {"name": "Ada"}, "max_tokens": 50}            with --prompt
    {"custom_id": "7", "method": "POST", "url": "/v1/responses", "body": {...}}   without

Every mistake is found before anything is sent.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cli.errors import CommandFailed
from promptside.errors import JsonObject

MOST_LINES = 50_000
MOST_BYTES = 200 * 1024 * 1024
_MOST_SHOWN = 10
_OPENAI = frozenset({"custom_id", "method", "url", "body"})
# Fields of an order that a call says in its headers; a batch has one set of them for all lines.
_NOT_HERE = frozenset(
    {"prompt_id", "config", "virtual_key", "provider", "metadata", "headers", "trace_id", "idempotency_key", "result"}
)
_NO_VARIABLES = """'variables' must be an object, as in {"variables": {"name": "Ada"}}"""


@dataclass(slots=True)
class Prepared:
    """What was written for a batch: the route of its lines, their number, and the first one's variables."""

    endpoint: str
    lines: int = 0
    first_variables: JsonObject | None = None


@dataclass(slots=True)
class _Problems:
    found: list[str] = field(default_factory=list)

    def add(self, number: int, problem: str) -> None:
        self.found.append(f"  line {number}: {problem}")

    def raise_any(self, path: Path) -> None:
        if not self.found:
            return
        more = len(self.found) - _MOST_SHOWN
        shown = [*self.found[:_MOST_SHOWN], *([f"  and {more} more"] if more > 0 else [])]
        raise CommandFailed("\n".join([f"{path} was not sent:", *shown]))


def prepare(path: Path, prompt: str | None, target: IO[bytes]) -> Prepared:
    """Write the batch's input to `target`. Raises CommandFailed that names every line with a mistake."""
    problems = _Problems()
    prepared = Prepared("" if prompt is None else f"/v1/prompts/{prompt}/completions")
    known: dict[str, int] = {}
    for number, value in _records(path, problems):
        made = (
            _own_line(number, value, prepared, problems) if prompt else _openai_line(number, value, prepared, problems)
        )
        if made is None:
            continue
        earlier = known.setdefault(made["custom_id"], number)
        if earlier != number:
            problems.add(number, f"the custom_id '{made['custom_id']}' is that of line {earlier}")
        target.write(json.dumps(made, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        prepared.lines += 1
    problems.raise_any(path)
    _check_size(path, prepared, target.tell())
    return prepared


def _check_size(path: Path, prepared: Prepared, size: int) -> None:
    if not prepared.lines:
        raise CommandFailed(f"{path} was not sent: it has no lines")
    if prepared.lines > MOST_LINES or size > MOST_BYTES:
        raise CommandFailed(
            f"{path} was not sent: a batch has at most {MOST_LINES:,} lines and {MOST_BYTES >> 20} MB, and this one "
            f"{prepared.lines:,} and {size >> 20} MB. A file in the bucket's inbox may have more (docs/events.md)"
        )


def _records(path: Path, problems: _Problems) -> Iterator[tuple[int, JsonObject]]:
    """Yield each line's number with what it says."""
    try:
        # newline="": the CSV reader joins quoted lines itself, and a lone CR is no end of a line of JSON.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _csv_records(file, problems) if path.suffix.lower() == ".csv" else _json_records(file, problems)
    except UnicodeDecodeError as exc:
        raise CommandFailed(f"{path} was not sent: it is not UTF-8") from exc
    except OSError as exc:
        raise CommandFailed(f"{path} cannot be read: {exc.strerror}") from exc


def _json_records(file: IO[str], problems: _Problems) -> Iterator[tuple[int, JsonObject]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as exc:
            problems.add(number, f"not JSON: {exc.msg} (column {exc.colno})")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            problems.add(number, "not a JSON object")


def _csv_records(file: IO[str], problems: _Problems) -> Iterator[tuple[int, JsonObject]]:
    first = file.readline()
    file.seek(0)
    delimiter = max(",;\t", key=first.count)
    # As strict as the server: a quote that is not closed must not make one value of many lines.
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    columns = [name.strip() for name in next(rows, [])]
    if not columns or not all(columns) or len(set(columns)) != len(columns):
        problems.add(1, "each column needs a name of its own")
        return
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            problems.add(number, str(exc))
            continue
        if not row:
            continue
        if len(row) != len(columns):
            problems.add(number, f"{len(row)} fields instead of {len(columns)}")
            continue
        variables: dict[str, Any] = dict(zip(columns, row, strict=True))
        custom_id = variables.pop("custom_id", "")
        yield number, {"variables": variables, **({"custom_id": custom_id} if custom_id else {})}


def _own_line(number: int, value: JsonObject, prepared: Prepared, problems: _Problems) -> JsonObject | None:
    variables = value.get("variables")
    strange = sorted(value.keys() & _NOT_HERE)
    if not isinstance(variables, dict):
        problems.add(number, _NO_VARIABLES)
    elif strange:
        problems.add(number, f"'{strange[0]}' is known in the bucket's inbox only (docs/events.md)")
    else:
        if prepared.first_variables is None:
            prepared.first_variables = variables
        body = {name: part for name, part in value.items() if name != "custom_id"}
        made = {"custom_id": value.get("custom_id", f"line-{number}"), "method": "POST", "url": prepared.endpoint}
        return _named(number, {**made, "body": body}, problems)
    return None


def _openai_line(number: int, value: JsonObject, prepared: Prepared, problems: _Problems) -> JsonObject | None:
    missing = sorted(_OPENAI - value.keys())
    if missing:
        problems.add(number, f"'{missing[0]}' is missing: lines with variables only need --prompt")
        return None
    prepared.endpoint = prepared.endpoint or str(value["url"])
    if value["url"] != prepared.endpoint:
        problems.add(number, f"its url is not that of the first line, {prepared.endpoint}")
        return None
    return _named(number, value, problems)


def _named(number: int, made: JsonObject, problems: _Problems) -> JsonObject | None:
    if isinstance(made["custom_id"], str) and made["custom_id"]:
        return made
    problems.add(number, "'custom_id' must be a text")
    return None
