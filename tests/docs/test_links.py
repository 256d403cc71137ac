"""Every relative link and anchor of every Markdown page leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("ackd_deploy/**/*.md")])
LINK = re.compile(r"(?<!`)\[(?:[^\]]|\n)*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Anchors as GitHub makes them: lower case, punctuation gone, spaces to hyphens."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#{1,6} (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages():
    assert len(PAGES) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{page}: {target}"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_is_in_the_index(page: Path):
    index = ROOT / "docs" / "README.md"
    if page != index:
        assert f"({page.relative_to(index.parent)})" in index.read_text(encoding="utf-8")


def test_pages_that_the_code_names_exist():
    for file in [*ROOT.glob("ackd_deploy/**/*.py"), *ROOT.glob("recipes/*"), *ROOT.glob("serving/**/*")]:
        if file.suffix in {".py", ".yaml", ".txt", ".html"}:
            for name in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text(encoding="utf-8")):
                assert (ROOT / name).is_file(), f"{file}: {name}"
