"""Paging in its three kinds: with a block of counters, in fixed pages without one, and not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

Row = TypeVar("Row")

FIXED_PAGE = 30


def positive(text: str | None, default: int) -> int:
    """A page number or size from a query string; anything that is not one counts as the default."""
    return int(text) if text and text.isdigit() and int(text) > 0 else default


def clamp(per_page: int, cap: int) -> int:
    return min(per_page, cap)


def paged_with_block(
    key: str, rows: Sequence[Any], path: str, params: dict[str, str], per_page: int
) -> dict[str, Any]:
    """A HAL listing with a ``pagination`` block, and Mode's ``next_page`` link, there past the end too."""
    page = positive(params.get("page"), 1)
    shown = list(rows[(page - 1) * per_page : page * per_page])
    others = {name: value for name, value in params.items() if name != "page"}
    return {
        "pagination": {
            "page": page,
            "per_page": per_page,
            "count": len(shown),
            "total_pages": math.ceil(len(rows) / per_page),
            "total_count": len(rows),
        },
        "_links": {
            "self": {"href": f"{path}?{urlencode({**others, 'page': page})}"},
            "next_page": {"href": f"{path}?{urlencode({**others, 'page': page + 1})}"},
        },
        "_embedded": {key: shown},
    }


def paged_without_block(
    rows: Sequence[Row], page: int, after_last: str, *, shift: int = 0
) -> tuple[int | None, list[Row]]:
    """A fixed page and its number; the number is ``None`` where the key itself is to be left out.

    :param shift: by how many rows the listing has slid back, so that rows show up on a page again.
    """
    first = (page - 1) * FIXED_PAGE - shift
    shown = list(rows[first : first + FIXED_PAGE])
    if shown or (page == 1 and after_last != "absent"):
        return page, shown
    if after_last == "repeat" and rows:
        last = math.ceil(len(rows) / FIXED_PAGE)
        return last, list(rows[(last - 1) * FIXED_PAGE :])
    return (None if after_last == "absent" else page), []
