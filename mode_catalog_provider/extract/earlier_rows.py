"""The collections and reports of an earlier snapshot, for whoever knows that they have not changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Any

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.scratch import packed, private_database, token_bytes, unpacked
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.row_stream import json_rows

_CHUNK = 1 << 20

#: Pages of the database kept in memory, in KiB.
_CACHE = 2 * 1024

#: Options that decide which collections and reports a snapshot has.
_SELECTION = (
    "include_collections",
    "exclude_collections",
    "include_personal",
    "include_archived",
    "include_datasets",
    "definitions",
)


class EarlierRows:
    """Rows and side facts of one snapshot, in a private temporary database. To be used from one thread.

    :param snapshot: where they come from; nothing of it is needed later.
    :param collections: its file of collections, proved to be the one that was written.
    :param reports: its file of reports, likewise.
    :raises SnapshotAlteredError: a file of facts is not the one that was written.
    """

    def __init__(self, snapshot: Snapshot, *, collections: IO[bytes], reports: IO[bytes]) -> None:
        self.manifest: Manifest = snapshot.manifest
        self._database = private_database(cache=_CACHE)
        for table in ("collection", "report"):
            self._database.execute(
                f"CREATE TABLE {table} (token BLOB PRIMARY KEY, collection BLOB, row BLOB, facts BLOB)"
            )
        self._database.execute("CREATE INDEX by_collection ON report (collection, token)")
        self._database.execute("BEGIN")
        try:
            self._load("collection", collections)
            self._load("report", reports)
            for asset in ("collection", "report"):
                self._load_facts(snapshot, asset)
        except BaseException:
            self.close()
            raise

    def has_selection_of(self, options: Mapping[str, Any]) -> bool:
        """Return whether the snapshot was made with options that select the same collections and reports.

        :param options: as the manifest has them.
        """
        return all(self.manifest.options.get(name) == options[name] for name in _SELECTION)

    def collections(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield row and facts of each collection."""
        yield from self._pairs("collection", "", ())

    def reports_in(self, collection: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield row and facts of each report and dataset of a collection."""
        yield from self._pairs("report", "WHERE collection = ?", (token_bytes(collection),))

    def has_reports(self, collection: str) -> bool:
        """Return whether a collection has any report or dataset."""
        select = "SELECT 1 FROM report WHERE collection = ? LIMIT 1"
        return self._database.execute(select, (token_bytes(collection),)).fetchone() is not None

    def report(self, token: str) -> dict[str, Any] | None:
        """Return the row of a report, ``None`` when the snapshot has none."""
        found = list(self._pairs("report", "WHERE token = ?", (token_bytes(token),)))
        return found[0][0] if found else None

    def datasets_in(self, collection: str) -> set[str]:
        """Return the tokens of a collection's datasets."""
        return {row["token"] for row, _ in self.reports_in(collection) if row["type"] == DATASET}

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()

    def _pairs(
        self, table: str, where: str, values: tuple[bytes, ...]
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        select = f"SELECT row, facts FROM {table} {where} ORDER BY token"  # noqa: S608 - all our own words
        found = self._database.execute(select, values)
        for row, facts in found.fetchall():
            yield unpacked(row), unpacked(facts)

    def _load(self, table: str, file: IO[bytes]) -> None:
        file.seek(0)
        none = packed({})
        self._database.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)",  # noqa: S608 - a name of our own
            (
                (token_bytes(row["token"]), token_bytes(row.get("space_token") or ""), packed(row), none)
                for row in json_rows(iter(lambda: file.read(_CHUNK), b""))
            ),
        )

    def _load_facts(self, snapshot: Snapshot, asset: str) -> None:
        for facts in read_facts(snapshot, asset):
            token = token_bytes(facts.pop("token"))
            self._database.execute(
                f"UPDATE {asset} SET facts = ? WHERE token = ?",  # noqa: S608 - a name of our own
                (packed(facts), token),
            )
