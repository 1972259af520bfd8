"""A walk through a listing whose rows move while it is read."""

from __future__ import annotations

from typing import Any

from mode_catalog_provider.catalog.pages import walk


class Moving:
    """Announces 40,000 rows; every tenth place shows the row before it once more."""

    total = 40_000

    def __init__(self) -> None:
        self.asked = 0

    def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.asked += 1
        size, page = variables["nbPerPage"], variables["page"]
        places = range(page * size, min((page + 1) * size, self.total * 11 // 10))
        rows = [{"id": min(place * 10 // 11, self.total - 1)} for place in places]
        return {"data": rows, "totalCount": self.total}


def test_rows_that_come_twice_do_not_end_a_walk_before_its_last_new_row() -> None:
    seen: set[int] = set()

    def is_new(row: dict[str, Any]) -> bool:
        new = row["id"] not in seen
        seen.add(row["id"])
        return new

    service: Any = Moving()
    rows = list(walk(service, "query", field="things", is_new=is_new))
    assert len(rows) == Moving.total
    assert service.asked <= Moving.total * 11 // 10 // 500 + 2, "one walk is enough"
