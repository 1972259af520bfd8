"""The README stays short, and leads somewhere."""

from __future__ import annotations

import re

from tests.documentation import DOCS, ROOT

README = (ROOT / "README.md").read_text()


def test_a_newcomer_can_read_it_to_its_end() -> None:
    assert len(README.splitlines()) < 200


def test_it_leads_to_every_guide_and_concept() -> None:
    pages = [
        page.relative_to(ROOT) for folder in ("how-to", "concepts") for page in (DOCS / folder).glob("*.md")
    ]
    assert pages
    assert [str(page) for page in pages if f"]({page})" not in README] == []


def test_the_pictures_that_it_shows_are_there() -> None:
    assert [
        name for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README) if not (ROOT / name).exists()
    ] == []


def test_who_installs_it_is_told_to_keep_the_versions_of_their_airflow() -> None:
    """Without its constraints, what is newest today breaks an Airflow of yesterday."""
    (command,) = re.findall(r"^ *pip install mode-catalog-provider.*$", README, re.MULTILINE)
    assert re.search(r'--constraint "https://\S+/constraints-3\.\d+\.\d+/constraints-3\.\d+\.txt"', command)
