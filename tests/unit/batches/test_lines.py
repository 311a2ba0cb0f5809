from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptside.batches.lines import LARGEST_RECORD, Record, csv_records, guess_delimiter, json_records


def blocks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_lines_have_numbers_and_places_however_they_end(size: int) -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"b": 2}\nlast'

    assert list(json_records(blocks(data, size))) == [
        Record(1, 0, 13, text='{"a": 1}'),
        Record(2, 13, 14),
        Record(3, 14, 17),
        Record(4, 17, 26, text='{"b": 2}'),
        Record(5, 26, 30, text="last"),
    ]


def test_nothing_has_no_lines() -> None:
    assert list(json_records([])) == []
    assert list(csv_records([b""], delimiter=",")) == []


def test_a_line_that_is_not_utf8_is_a_problem_of_its_own() -> None:
    assert list(json_records([b'{}\n{"a": "\xff"}\n{}'])) == [
        Record(1, 0, 3, text="{}"),
        Record(2, 3, 14, problem="The line is not UTF-8"),
        Record(3, 14, 16, text="{}"),
    ]


def test_a_line_that_is_too_long_is_passed_over_without_being_held() -> None:
    data = [b"{}\n", *[b"x" * 1024] * 3000, b"\n{}\n"]
    size = 3000 * 1024 + 1

    assert list(json_records(data)) == [
        Record(1, 0, 3, text="{}"),
        Record(2, 3, 3 + size, problem=f"The line has {size} bytes; the limit is {LARGEST_RECORD}"),
        Record(3, 3 + size, 6 + size, text="{}"),
    ]


def test_lines_in_the_middle_of_an_object_go_on_counting() -> None:
    assert list(json_records([b"{}\n[]"], start=100, first_line=8)) == [
        Record(8, 100, 103, text="{}"),
        Record(9, 103, 105, text="[]"),
    ]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_rows_may_go_over_several_lines(size: int) -> None:
    data = b'\xef\xbb\xbfname,text\r\nAnn,"two\nlines, ""quoted"""\r\n\r\nBea,5" disk\nCy,end'

    assert list(csv_records(blocks(data, size), delimiter=",")) == [
        Record(1, 0, 14, row=["name", "text"]),
        Record(2, 14, 43, row=["Ann", 'two\nlines, "quoted"']),
        Record(4, 43, 45),
        Record(5, 45, 57, row=["Bea", '5" disk']),
        Record(6, 57, 63, row=["Cy", "end"]),
    ]


def test_a_quote_that_nobody_closes_does_not_swallow_the_file() -> None:
    line = b"a,b" * 100 + b"\n"
    rest = (LARGEST_RECORD // len(line)) + 2
    data = [b'x,"open\n', *[line] * rest, b"y,z\n"]

    first, *_, last = csv_records(data, delimiter=",")

    assert (first.number, first.problem is not None) == (1, True)
    assert last == Record(rest + 2, 8 + rest * len(line), 12 + rest * len(line), row=["y", "z"])


def test_a_quote_that_is_not_closed_is_an_error_and_no_value_of_many_lines() -> None:
    assert list(csv_records([b'a,b\nc,"d\ne,f\n'], delimiter=",")) == [
        Record(1, 0, 4, row=["a", "b"]),
        Record(2, 4, 13, problem="The row cannot be read as CSV: unexpected end of data"),
    ]
    assert [record.row for record in csv_records([b'"a"b,c\nd,e\n'], delimiter=",")] == [None, ["d", "e"]]


def test_a_row_that_is_not_utf8_is_a_problem_of_its_own() -> None:
    assert list(csv_records([b"a,b\n\xff,1\nc,d\n"], delimiter=",")) == [
        Record(1, 0, 4, row=["a", "b"]),
        Record(2, 4, 8, problem="The line is not UTF-8"),
        Record(3, 8, 12, row=["c", "d"]),
    ]


@pytest.mark.parametrize(
    ("header", "expected"), [("a,b", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ("name", ","), ("", ",")]
)
def test_the_delimiter_is_what_the_header_uses_most(header: str, expected: str) -> None:
    assert guess_delimiter(header) == expected


@given(st.binary(max_size=200), st.integers(1, 50))
def test_records_cover_every_byte_once_wherever_blocks_end(data: bytes, size: int) -> None:
    for records in (json_records(blocks(data, size)), csv_records(blocks(data, size), delimiter=",")):
        position = 0
        for record in records:
            assert record.start == position
            position = record.end
        assert position == len(data)


@given(
    st.lists(st.sampled_from(['a,"b"\n', '"x\ny",1\r\n', "\n", 'q"q,2\n', '"",\n']), max_size=20), st.integers(0, 20)
)
def test_reading_from_the_middle_gives_the_same_rows(rows: list[str], place: int) -> None:
    data = "".join(rows).encode()
    whole = list(csv_records([data], delimiter=","))
    for record in whole[place : place + 1]:
        rest = csv_records([data[record.start :]], delimiter=",", start=record.start, first_line=record.number)
        assert list(rest) == whole[place:]
