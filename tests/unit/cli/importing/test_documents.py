from __future__ import annotations

from pathlib import Path

import pytest

from cli.importing import MODULES, get_importer
from cli.importing.base import BadExport, Document
from cli.importing.documents import read_documents


def test_a_folder_gives_the_files_of_the_source_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.prompt", "a.prompt", "sub/c.prompt", "readme.md"):
        (tmp_path / name).write_bytes(name.encode())

    documents = read_documents([tmp_path], get_importer("litellm"))

    names = ["a.prompt", "b.prompt", "sub/c.prompt"]
    assert documents == [Document(str(tmp_path / name), name) for name in names]


def test_text_is_read_byte_for_byte_but_for_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.prompt"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\xc2\xa0\n")

    assert read_documents([file], get_importer("litellm")) == [Document(str(file), "one\r\ntwo\u00a0\n")]


def test_json_is_decoded(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": [1]}')

    assert read_documents([file], get_importer("openai")) == [Document(str(file), {"a": [1]})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{\n "a": }', ":2:7: this is not JSON: Expecting value"),
        (b"[NaN]", ": this is not JSON that can be read"),
        (b"[" * 100_000, ": this is not JSON that can be read"),
        (b"\xff", ": this is not UTF-8 text"),
    ],
    ids=["syntax", "number", "depth", "bytes"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)

    with pytest.raises(BadExport) as raised:
        read_documents([file], get_importer("openai"))

    assert str(raised.value) == f"{file}{message}"


def test_a_folder_without_such_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match=r"there is no file that ends in \.prompt$"):
        read_documents([tmp_path], get_importer("litellm"))


@pytest.mark.parametrize("name", list(MODULES))
def test_an_importer_is_called_as_the_user_types_it(name: str) -> None:
    assert get_importer(name).name == name
