"""Every fixture of every importer, whole: `input/` is read with `options.json`, and gives `expected.json`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cli.folder import read_folder
from cli.imported import as_written, write_file
from cli.importing import bedrock, langfuse, litellm, openai, portkey
from cli.importing.base import Document, ImportResult, Options, Source
from promptside.store.names import is_label, is_slug
from promptside.template.compiler import compile_template
from promptside.template.prompt import compile_prompt

FIXTURES = Path(__file__).parents[3] / "fixtures" / "imports"
SOURCES: dict[str, Source] = {
    module.IMPORTER.name: module.IMPORTER for module in (bedrock, langfuse, litellm, openai, portkey)
}
CASES = sorted(path.parent.relative_to(FIXTURES).as_posix() for path in FIXTURES.glob("*/*/source.md"))


def documents_of(case: str) -> list[Document]:
    files = sorted((FIXTURES / case / "input").iterdir())
    return [
        Document(file.name, json.loads(file.read_text()) if file.suffix == ".json" else file.read_text())
        for file in files
    ]


def options_of(case: str) -> Options:
    file = FIXTURES / case / "options.json"
    return Options(**json.loads(file.read_text())) if file.exists() else Options()


def read(case: str) -> ImportResult:
    return SOURCES[case.partition("/")[0]].read(documents_of(case), options_of(case))


def plain(result: ImportResult) -> Any:
    return json.loads(json.dumps(asdict(result)))


def test_every_source_has_fixtures() -> None:
    assert {case.partition("/")[0] for case in CASES} == SOURCES.keys()


@pytest.mark.parametrize("case", CASES)
def test_a_fixture_gives_exactly_what_is_expected(case: str) -> None:
    expected = json.loads((FIXTURES / case / "expected.json").read_text())

    assert plain(read(case)) == expected


@pytest.mark.parametrize("case", CASES)
def test_what_is_imported_compiles_and_has_valid_names(case: str) -> None:
    result = read(case)

    for prompt in result.prompts:
        assert is_slug(prompt.slug)
        for version in prompt.versions:
            compile_prompt(version.string, kind=version.kind, raw=version.raw)
            assert all(is_label(label) for label in version.labels)
    for partial in result.partials:
        assert is_slug(partial.slug)
        compile_template(partial.string)


@pytest.mark.parametrize("case", CASES)
def test_a_second_import_gives_the_same(case: str) -> None:
    assert read(case) == read(case)


@pytest.mark.parametrize("case", CASES)
def test_what_is_imported_survives_its_files(case: str, tmp_path: Path) -> None:
    written = as_written(read(case), tmp_path)

    outcomes = [write_file(item, None, {}, force=False) for item in written]
    again = [write_file(item, item, {}, force=False) for item in written]

    assert (set(outcomes) <= {"created"}, set(again) <= {"same"}) == (True, True)
    assert {item.name: item.content for item in read_folder(tmp_path)} == {item.name: item.content for item in written}


def test_odd_texts_survive_their_file(tmp_path: Path) -> None:
    texts = [
        "tab\tand spaces  \n\n  more\n",
        "\n",
        "---\n# no comment\n",
        "ends: with|\n\n\n",
        "é\u2028\U0001f680",
        "no",
    ]
    request = {"name": "odd", "model": "m", "input": [{"role": "user", "content": text} for text in texts]}
    (item,) = as_written(openai.IMPORTER.read([Document("odd.json", request)], Options()), tmp_path)

    write_file(item, None, {}, force=False)

    (found,) = read_folder(tmp_path)
    assert [message["content"] for message in found.content["messages"]] == texts
