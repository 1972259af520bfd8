"""Which listings must be looked over again, because a row slipped through while their pages were read.

A walk alone cannot see every move of its rows. But whoever knows reports from elsewhere can: the batch
listing knows those that have queries, an earlier snapshot those that were there then. One that was in the
collection and that no listing shows was deleted, moved away, or pulled over a page's edge; looking again
tells. What stays hidden then is a report that is new since the earlier snapshot (or, by batch, has no
queries) and that was pulled over an edge by another's deletion within the seconds between two pages. The next
run shows it.
"""

from __future__ import annotations

from collections.abc import Container

from mode_catalog_provider.mode.batch_queries import BatchQueries
from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.mode.recollection import Recollection


class Completeness:
    """Keeps account of walks that nothing proved complete.

    :param recollection: knows what an earlier snapshot had.
    :param batch: knows what the batch listing has, once it is whole; ``None``: it is not read.
    :param seen: tokens of all reports that listings showed so far.
    """

    def __init__(
        self, *, recollection: Recollection, batch: BatchQueries | None, seen: Container[str]
    ) -> None:
        self._recollection = recollection
        self._batch = batch
        self._seen = seen
        self._unproven: dict[str, list[str]] = {}

    def only_the_walk_can_tell(self, collection: str) -> bool:
        """Return whether nobody else will know what a collection must hold.

        :param collection: its token.
        """
        return self._batch is None and not self._recollection.reports_of(collection)

    def note(self, collection: str, route: str, walk: PageWalk) -> None:
        """Take in that a listing was walked to its end.

        :param collection: its token.
        :param route: which listing of it: ``"reports"`` or ``"datasets"``.
        :param walk: the walk.
        """
        if walk.unproven:
            self._unproven.setdefault(collection, []).append(route)

    def to_walk_again(self, collection: str) -> list[str]:
        """Return the listings of a collection in which something may be missing, each at most once.

        :param collection: its token; all its listings were walked, and the batch listing was read.
        """
        routes = self._unproven.pop(collection, [])
        known = [self._recollection.reports_of(collection)]
        if self._batch is not None:
            known.append(self._batch.reports_of(collection))
        told = [reports for reports in known if reports]
        if told and all(report in self._seen for reports in told for report in reports):
            return []
        # Somebody knows another one; or nobody knows any, for the batch listing broke off.
        return routes
