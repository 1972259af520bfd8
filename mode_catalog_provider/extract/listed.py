"""What the listings of one extraction showed, on disk: there may be as much of it as the workspace has.

A walk over pages cannot see every move of its rows: a report deleted from a page that was read pulls another
one over the page's edge, unseen. The batch listing of reports, read when all walks are over, can tell. If it
has exactly the reports that a collection showed, none was deleted while that was read, so none was hidden;
provided that the batch listing is up to date, which nobody promises for the last minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mode_catalog_provider.scratch import packed, private_database, token_bytes, unpacked

#: Pages of the database kept in memory, in KiB.
_CACHE = 3 * 1024

#: Waiting reports taken out at once.
_AT_ONCE = 200

#: Why a report waits: the batch listing of queries is not read yet, or has no query of it. ``given``: it does
#: not wait, its queries were taken from the batch listing.
Queue = Literal["early", "bare", "given"]


@dataclass(frozen=True, slots=True)
class ListedReport:
    """A report between its listing and its queries.

    :param row: its row.
    :param mark: tells whether its queries changed; ``None``: nothing tells.
    :param edited: when it was last edited, in Unix seconds; ``None`` when nobody knows.
    """

    row: dict[str, Any]
    mark: str | None
    edited: float | None

    @property
    def token(self) -> str:
        """By which it is asked for."""
        return str(self.row["token"])


class Listed:
    """The reports of one extraction, and what the Discovery API lists of reports and queries.

    Everything is in one private temporary database. To be used from one thread.
    """

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        for table in (
            "report (token BLOB PRIMARY KEY, collection BLOB, dataset INTEGER) WITHOUT ROWID",
            "batch_report (token BLOB PRIMARY KEY, collection BLOB) WITHOUT ROWID",
            "batch_query (report BLOB, body BLOB)",
            "waiting (place INTEGER PRIMARY KEY, queue TEXT, token BLOB, entry BLOB)",
        ):
            self._database.execute(f"CREATE TABLE {table}")
        self._database.execute("CREATE INDEX by_queue ON waiting (queue, place)")
        self._database.execute("BEGIN")
        #: How many reports were listed by REST.
        self.reports = 0

    # -- reports, by both APIs -----------------------------------------------------------------------------

    def add(self, token: str, *, collection: str, dataset: bool) -> bool:
        """Note a report that REST lists; returns whether it had not been listed before.

        :param token: the report's token.
        :param collection: token of the collection it is listed under.
        :param dataset: it is a dataset, which batch need not know.
        """
        row = (token_bytes(token), token_bytes(collection), dataset)
        new = self._database.execute("INSERT OR IGNORE INTO report VALUES (?, ?, ?)", row).rowcount == 1
        self.reports += new
        return new

    def has(self, token: str) -> bool:
        """Return whether a report or dataset was listed by REST, or taken from the last snapshot."""
        found = self._database.execute("SELECT 1 FROM report WHERE token = ?", (token_bytes(token),))
        return found.fetchone() is not None

    def add_batch_reports(self, rows: Iterable[Any]) -> None:
        """Take in a page of the batch listing of reports."""
        tokens = ((row.get("token"), row.get("space_token")) for row in rows if isinstance(row, dict))
        self._database.executemany(
            "INSERT OR IGNORE INTO batch_report VALUES (?, ?)",
            (
                (token_bytes(token), token_bytes(collection))
                for token, collection in tokens
                if isinstance(token, str) and isinstance(collection, str)
            ),
        )

    def in_batch(self, token: str) -> bool:
        """Return whether the batch listing of reports, as far as it was read, has a report."""
        found = self._database.execute("SELECT 1 FROM batch_report WHERE token = ?", (token_bytes(token),))
        return found.fetchone() is not None

    def doubtful_collections(self) -> set[str]:
        """Return the collections of which batch shows other reports than REST did.

        Datasets count only where batch shows them: nobody says that it does.
        """
        found = self._database.execute(
            "SELECT collection FROM batch_report WHERE token NOT IN (SELECT token FROM report) UNION "
            "SELECT collection FROM report WHERE NOT dataset AND NOT EXISTS (SELECT 1 FROM batch_report "
            "WHERE batch_report.token = report.token AND batch_report.collection = report.collection)"
        ).fetchall()
        return {collection.decode("utf-8", "surrogatepass") for (collection,) in found}

    # -- queries, as the Discovery API lists them ----------------------------------------------------------

    def add_batch_queries(self, rows: Iterable[Any]) -> None:
        """Take in a page of the batch listing of queries; a row that names no report is as good as none."""
        self._database.executemany(
            "INSERT INTO batch_query VALUES (?, ?)",
            (
                (token_bytes(row["report_token"]), packed(_essence(row)))
                for row in rows
                if _names_its_report(row)
            ),
        )

    def index_batch_queries(self) -> None:
        """No more of them come. Made when all rows are there, an index is written in one go."""
        self._database.execute("CREATE INDEX by_report ON batch_query (report)")

    def batch_queries_of(self, report_token: str) -> list[dict[str, Any]]:
        """Return what batch lists of a report's queries, each with ``data_source_token`` instead of an id."""
        found = self._database.execute(
            "SELECT body FROM batch_query WHERE report = ?", (token_bytes(report_token),)
        )
        # By token: a query whose page was read twice while rows moved is one query.
        return list({query["token"]: query for query in (unpacked(body) for (body,) in found)}.values())

    # -- reports that wait ---------------------------------------------------------------------------------

    def wait(self, queue: Queue, report: ListedReport) -> None:
        """Put a report at the end of a queue."""
        entry = packed([report.row, report.mark, report.edited])
        self._database.execute(
            "INSERT INTO waiting (queue, token, entry) VALUES (?, ?, ?)",
            (queue, token_bytes(report.token), entry),
        )

    def waiting(self, queue: Queue) -> int:
        """Return how many reports wait in a queue."""
        found = self._database.execute("SELECT count(*) FROM waiting WHERE queue = ?", (queue,))
        return int(found.fetchone()[0])

    def take(self, queue: Queue) -> Iterator[ListedReport]:
        """Take the reports out of a queue in the order of coming, those included that come meanwhile."""
        select = "SELECT place, entry FROM waiting WHERE queue = ? ORDER BY place LIMIT ?"
        while found := self._database.execute(select, (queue, _AT_ONCE)).fetchall():
            for place, entry in found:
                self._database.execute("DELETE FROM waiting WHERE place = ?", (place,))
                yield ListedReport(*unpacked(entry))

    def take_richest(self, queue: Queue) -> ListedReport | None:
        """Take out the report of which batch lists the most queries; ``None`` when it lists none of any."""
        found = self._database.execute(
            "SELECT place, entry, (SELECT count(*) FROM batch_query WHERE report = waiting.token) AS queries "
            "FROM waiting WHERE queue = ? AND queries > 0 ORDER BY queries DESC, place LIMIT 1",
            (queue,),
        ).fetchone()
        if found is None:
            return None
        self._database.execute("DELETE FROM waiting WHERE place = ?", (found[0],))
        return ListedReport(*unpacked(found[1]))

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()


def _essence(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in ("id", "token", "name", "raw_query", "data_source_token")}


def _names_its_report(row: Any) -> bool:
    tokens = (row.get("token"), row.get("report_token")) if isinstance(row, dict) else (None,)
    return all(isinstance(token, str) and token for token in tokens)
