from __future__ import annotations

from typing import Any

import pytest

from cli.importing import bedrock, langfuse, litellm, openai, portkey
from cli.importing.base import BadExport, Document, Options, Source


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (openai.IMPORTER, "text"),
        (openai.IMPORTER, [1]),
        (portkey.IMPORTER, {"slug": "a", "name": "A"}),
        (portkey.IMPORTER, [None]),
        (langfuse.IMPORTER, {"data": [{"name": "a", "versions": [1]}]}),
        (langfuse.IMPORTER, 3),
        (litellm.IMPORTER, {"content": "x"}),
        (bedrock.IMPORTER, {"promptSummaries": []}),
        (bedrock.IMPORTER, ["x"]),
    ],
)
def test_what_is_no_export_of_the_source_is_refused_by_its_name(source: Source, content: Any) -> None:
    with pytest.raises(BadExport, match=r"^export\.json: "):
        source.read([Document("export.json", content)], Options())


@pytest.mark.parametrize("source", [bedrock, langfuse, litellm, openai, portkey])
def test_nothing_gives_nothing(source: Any) -> None:
    result = source.IMPORTER.read([], Options())

    assert (result.prompts, result.partials, result.skipped, result.notes) == ((), (), (), ())
