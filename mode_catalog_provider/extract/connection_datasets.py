"""The datasets of all collections from the listings of connections: a few requests instead of hundreds.

``data_sources/{t}/datasets`` has been seen to exist, and nobody says that it has every dataset, or all of
each. So nothing is taken from it before it was compared, row by row, with the listings of the collections.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.errors import MalformedResponseError, ServiceError
from mode_catalog_provider.extract.facts import report_facts
from mode_catalog_provider.extract.known import EarlierReadings
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Row
from mode_catalog_provider.extract.rows import Wire, collection_of, report_row, token_of
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.scratch import packed, private_database, token_bytes, unpacked

#: Pages of the database kept in memory, in KiB.
_CACHE = 1024

#: Known datasets that no connection shows any more and that are looked up one by one; with more, the listings
#: of the collections are read.
MOST_LOOKED_UP = 10

#: Columns that move while the two listings are read; of these only the kind of value is compared.
_MOVING = ("updated_at", "view_count")


class ConnectionDatasets:
    """Walks the listings of datasets of all connections. To be used from one thread.

    :param pipeline: gets the calls.
    :param known: has the datasets of the last snapshot.
    :param settled: called once, when all walks are over or one of them cannot be used.
    """

    def __init__(
        self, *, pipeline: Pipeline, known: EarlierReadings, settled: Callable[[], Iterable[Row]]
    ) -> None:
        self._pipeline = pipeline
        self._known = known
        self._settled = settled
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE dataset (token BLOB PRIMARY KEY, collection BLOB, body BLOB)")
        self._database.execute(
            "CREATE TABLE by_collection (token BLOB PRIMARY KEY, collection BLOB, body TEXT)"
        )
        self._database.execute("CREATE TABLE read (collection BLOB PRIMARY KEY)")
        self._database.execute("CREATE INDEX in_collection ON dataset (collection, token)")
        self._database.execute("BEGIN")
        self._under_way = 0
        self._checked = False
        #: Why they cannot be used, ``None`` as long as nothing speaks against it.
        self.because: str | None = None
        #: Whether all is known that will be known.
        self.ready = False

    def start(self, connections: Iterable[str], *, check: bool) -> None:
        """Queue the first page of each connection.

        :param connections: their tokens.
        :param check: whether the datasets of the last snapshot must all be there, or be gone from Mode.
        """
        self._checked = not check
        for token in connections:
            self._under_way += 1
            self._ask(PageWalk(f"data_sources/{path_part(token)}/datasets", "reports"))

    def in_collection(self, collection: str) -> list[dict[str, Any]]:
        """Return the datasets of a collection as they were listed."""
        found = self._database.execute(
            "SELECT body FROM dataset WHERE collection = ? ORDER BY token", (token_bytes(collection),)
        )
        return [unpacked(body) for (body,) in found.fetchall()]

    def give_up(self, because: str) -> Iterable[Row]:
        """Take note that these listings are not to be used."""
        if self.ready:
            return ()
        self.because = self.because or because
        self.ready = True
        return self._settled()

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()

    # -- the proof -----------------------------------------------------------------------------------------

    def shown_in(self, collection: str, resources: Iterable[Wire]) -> None:
        """Note datasets as the listing of their collection shows them."""
        self._database.executemany(
            "INSERT OR REPLACE INTO by_collection VALUES (?, ?, ?)",
            (
                (token_bytes(token), token_bytes(collection), _essence(one, collection))
                for one in resources
                if (token := token_of(one))
            ),
        )

    def read_whole(self, collection: str) -> None:
        """Note that the listing of a collection was read to its end."""
        self._database.execute("INSERT OR IGNORE INTO read VALUES (?)", (token_bytes(collection),))

    def compare(self) -> dict[str, int]:
        """Return how many datasets there were to compare, and how many of them were told otherwise.

        :return: ``compared``, ``missing`` (shown by their collection alone), ``extra`` (by their connection
            alone) and ``different``.
        """
        extra = different = 0
        here = "SELECT token, collection, body FROM dataset WHERE collection IN (SELECT collection FROM read)"
        for token, collection, body in self._database.execute(here).fetchall():
            other = self._database.execute(
                "SELECT body FROM by_collection WHERE token = ?", (token,)
            ).fetchone()
            home = collection.decode("utf-8", "surrogatepass")
            extra += other is None
            different += other is not None and other[0] != _essence(unpacked(body), home)
        count = "SELECT count(*), count(*) FILTER (WHERE token NOT IN (SELECT token FROM dataset))"
        compared, missing = self._database.execute(f"{count} FROM by_collection").fetchone()
        return {"compared": compared, "missing": missing, "extra": extra, "different": different}

    # -- the walks -----------------------------------------------------------------------------------------

    def _ask(self, walk: PageWalk) -> None:
        # Everything else waits for these few, so they come before any further collection.
        self._pipeline.ask(
            Lane.NEXT_PAGES, walk.path, partial(self._page, walk), self._refused, params=walk.params,
            failed=self._refused,
        )  # fmt: skip

    def _page(self, walk: PageWalk, answer: Wire) -> Iterable[Row]:
        if self.ready:
            return ()
        try:
            resources = walk.take(answer)
        except MalformedResponseError as error:
            return self.give_up(str(error))
        for resource in resources:
            token, collection = token_of(resource), collection_of(resource)
            if token is None or collection is None or not isinstance(resource.get("type"), str):
                return self.give_up(f"{walk.path} does not say of a dataset what it is and where it belongs")
            self._database.execute(
                "INSERT OR REPLACE INTO dataset VALUES (?, ?, ?)",
                (token_bytes(token), token_bytes(collection), packed(resource)),
            )
        if not walk.done:
            self._ask(walk)
            return ()
        self._under_way -= 1
        return self._over()

    def _refused(self, error: ServiceError) -> Iterable[Row]:
        return self.give_up(str(error))

    def _over(self) -> Iterable[Row]:
        if self._under_way:
            return ()
        if not self._checked:
            self._checked = True
            missing = list(self._missing())
            if len(missing) > MOST_LOOKED_UP:
                return self.give_up("more known datasets than usual are shown by no connection")
            for token in missing:
                self._under_way += 1
                path = f"reports/{path_part(token)}"
                self._pipeline.ask(
                    Lane.NEXT_PAGES, path, partial(self._still_there, token), self._gone, failed=self._refused
                )
            if missing:
                return ()
        if self.ready:
            return ()
        self.ready = True
        return self._settled()

    def _missing(self) -> Iterator[str]:
        found = 0
        for token in self._known.datasets():
            key = (token_bytes(token),)
            if self._database.execute("SELECT 1 FROM dataset WHERE token = ?", key).fetchone() is None:
                yield token
                found += 1
                if found > MOST_LOOKED_UP:
                    return

    def _still_there(self, token: str, answer: Wire) -> Iterable[Row]:
        if answer.get("type") == DATASET and not answer.get("archived"):
            return self.give_up(f"dataset {token} is there, and no connection shows it")
        return self._gone()

    def _gone(self, _: object = None) -> Iterable[Row]:
        self._under_way -= 1
        return self._over()


def _essence(resource: Mapping[str, Any], collection: str) -> str:
    """Return what must be the same in both listings: the row, and which facts are told beside it."""
    row = report_row(resource, collection_token=collection)
    for name in _MOVING:
        row[name] = type(row[name]).__name__
    return json.dumps([row, sorted(report_facts(resource)), bool(resource.get("archived"))])
