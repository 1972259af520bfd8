"""The documentation as the tests read it: its pages, and the snippets in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A block of code on a page.

    :param page: path of the page from the repository.
    :param line: line of the page that it starts at.
    :param language: as the fence names it, ``""`` for none.
    :param code: without the page's indentation.
    """

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def snippets(*languages: str) -> list[Snippet]:
    """Return all blocks of these languages, of every page."""
    return [one for page in PAGES for one in _snippets_of(page) if one.language in languages]


def command_lines(program: str) -> list[tuple[str, str]]:
    """Return each line of a shell block that calls a program: where it stands, and what is typed."""
    lines = []
    for snippet in snippets("bash", "sh", "console", ""):
        whole = snippet.code.replace("\\\n", " ")
        for number, line in enumerate(whole.splitlines()):
            if line.startswith(f"{program} "):
                lines.append((f"{snippet.page}:{snippet.line + number}", line))
    return lines


def _snippets_of(page: Path) -> Iterator[Snippet]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        yield Snippet(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, found.start()) + 2,
            language=found["language"],
            code=textwrap.dedent(found["code"]),
        )
