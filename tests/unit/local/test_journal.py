import json
import resource
from pathlib import Path
from typing import Any

import pytest

from local.journal import Journal, JournalDamaged, State, read_state, write_state

CREATE = {
    "op": "create-table",
    "table": "things",
    "definition": {
        "TableName": "things",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    },
}
EXPIRES = {"op": "time-to-live", "table": "things", "specification": {"AttributeName": "ends", "Enabled": True}}


def put(sk: str, **attributes: Any) -> dict[str, Any]:
    return {"op": "put", "table": "things", "item": {"pk": {"S": "a"}, "sk": {"S": sk}, **attributes}}


def delete(sk: str) -> dict[str, Any]:
    return {"op": "delete", "table": "things", "key": {"pk": {"S": "a"}, "sk": {"S": sk}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    write_state(path, State(), now=0)
    return path


def append(path: Path, *lines: list[dict[str, Any]]) -> None:
    journal = Journal(path)
    for line in lines:
        journal.append(line)
    journal.close()


def test_a_file_that_does_not_exist_is_an_empty_state(tmp_path: Path) -> None:
    assert read_state(tmp_path / "nothing") == State()


def test_later_changes_win_over_earlier_ones(path: Path) -> None:
    parameter = {"op": "put-parameter", "name": "/a", "definition": {"Name": "/a", "Value": "1"}}
    gone = {"op": "put-parameter", "name": "/b", "definition": {"Name": "/b", "Value": "2"}}
    append(path, [CREATE], [put("1", v={"N": "1"}), put("2")], [put("1", v={"N": "2"}), delete("2")])
    append(path, [parameter, gone], [{"op": "delete-parameter", "name": "/b"}])

    changes = list(read_state(path).changes(now=0))

    assert changes == [CREATE, put("1", v={"N": "2"}), parameter]


def test_a_compacted_file_reads_as_the_same_state(path: Path) -> None:
    append(path, [CREATE], [EXPIRES], [put("1")], [delete("1")], [put("2", v={"S": "é \u2028"})])
    state = read_state(path)

    write_state(path, state, now=0)

    assert read_state(path) == state
    assert len(path.read_bytes().splitlines()) == 4


def test_compaction_leaves_out_items_whose_time_is_over(path: Path) -> None:
    append(path, [CREATE], [EXPIRES], [put("old", ends={"N": "99"}), put("new", ends={"N": "101"}), put("ever")])

    changes = list(read_state(path).changes(now=100))

    assert changes == [CREATE, EXPIRES, put("new", ends={"N": "101"}), put("ever")]


def test_a_dropped_table_takes_its_items_along(path: Path) -> None:
    append(path, [CREATE], [EXPIRES], [put("1")], [{"op": "delete-table", "table": "things"}])

    assert read_state(path) == State()


@pytest.mark.parametrize("kept_bytes", [1, 10, 60])
def test_a_torn_last_line_is_dropped_as_a_whole(path: Path, kept_bytes: int) -> None:
    append(path, [CREATE], [put("1")])
    before = read_state(path)
    with path.open("ab") as file:
        file.write(json.dumps([put("2"), put("3")]).encode()[:kept_bytes])

    assert read_state(path) == before


@pytest.mark.parametrize(
    "line", ["not json", '[{"op":"put","table":"unknown","item":{}}]', '[{"op":"other"}]', '{"format":2}', "[7]", "7"]
)
def test_a_damaged_line_in_the_middle_names_file_and_line(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")

    with pytest.raises(JournalDamaged, match=r"journal\.jsonl: line 2 cannot be read"):
        read_state(path)


def test_only_the_owner_can_read_the_file(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_behind_beside_the_file(path: Path) -> None:
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.jsonl"]


def test_a_write_that_does_not_fit_on_the_disk_leaves_the_file_as_it_was(path: Path) -> None:
    append(path, [CREATE])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = Journal(path)

    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.append([put("1")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append([put("2")])
    journal.close()

    assert path.read_bytes().startswith(before)
    assert list(read_state(path).changes(now=0)) == [CREATE, put("2")]
