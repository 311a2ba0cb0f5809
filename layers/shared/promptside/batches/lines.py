"""Cuts an object's bytes into records with their places: lines of JSON, or rows of CSV. Nothing is held but one record.

Line numbers are those of a text editor: they count from 1, blank lines and the header of a CSV included. A row of CSV
whose quoted fields go over several lines has the number of its first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

LARGEST_RECORD = 1024 * 1024
"""Bytes of one line or row; a longer one is an error of its own."""
DELIMITERS = ",;\t"

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One line or row: bytes from `start` up to but without `end`, beginning in line `number`.

    Exactly one of `text` (a line of JSON), `row` (fields of CSV) and `problem` is there, and none for a blank line.
    """

    number: int
    start: int
    end: int
    text: str | None = field(default=None, repr=False)
    row: list[str] | None = field(default=None, repr=False)
    problem: str | None = None

    @property
    def blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.text is None and self.row is None and self.problem is None


@dataclass(frozen=True, slots=True)
class _Line:
    """A physical line with its end; `whole` is its length in bytes even where `data` had to be cut."""

    start: int
    data: bytes
    whole: int


def json_records(blocks: Iterable[bytes], *, start: int = 0, first_line: int = 1) -> Iterator[Record]:
    """Yield every line, with or without an end of its own, LF or CRLF."""
    for number, line in enumerate(_lines(blocks, start), start=first_line):
        end = line.start + line.whole
        if line.whole > LARGEST_RECORD:
            yield Record(number, line.start, end, problem=_too_long(line.whole))
            continue
        text, problem = _decoded(line)
        text = text.strip()
        yield Record(number, line.start, end, text=text or None, problem=problem)


def csv_records(blocks: Iterable[bytes], *, delimiter: str, start: int = 0, first_line: int = 1) -> Iterator[Record]:
    """Yield every row as the csv module reads it."""
    # The limit is one for the whole process; nobody else here reads CSV.
    csv.field_size_limit(LARGEST_RECORD)
    source = _CsvLines(blocks, start)
    # Strict, so that a quote which is not closed is an error: what it swallows would be run, and paid, as one value.
    rows = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        begun, taken = source.position, source.taken
        source.begin()
        try:
            row, problem = next(rows), None
        except StopIteration:
            return
        except csv.Error as exc:
            row, problem = [], f"The row cannot be read as CSV: {exc}"
        problem = source.problem or problem
        number = first_line + taken
        if problem is not None:
            yield Record(number, begun, source.position, problem=problem)
        else:
            yield Record(number, begun, source.position, row=row or None)


def guess_delimiter(header: str) -> str:
    """Return what separates the names of the first row: a comma unless semicolons or tabs are more frequent."""
    return max(DELIMITERS, key=header.count)


class _CsvLines:
    """Feeds the csv module with lines, and knows how far it has read."""

    def __init__(self, blocks: Iterable[bytes], start: int) -> None:
        self._lines = _lines(blocks, start)
        self._row_bytes = 0
        self.position = start
        self.taken = 0
        self.problem: str | None = None

    def begin(self) -> None:
        """Note that a new row starts with the next line."""
        self._row_bytes = 0
        self.problem = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += 1
        self.position = line.start + line.whole
        self._row_bytes += line.whole
        if self._row_bytes > LARGEST_RECORD:
            self.problem = _too_long(self._row_bytes)
            # A quote that nobody closed must not swallow the rest of the file.
            raise csv.Error("too long")
        text, problem = _decoded(line)
        self.problem = self.problem or problem
        return text


def _lines(blocks: Iterable[bytes], start: int) -> Iterator[_Line]:
    """Yield physical lines; of one that is too long only the beginning is kept."""
    kept = bytearray()
    length = 0
    for block in blocks:
        offset = 0
        while (found := block.find(b"\n", offset)) >= 0:
            piece = block[offset : found + 1]
            offset = found + 1
            length += len(piece)
            kept += piece[: max(0, LARGEST_RECORD + 1 - len(kept))]
            yield _Line(start, bytes(kept), length)
            start += length
            kept.clear()
            length = 0
        rest = block[offset:]
        length += len(rest)
        kept += rest[: max(0, LARGEST_RECORD + 1 - len(kept))]
    if length:
        yield _Line(start, bytes(kept), length)


def _decoded(line: _Line) -> tuple[str, str | None]:
    data = line.data.removeprefix(_BOM) if line.start == 0 else line.data
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return "", "The line is not UTF-8"


def _too_long(size: int) -> str:
    return f"The line has {size} bytes; the limit is {LARGEST_RECORD}"
