"""What the documents say about the project is there, and what matters to callers is in the documents."""

import re
from pathlib import Path

import pytest

from promptside.api.paths import ROOTS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CALLERS = "\n".join((ROOT / "docs" / f"{name}.md").read_text() for name in ("api", "limits", "routing", "events"))
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "layers/shared/promptside").rglob("*.py")))
OURS = re.compile(r"(?<![\w-])(x-(?:portkey|promptside)(?:-[a-z]+)+)(?![\w-])")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_nowhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return not target.exists() or (bool(anchor) and anchor not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if not link.startswith("http")]

    assert [link for link in links if leads_nowhere(page, link)] == []


def test_the_index_of_decisions_has_every_record_under_its_own_title() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("0*.md"))
    titles = [record.read_text().split("\n")[0].removeprefix("# ").partition(" ") for record in records]

    rows = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.*) \|$", (folder / "README.md").read_text(), re.MULTILINE)

    expected = [(number, record.name, title) for (number, _, title), record in zip(titles, records, strict=True)]
    assert rows == expected


def test_every_header_of_ours_is_explained_to_callers() -> None:
    explained = CALLERS + (ROOT / "docs" / "providers.md").read_text()

    assert set(OURS.findall(SOURCES)) - set(OURS.findall(explained)) == set()


def test_every_header_that_callers_are_told_of_is_known_to_the_code() -> None:
    assert set(OURS.findall(CALLERS)) - set(OURS.findall(SOURCES)) == set()


def test_every_group_of_routes_is_in_the_page_of_the_api() -> None:
    page = (ROOT / "docs" / "api.md").read_text()

    assert [root for root in sorted(ROOTS) if f"/v1/{root}" not in page] == []


def test_every_package_of_the_layer_is_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    packages = [path.parent.name for path in sorted((ROOT / "layers/shared/promptside").glob("*/__init__.py"))]

    assert [package for package in packages if f"`{package}/`" not in page] == []
