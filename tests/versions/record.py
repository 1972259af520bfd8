"""The results that are kept, and the table that docs/compatibility.md shows of them.

``python -m tests.versions.record`` writes the page anew; a test compares.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.versions.environment import ROOT
from tests.versions.pairs import AIRFLOWS, Pair
from tests.versions.parts import Result

KEPT = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- pairs: begin -->", "<!-- pairs: end -->"
PARTS = ("provider", "dags", "unit", "dag tests", "demo")


@dataclass
class Line:
    """What is known of one pair.

    :param chosen: how its dependencies were chosen, in words.
    :param whole: whether the whole suite was run, not the chosen tests.
    :param parts: the results, by the name of the part.
    """

    pair: Pair
    chosen: str
    whole: bool
    parts: dict[str, Result]
    at: str = ""

    @property
    def failed(self) -> bool:
        return any(result.failed for result in self.parts.values())

    def cells(self) -> list[str]:
        install = self.parts.get("install", Result())
        if install.skipped or install.failed:
            shown = ["not run: no such Python" if install.skipped else "cannot be installed"]
            shown += ["" for _ in PARTS[1:]]
        else:
            shown = [str(self.parts[name]) if name in self.parts else "not run" for name in PARTS]
        return [self.pair.airflow, self.pair.python, self.chosen or self.pair.dependencies, *shown]


def table(lines: Iterable[Line]) -> str:
    """Return a Markdown table with a row for each pair."""
    heads = [
        "Airflow",
        "Python",
        "dependencies",
        "provider",
        "import of the DAGs",
        "unit",
        "DAG tests",
        "demo",
    ]
    rows = [heads, ["---"] * len(heads), *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def keep(line: Line) -> None:
    """Put a line in the place of the same pair's earlier one; parts that were not run keep their result."""
    line.at = time.strftime("%Y-%m-%d")
    lines = {old.pair.name: old for old in kept()}
    if (old := lines.get(line.pair.name)) is not None:
        line.parts = {**old.parts, **line.parts}
        line.chosen = line.chosen or old.chosen
    lines[line.pair.name] = line
    rows = [asdict(lines[name]) for name in sorted(lines)]
    for row in rows:
        for part in row["parts"].values():
            del part["said"]
    KEPT.write_text(json.dumps(rows, indent=1) + "\n")


def kept() -> list[Line]:
    """Return the kept lines, in the order of their pairs."""
    rows: list[dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.exists() else []
    return [
        Line(
            pair=Pair(**row["pair"]),
            chosen=row["chosen"],
            whole=row["whole"],
            parts={name: Result(**part) for name, part in row["parts"].items()},
            at=row["at"],
        )
        for row in rows
    ]


def page(text: str) -> str:
    """Return the page with the table of the kept results between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(kept())}\n{END}{after}"


def green_pythons() -> set[str]:
    """Return the Pythons on which the newest Airflow passed everything that was tried, the demo too."""
    newest = list(AIRFLOWS)[-1]
    return {
        line.pair.python
        for line in kept()
        if line.pair.airflow == newest and not line.failed and line.parts.get("demo", Result()).passed
    }


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
