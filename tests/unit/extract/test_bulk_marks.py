"""What is kept of a bulk row, to be compared with the next night's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mode_catalog_provider.extract.bulk_marks import bulk_mark, views_agree

ROW = {
    "edited_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-02T00:00:00Z",
    "name": "Revenue",
    "space_token": "c1",
}


@pytest.mark.parametrize(
    ("bulk", "rest", "agree"),
    [
        (None, 5, False),
        (None, 0, False),
        (0, 0, None),
        (5, 5, True),
        (5, "5", True),
        (5, 6, False),
        (0, 1, False),
        (1, 0, False),
        (5, None, False),
        (None, None, False),
    ],
)
def test_views_agree_where_both_counted_the_same_and_say_nothing_where_there_were_none(
    bulk: int | None, rest: int | str | None, agree: bool | None
) -> None:
    mark = bulk_mark(ROW, stat=None, queries=[])
    assert mark is not None
    assert views_agree(replace(mark, views=bulk), {"view_count": rest}) is agree
