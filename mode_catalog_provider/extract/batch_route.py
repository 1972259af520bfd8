"""The bulk listings that stand in for one request per report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import time
from typing import Any

from mode_catalog_provider.extract.batch_queries import BatchQueries
from mode_catalog_provider.extract.batch_reading import BatchReading
from mode_catalog_provider.extract.pipeline import Row
from mode_catalog_provider.extract.reading import Reading
from mode_catalog_provider.mode.discovery import Discovery


class BatchRoute:
    """Reads the batch listings of queries and, where it is of use, of reports.

    :param reading: of which this is a part.
    :param discovery: opened.
    """

    def __init__(self, reading: Reading, discovery: Discovery) -> None:
        self._reading = reading
        self._discovery = discovery
        #: The queries, complete when :meth:`read_queries` says that it ended.
        self.queries = BatchQueries(begun=time())

    def read_queries(self, *, data_sources: Mapping[str, Any], ended: Callable[[], Iterable[Row]]) -> None:
        """Queue the reading of all queries.

        :param data_sources: ids by token, as REST gives them: batch rows have the token alone.
        :param ended: called at the end; returns rows.
        """
        self.queries.data_sources = data_sources

        def finish(complete: bool) -> Iterable[Row]:
            self.queries.finish(complete=complete)
            return ended()

        self._read("queries", self.queries.add, finish)

    def read_reports(
        self, *, take: Callable[[Iterable[Any]], None], ended: Callable[[bool], Iterable[Row]]
    ) -> None:
        """Queue the reading of all reports.

        :param take: gets the rows of each page.
        :param ended: called at the end with whether every page came; returns rows.
        """
        self._read("reports", take, ended)

    def close(self) -> None:
        """Give the disk space back."""
        self.queries.close()

    def _read(
        self, listing: str, take: Callable[[list[Any]], None], ended: Callable[[bool], Iterable[Row]]
    ) -> None:
        BatchReading(
            reading=self._reading, discovery=self._discovery, listing=listing, take=take, ended=ended
        ).start()
