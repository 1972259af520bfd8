"""What bulk listings say of a report, and whether a report is still as it was when REST last showed it.

A bulk row lacks half of what the files have, so it is not used as a row. It is compared with the bulk row of
the last time: as long as what tells of an edit is the same, the row of the last time is still right. Two
columns move without an edit, the time of the last change (with each run) and the number of views. They are
taken from bulk where it said the same as REST the last time, and only there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Self

from mode_catalog_provider.extract.rows import Wire
from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.moments import in_utc

#: Marks of another version are not compared.
VERSION = 2

#: A successful run moves ``updated_at`` some milliseconds after its end; anything later is something else.
_SECONDS_AFTER_A_RUN = 5.0

#: What the number of views is called; documentation and example disagree.
_VIEWS = ("view_count", "total_views_count")

_EDITED = ("id", "name", "description", "created_at", "edited_at", "creator_email", "space_token")
_QUERY = ("id", "token", "name", "raw_query", "data_source_token")
_SPACE = ("id", "token", "name", "description", "space_type")
_RUN = ("last_run_at", "last_run_token", "last_run_state", "last_successfully_run_at")


@dataclass(frozen=True, slots=True)
class BulkMark:
    """What bulk listings said of one report at one time.

    :param edited: stands for all that an edit, a new name or a move changes, the time of the edit included.
    :param edited_at: when it was last edited, as written.
    :param updated_at: when anything of it last changed, as written; ``None``: bulk does not say.
    :param ran: stands for its last run.
    :param viewed: when it was last viewed, as written; ``False``: bulk does not say.
    :param views: how often it was viewed; ``None``: bulk does not say.
    :param queries: stands for its queries.
    """

    edited: str
    edited_at: Any
    updated_at: Any
    ran: str
    viewed: Any
    views: int | None
    queries: str

    def to_text(self) -> str:
        """Return it as it is kept beside the readings."""
        return json.dumps([VERSION, *self.values()])

    def values(self) -> list[Any]:
        """Return what it is made of, in the order of its parameters."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Read what :meth:`to_text` wrote; ``None`` when another version wrote it."""
        version, *values = json.loads(text)
        return cls(*values) if version == VERSION else None


def bulk_mark(row: Wire, *, stat: Wire | None, queries: Iterable[Wire]) -> BulkMark | None:
    """Return what bulk says of a report, ``None`` when it says too little to tell whether that changed.

    :param row: of the bulk listing of reports.
    :param stat: of the bulk listing of their statistics, ``None`` when there is none.
    :param queries: its rows of the bulk listing of queries.
    """
    if not {"edited_at", "updated_at", "name", "space_token"} <= row.keys() or not row["updated_at"]:
        return None
    views = next((count_of(stat[name]) for name in _VIEWS if name in stat), None) if stat else None
    listed = [[query.get(name) for name in _QUERY] for query in sorted(queries, key=itemgetter("token"))]
    return BulkMark(
        edited=_digest([row.get(name) for name in _EDITED]),
        edited_at=row["edited_at"],
        updated_at=row["updated_at"],
        ran=_digest([row.get(name) for name in _RUN]),
        viewed=row.get("last_viewed_at", False),
        views=views,
        queries=_digest(listed),
    )


def views_agree(before: BulkMark, row: Mapping[str, Any]) -> bool | None:
    """Return whether bulk and REST counted the same views the last time; ``None`` when both had none."""
    counted = count_of(row["view_count"])
    if before.views is None:
        return False
    return None if counted == before.views == 0 else counted == before.views


def moved_columns(
    before: BulkMark, now: BulkMark, row: Mapping[str, Any], bulk_row: Wire, *, trust_views: bool
) -> dict[str, Any] | None:
    """Return the columns of an unchanged report that moved by themselves; ``None``: it must be read again.

    :param before: what bulk said when the row was read.
    :param now: what it says.
    :param row: the report's row of the last time.
    :param bulk_row: its row in the bulk listing of reports.
    :param trust_views: whether the numbers of views have been the same in bulk and in REST.
    """
    if (before.edited, before.queries) != (now.edited, now.queries):
        return None
    moved = {}
    if before.updated_at != now.updated_at:
        by_a_run = before.ran != now.ran and _right_after(now.updated_at, bulk_row)
        if not by_a_run or row["updated_at"] != before.updated_at:
            return None
        moved["updated_at"] = now.updated_at
    counted = trust_views and None not in (before.views, now.views)
    if counted and count_of(row["view_count"]) == before.views:
        if now.views != before.views:
            moved["view_count"] = type(row["view_count"])(now.views)
    elif (before.viewed, before.views) != (now.viewed, now.views) or (now.viewed is False):
        return None
    return moved


def facts_now(facts: Mapping[str, Any], before: BulkMark, now: BulkMark, bulk_row: Wire) -> dict[str, Any]:
    """Return what is known of an unchanged report beyond its row.

    :param facts: what was known the last time.
    """
    known = dict(facts)
    if before.ran != now.ran:
        # Bulk does not count runs: unknown is not the same as before.
        known.pop("runs_count", None)
        names = ("last_run_at", "last_successfully_run_at")
        known.update({name: bulk_row[name] for name in names if name in bulk_row and name in known})
    if "last_viewed_at" in bulk_row:
        known["last_viewed_at"] = bulk_row["last_viewed_at"]
    return known


def moment_of(stamp: Any) -> float | None:
    """Return a stamp in Unix seconds, ``None`` when it is none."""
    try:
        return in_utc(datetime.fromisoformat(stamp)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def space_text(row: Wire) -> str:
    """Return what bulk says of a collection, as far as it is compared."""
    return json.dumps([row.get(name) for name in _SPACE])


def spaces_mark(texts: Iterable[str], definitions: str) -> str:
    """Return what stands for the whole bulk listing of collections.

    :param texts: what :func:`space_text` returned for each of them.
    :param definitions: stands for the Mode definitions that are put into queries.
    """
    return _digest([VERSION, definitions, *sorted(texts)])


def _right_after(stamp: Any, bulk_row: Wire) -> bool:
    updated, ended = moment_of(stamp), moment_of(bulk_row.get("last_successfully_run_at"))
    return updated is not None and ended is not None and 0 <= updated - ended <= _SECONDS_AFTER_A_RUN


def _digest(parts: Any) -> str:
    return hashlib.blake2b(json.dumps(parts).encode("ascii"), digest_size=8).hexdigest()
