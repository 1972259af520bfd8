"""What an extraction may take from an earlier one, and what it notes for the next.

A *mark* stands for everything that tells whether an object changed: equal marks, equal object. It is taken
from the row of a listing *before* the object itself is read, so that a change in between shows as another
mark the next time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from mode_catalog_provider.extract.earlier_rows import EarlierRows
from mode_catalog_provider.extract.rows import Wire

#: Stamps of a report that move when somebody edits it. Its ``updated_at`` moves with every run as well.
_EDIT_STAMPS = ("edited_at", "last_saved_at")


class EarlierReadings(Protocol):
    """What earlier extractions read, and what this one tells the next. Used from one thread."""

    @property
    def knows_something(self) -> bool:
        """Whether anything at all is known, so that most reports may not have to be asked for."""

    def has_queries(self, report_token: str, mark: str | None) -> bool:
        """Return whether a report's queries are known; if so, :meth:`queries` will give them.

        :param report_token: the report.
        :param mark: its mark as just listed; ``None`` is never known.
        """

    def queries_of(self, report_token: str, mark: str | None) -> list[dict[str, Any]] | None:
        """Return the queries that an extraction which died has read, ``None`` when it has not.

        :param report_token: the report.
        :param mark: its mark as just listed; ``None`` is never known.
        """

    def reports_of(self, collection_token: str) -> Collection[str] | None:
        """Return the reports, datasets aside, that a collection had; ``None`` when nobody knows.

        :param collection_token: the collection.
        """

    def datasets(self, collection_token: str | None = None) -> Iterable[str]:
        """Yield the tokens of the datasets that the last snapshot has.

        :param collection_token: those in this collection; default ``None``: all.
        """

    def member(self, token: str | None, mark: str) -> dict[str, Any] | None:
        """Return the complete row of a member whose profile is known, ``None`` when it must be read.

        :param token: the member's token.
        :param mark: its mark as just listed.
        """

    def queries(self) -> Iterable[dict[str, Any]]:
        """Yield the queries of all reports that :meth:`has_queries` said yes to."""

    @property
    def earlier_rows(self) -> EarlierRows | None:
        """The collections and reports of the last snapshot; ``None``: they are not to be used."""

    def reading(self, asset: str, token: str) -> tuple[str, int] | None:
        """Return the mark that something bore when it was read, and when that was; ``None``: nobody knows.

        :param asset: as for :meth:`note`.
        :param token: as for :meth:`note`.
        """

    def note_again(self, asset: str, token: str, mark: str, read_at: int) -> None:
        """Remember for the next extraction an earlier reading that still stands; parameters as there."""

    def carry_queries(self, report_token: str) -> None:
        """Have :meth:`queries` give the queries of a report that is known not to have changed.

        :param report_token: a report of which there is a :meth:`reading`.
        """

    def note(
        self, asset: str, token: str, mark: str | None, *, rows: list[dict[str, Any]] | None = None
    ) -> None:
        """Remember for the next extraction what was read just now.

        :param asset: ``"report"`` for the queries of one, ``"member"`` for a profile, ``"listing"`` for all
            reports of a collection, ``"bulk-report"`` and ``"bulk"`` for what bulk listings said,
            ``"datasets"`` for how the comparison of two ways to them ended.
        :param token: of the report, member or collection.
        :param mark: its mark as listed before it was read; ``None``: to be read again in any case.
        :param rows: all that came of a request for just this object, should this extraction die. Default
            ``None``: it came with others, or not all of it could be used.
        """


class NothingKnown:
    """Stands for earlier readings where an extraction stands alone."""

    knows_something = False
    earlier_rows = None

    def reading(self, asset: str, token: str) -> None:
        """Nothing was read."""

    def note_again(self, asset: str, token: str, mark: str, read_at: int) -> None:
        """Forget it."""

    def carry_queries(self, report_token: str) -> None:
        """There are none."""

    def has_queries(self, report_token: str, mark: str | None) -> bool:
        """No queries are known."""
        return False

    def queries_of(self, report_token: str, mark: str | None) -> None:
        """Nothing was read."""

    def reports_of(self, collection_token: str) -> None:
        """Nobody knows."""

    def datasets(self, collection_token: str | None = None) -> Iterable[str]:
        """There are none."""
        return ()

    def member(self, token: str | None, mark: str) -> dict[str, Any] | None:
        """No profile is known."""
        return None

    def queries(self) -> Iterable[dict[str, Any]]:
        """There are none."""
        return ()

    def note(
        self, asset: str, token: str, mark: str | None, *, rows: list[dict[str, Any]] | None = None
    ) -> None:
        """Forget it."""


def report_mark(resource: Wire, definitions: str = "") -> str | None:
    """Return the mark of a report or dataset, ``None`` when nothing tells whether its queries changed.

    Mode moves ``edited_at`` and ``last_saved_at`` when a report or one of its queries is saved, and not when
    it is run. They are compared as they are written, so no clock needs to be right, and count milliseconds,
    so no two edits share one. Moving, archiving and renaming need no mark: they show in the listing.

    :param resource: the report as listed, before its queries are asked for.
    :param definitions: stands for the Mode definitions that are put into its queries; default: none are.
    """
    edits = [resource.get(name) for name in _EDIT_STAMPS]
    if not any(edits):
        return None
    more = [definitions] if definitions else []
    # Once Mode writes ids otherwise, those of the queries must be written like those of their connections.
    kind = type(resource.get("id")).__name__
    return _mark([*edits, resource.get("published_at"), resource.get("query_count"), kind, *more])


def member_mark(row: Mapping[str, Any]) -> str:
    """Return the mark of a member: all that the list of members says.

    :param row: the member's row as far as the list goes.
    """
    return _mark(list(row.values()))


def _mark(parts: list[Any]) -> str:
    # Eight bytes: that a changed object keeps its mark happens once in 2**64 changes.
    return hashlib.blake2b(json.dumps(parts).encode("ascii"), digest_size=8).hexdigest()
