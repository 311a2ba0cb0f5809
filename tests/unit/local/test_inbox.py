from pathlib import Path

from local.inbox import Inbox


class Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, str] = {}

    def put(self, key: str, path: Path) -> None:
        self.objects[key] = path.read_text()


def test_a_file_is_taken_once_it_has_not_changed_for_a_look(tmp_path: Path) -> None:
    bucket = Bucket()
    inbox = Inbox(tmp_path / "inbox", bucket.put)
    inbox.look()
    path = tmp_path / "inbox" / "welcome" / "people.jsonl"
    path.parent.mkdir()
    path.write_text("a")

    inbox.look()
    path.write_text("ab")
    inbox.look()
    assert bucket.objects == {}
    inbox.look()
    inbox.look()

    assert bucket.objects == {"inbox/welcome/people.jsonl": "ab"}
    assert not path.exists()
    assert [taken.read_text() for taken in (tmp_path / "inbox" / ".taken").iterdir()] == ["ab"]


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    bucket = Bucket()
    inbox = Inbox(tmp_path, bucket.put)
    (tmp_path / ".taken").mkdir()
    (tmp_path / ".taken" / "old.jsonl").write_text("x")
    (tmp_path / ".people.jsonl.swp").write_text("x")

    inbox.look()
    inbox.look()

    assert bucket.objects == {}
