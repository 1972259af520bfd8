"""How reports are used, from the counters of kept snapshots: views and runs of the last days."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.moments import parsed
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.snapshot.change_words import name_of
from mode_catalog_provider.snapshot.choice import opened, pass_over
from mode_catalog_provider.snapshot.diff import counted, increase, per_day
from mode_catalog_provider.snapshot.layout import StoragePath
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import RowWithFacts, rows_with_facts, side_by_side

#: How far back "recent" reaches.
WINDOW = timedelta(days=30)

#: What is compared with the time before it, to see what rises: at most this, at most half of what is known.
_LATELY = timedelta(days=7)

#: A report rises when it is viewed so many times as often lately as before, and not by one curious person.
_RISING = 2.0
_FEWEST_VIEWS = 5

_DAY = 86_400.0

# KiB of what waits to be told.
_CACHE = 4 * 1024


@dataclass(frozen=True, kw_only=True)
class ReportUsage:
    """How one report is used. What is not known is ``None``, and never 0.

    :param token: of the report.
    :param name: as Mode has it.
    :param collection: token of its collection.
    :param archived: whether it is archived.
    :param views: in all, as Mode counts them.
    :param views_recent: in the last ``days``.
    :param runs_recent: likewise; known where the snapshots have side files.
    :param schedules: how many schedules it has; known where the newest snapshot has side files.
    :param last_viewed_at: as Mode sends it, where it does.
    :param days: how many days the kept snapshots tell of, at most the window.
    :param views_per_day: in these days.
    :param is_rising: whether it was viewed at least twice as often lately as before; ``None`` with fewer than
        three snapshots, or none of about then.
    """

    token: str
    name: str
    collection: str | None
    archived: bool | None
    views: int | None
    views_recent: int | None
    runs_recent: int | None
    schedules: int | None
    last_viewed_at: str | None
    days: float
    views_per_day: float | None
    is_rising: bool | None

    @property
    def is_never_opened(self) -> bool:
        """Whether nobody ever looked at it, as far as Mode counts."""
        return self.views == 0 and self.last_viewed_at is None

    @property
    def is_for_nobody(self) -> bool:
        """Whether it was run in these days, and nobody looked at it."""
        return bool(self.runs_recent) and self.views_recent == 0

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class _History:
    """The snapshots that are compared: the newest, one of some days ago, and the first of the window."""

    newest: Snapshot
    lately: Snapshot | None
    first: Snapshot | None

    def days_since(self, snapshot: Snapshot | None) -> float:
        return (self.newest.manifest.timestamp - snapshot.manifest.timestamp) / _DAY if snapshot else 0.0


def usage_of(kept: Mapping[int, StoragePath], *, window: timedelta = WINDOW) -> Iterator[ReportUsage]:
    """Yield how each report of the newest snapshot is used, by token, in constant memory.

    .. code-block:: python

        for report in usage_of(kept_snapshots(Path("/data/mode/acme"))):
            print(report.token, report.views, report.views_recent)

    :param kept: manifests by timestamp, see :func:`~mode_catalog_provider.snapshot.choice.kept_snapshots`.
    :param window: how far back is looked, default 30 days. The counters are compared with those of the newest
        snapshot that is at least as old, or the oldest there is.
    :raises ConfigurationError: the window is no time at all.
    :raises SnapshotError: a file is gone or altered.
    """
    if window <= timedelta(0):
        raise ConfigurationError("The days that usage is told of must be above 0.")
    history = _history(kept, window)
    streams = [
        rows_with_facts(one, "report") if one else iter(())
        for one in (history.newest, history.lately, history.first)
    ]
    for now, lately, first in side_by_side(*streams):
        if now is not None:
            yield _usage(history, now, lately, first)


class UsageReport:
    """The usage of all reports on the temporary disk, to be told in several orders; a context manager.

    :param kept: as for :func:`usage_of`, as is ``window``.
    :raises SnapshotError: none of them is whole.
    """

    def __init__(self, kept: Mapping[int, StoragePath], *, window: timedelta = WINDOW) -> None:
        #: Timestamps of damaged snapshots, which are passed over with a warning.
        self.damaged: list[int] = []
        #: Days that the kept snapshots tell of.
        self.days: float
        #: How many reports there are.
        self.reports: int
        #: Of how many of them it is known how often they were viewed in these days.
        self.known: int
        self._database = private_database(cache=_CACHE)
        self._database.execute(
            "CREATE TABLE usage "
            "(recent INTEGER, runs INTEGER, rising INTEGER, never INTEGER, nobody INTEGER, body TEXT)"
        )
        readable = self._fill(dict(kept), window)
        self.newest = max(readable)
        #: Whether there is anything to compare the newest snapshot with.
        self.has_history = len(readable) > 1

    def _fill(self, kept: dict[int, StoragePath], window: timedelta) -> dict[int, StoragePath]:
        """Read what can be read; return the snapshots without the damaged ones."""
        self._database.execute("BEGIN")
        while True:
            try:
                self._read(kept, window)
            except SnapshotError as error:
                # The database has no journal, so nothing can be rolled back.
                self._database.execute("DELETE FROM usage")
                if error.timestamp is None or len(kept) == 1:
                    self._database.close()
                    raise
                pass_over(error)
                self.damaged.append(error.timestamp)
                del kept[error.timestamp]
            else:
                return kept

    def _read(self, kept: Mapping[int, StoragePath], window: timedelta) -> None:
        self.days, self.reports, self.known = 0.0, 0, 0
        for one in usage_of(kept, window=window):
            self.days = one.days
            self.reports += 1
            self.known += one.views_recent is not None
            self._database.execute(
                "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?)",
                (
                    one.views_recent,
                    one.runs_recent,
                    one.is_rising is True,
                    one.is_never_opened and not one.archived,
                    one.is_for_nobody and not one.archived,
                    json.dumps(one.to_json()),
                ),
            )

    def __enter__(self) -> UsageReport:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def most_viewed(self, limit: int = -1) -> Iterator[dict[str, Any]]:
        """Yield the reports that were viewed in these days, the most viewed first."""
        return self._told("recent > 0", "recent DESC, rowid", limit)

    def rising(self, limit: int = -1) -> Iterator[dict[str, Any]]:
        """Yield those that are viewed more lately than before, the most viewed first."""
        return self._told("rising", "recent DESC, rowid", limit)

    def never_opened(self, limit: int = -1) -> Iterator[dict[str, Any]]:
        """Yield those that nobody ever looked at and that are not archived, by token."""
        return self._told("never", "rowid", limit)

    def for_nobody(self, limit: int = -1) -> Iterator[dict[str, Any]]:
        """Yield those that were run and not looked at in these days, the most run first."""
        return self._told("nobody", "runs DESC, rowid", limit)

    def to_json(self) -> Iterator[str]:
        """Yield one JSON object in pieces."""
        head = {
            "to": self.newest,
            "days": self.days,
            "reports": self.reports,
            "damaged": sorted(self.damaged),
        }
        yield json.dumps(head)[:-1]
        for name, found in (
            ("most_viewed", self.most_viewed()),
            ("rising", self.rising()),
            ("never_opened", self.never_opened()),
            ("scheduled_for_nobody", self.for_nobody()),
        ):
            yield f',\n"{name}": ['
            separator = "\n"
            for one in found:
                yield f"{separator}{json.dumps(one)}"
                separator = ",\n"
            yield "]"
        yield "\n}\n"

    def _told(self, condition: str, order: str, limit: int) -> Iterator[dict[str, Any]]:
        found = self._database.execute(
            f"SELECT body FROM usage WHERE {condition} ORDER BY {order} LIMIT ?",  # noqa: S608
            (limit,),
        )
        for (body,) in found:
            yield json.loads(body)


def _history(kept: Mapping[int, StoragePath], window: timedelta) -> _History:
    newest = max(kept)
    wanted = newest - window.total_seconds()
    old_enough = [timestamp for timestamp in kept if timestamp <= wanted]
    first = max(old_enough) if old_enough else min(kept)
    if first == newest:
        return _History(opened(kept, newest), None, None)
    lately = min(_LATELY.total_seconds(), (newest - first) / 2)
    # One of much longer ago tells nothing of lately.
    between = [timestamp for timestamp in kept if first < timestamp < newest <= timestamp + 2 * lately]
    # The one whose distance is nearest to what is wanted.
    middle = min(between, key=lambda timestamp: abs(newest - lately - timestamp), default=None)
    return _History(
        opened(kept, newest),
        None if middle is None else opened(kept, middle),
        opened(kept, first),
    )


def _usage(
    history: _History, now: RowWithFacts, lately: RowWithFacts | None, first: RowWithFacts | None
) -> ReportUsage:
    row, facts = now
    days = history.days_since(history.first)
    recent = _grown(history, first, now, 0, "view_count")
    last_viewed = facts.get("last_viewed_at")
    return ReportUsage(
        token=row["token"],
        name=name_of(row),
        collection=row.get("space_token"),
        archived=row["archived"] if isinstance(row.get("archived"), bool) else None,
        views=counted(row.get("view_count")),
        views_recent=recent,
        runs_recent=_grown(history, first, now, 1, "runs_count"),
        schedules=counted(facts.get("schedules_count")),
        last_viewed_at=last_viewed if isinstance(last_viewed, str) else None,
        days=round(days, 3),
        views_per_day=per_day(recent, days),
        is_rising=_rises(history, now, lately, recent),
    )


def _grown(
    history: _History, then: RowWithFacts | None, now: RowWithFacts, part: int, key: str
) -> int | None:
    if history.first is None:
        return None
    if then is not None:
        return increase(then[part].get(key), now[part].get(key))
    # A report that was made since then began with nothing; one that was only not seen did not.
    made = parsed(now[0].get("created_at"))
    if made is None or made.timestamp() < history.first.manifest.timestamp:
        return None
    return counted(now[part].get(key))


def _rises(
    history: _History, now: RowWithFacts, lately: RowWithFacts | None, recent: int | None
) -> bool | None:
    if history.lately is None or lately is None or recent is None:
        return None
    views = increase(lately[0].get("view_count"), now[0].get("view_count"))
    if views is None or views > recent:
        return None
    days = history.days_since(history.lately)
    before = (recent - views) / max(history.days_since(history.first) - days, 1 / 24)
    return views >= _FEWEST_VIEWS and views / max(days, 1 / 24) >= _RISING * before
