"""Did it arrive? A pushed snapshot compared with what Catalog shows of its source; and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.arrival_report import ArrivalReport, Item, chosen
from mode_catalog_provider.catalog.arrival_tables import MATCHES, ArrivalTables
from mode_catalog_provider.catalog.arrival_texts import ArrivalTexts
from mode_catalog_provider.catalog.ingestion import ingested_at
from mode_catalog_provider.catalog.lineage_reasons import NEED_SQL, LineageReasons, TablesOf
from mode_catalog_provider.catalog.news import CatalogNews
from mode_catalog_provider.catalog.push_target import check_push_target
from mode_catalog_provider.catalog.sources import CatalogSource, parse_source_id
from mode_catalog_provider.catalog.warehouses import UnknownConnection, Warehouses
from mode_catalog_provider.errors import ForbiddenError, SnapshotError
from mode_catalog_provider.moments import of_second, parsed, spoken
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.reader import Snapshot, verify
from mode_catalog_provider.sql.tables import tables_of
from mode_catalog_provider.text import first_of, visible

#: Findings of each kind that are named; all are counted.
FIRST = 1_000

# Reports of one folder name that must be seen before folders are compared at all.
_FEWEST_FOLDERS = 5

_UNKNOWN_KINDS = "SELECT DISTINCT kind FROM dashboard WHERE kind IS NOT NULL ORDER BY kind"


def reconcile(
    *,
    snapshot: Snapshot,
    api: CatalogApi,
    source_id: str,
    earlier: ArrivalReport | None = None,
    first: int = FIRST,
    tables: TablesOf = tables_of,
) -> ArrivalReport:
    """Compare a snapshot with what Catalog shows, in memory that does not grow with either.

    :param snapshot: what was pushed; its files are verified first.
    :param api: Catalog's API; a Read Only token is enough.
    :param source_id: UUID of the Mode source.
    :param earlier: the reconciliation before this one, which tells what is new; default ``None``.
    :param first: how many findings of each kind are named, the new ones first; default 1,000.
    :param tables: finds the tables that a query reads.
    :raises UnknownSourceError: there is no such Mode source.
    :raises SnapshotError: the files are not those that the manifest names.
    :raises MalformedResponseError: Catalog did not show all it has, so nothing can be concluded.
    """
    source_id = parse_source_id(source_id)
    source = check_push_target(api, source_id)
    verify(snapshot)
    with ArrivalTables(snapshot) as sides:
        sides.read_snapshot()
        sides.read_catalog(api, source_id)
        return _Reconciliation(snapshot, api, source_id, source, sides, earlier, first, tables).report()


class _Reconciliation:
    """The findings, kind by kind."""

    def __init__(
        self,
        snapshot: Snapshot,
        api: CatalogApi,
        source_id: str,
        source: CatalogSource | None,
        sides: ArrivalTables,
        earlier: ArrivalReport | None,
        first: int,
        tables: TablesOf,
    ) -> None:
        self._snapshot, self._api, self._source_id, self._source = snapshot, api, source_id, source
        self._sides, self._earlier, self._first, self._tables = sides, earlier, first, tables
        self._not_checked: dict[str, str] = {}
        self._texts = ArrivalTexts(snapshot.manifest.host, snapshot.manifest.workspace)
        self._unknown: list[UnknownConnection] = []

    def report(self) -> ArrivalReport:
        self._unknown = list(self._unknown_connections())
        makers = {
            "missing": self._missing(),
            "gone": self._gone(),
            "without_lineage": self._without_lineage(),
            "renamed": self._renamed(),
            "unknown_connections": (self._texts.unknown_connection(one) for one in self._unknown),
        }
        counts, items = {}, {}
        for kind, found in makers.items():
            known = self._earlier.identities(kind) if self._earlier is not None else None
            items[kind], counts[kind] = chosen(found, known, first=self._first)
        one = self._sides.one
        manifest = self._snapshot.manifest
        if kinds := first_of(row[0] for row in self._sides.ask(_UNKNOWN_KINDS)):
            self._not_checked["kinds"] = (
                f"Catalog lists rows of a kind that is not known here ({kinds}); where a report has no "
                f"other, one with its address counts as its dashboard"
            )
        return ArrivalReport(
            source_id=self._source_id,
            timestamp=manifest.timestamp,
            workspace=manifest.workspace,
            reports=one("SELECT count(*) FROM report"),
            arrived=one("SELECT count(*) FROM report WHERE dashboard IS NOT NULL"),
            with_lineage=one("SELECT count(*) FROM report WHERE dashboard IS NOT NULL AND lineage"),
            dashboards=one("SELECT count(*) FROM dashboard WHERE NOT child"),
            child_rows=one("SELECT count(*) FROM dashboard WHERE child"),
            matched_by=self._matched_by(),
            counts=counts,
            items=items,
            not_checked=self._not_checked,
            compared_with=self._earlier.timestamp if self._earlier is not None else None,
        )

    def _matched_by(self) -> dict[str, int]:
        counted = self._sides.ask(
            "SELECT how, count(*) FROM dashboard WHERE id IN "
            "(SELECT dashboard FROM report WHERE dashboard IS NOT NULL) GROUP BY how"
        )
        return {**dict.fromkeys(MATCHES, 0), **dict(counted)}

    # -- what is missing, and what is too much -------------------------------------------------------------

    def _missing(self) -> Iterator[Item]:
        waiting = self._not_ingested()
        rows = self._sides.ask(
            "SELECT r.token, r.name, r.archived, r.dataset, coalesce(c.personal, 0) FROM report AS r "
            "LEFT JOIN collection AS c ON c.token = r.collection WHERE r.dashboard IS NULL ORDER BY r.token"
        )
        for token, name, archived, dataset, personal in rows:
            reason = "unknown"
            for holds, word in (
                (archived, "archived"),
                (personal, "personal"),
                (dataset, "dataset"),
                (waiting, "not_ingested"),
            ):
                if holds:
                    reason = word
                    break
            yield self._texts.missing(token, name, reason)

    def _not_ingested(self) -> bool:
        """Whether Catalog's last ingestion was before the snapshot was pushed."""
        if self._source is None:
            self._not_checked["not_ingested"] = "the token may not read when the source was last ingested"
            return False
        ingested, told = ingested_at(self._source), self._source.last_refreshed_at
        if told is not None and ingested is None:
            self._not_checked["not_ingested"] = (
                f"Catalog says that it ingested this source last at {spoken(told)}, which is still to come"
            )
            return False
        recorded = self._pushed_at()
        pushed = recorded or of_second(self._snapshot.manifest.timestamp)
        if ingested is not None and ingested >= pushed:
            return False
        last = f"last at {spoken(ingested)}" if ingested else "never so far"
        after = "was pushed after that" if recorded else "was made after that (no record tells of its push)"
        self._not_checked["arrival"] = (
            f"Catalog ingests this source about once a day, {last}, and this snapshot {after}; "
            f"what is missing may come with the next ingestion"
        )
        return True

    def _pushed_at(self) -> datetime | None:
        with suppress(SnapshotError):
            record = push_record.read(push_record.record_path(self._snapshot, self._source_id))
            return None if record is None else parsed(record.completed_at)
        return None

    def _gone(self) -> Iterator[Item]:
        filtered = self._snapshot.manifest.filtered
        if filtered or self._snapshot.manifest.options.get("include_collections"):
            self._not_checked["gone"] = (
                "the snapshot was filtered, so some of these may only have been left out of it"
            )
        elif refused := self._listings_refused():
            self._not_checked["gone"] = (
                f"Mode did not show the key all that is in {refused}, so some of these may be in Mode still"
            )
        elif not self._snapshot.manifest.rows["report"]:
            self._not_checked["gone"] = (
                "the snapshot has no report at all, which looks like a key of Mode without rights, so all of "
                "these may be in Mode still"
            )
        rows = self._sides.ask(
            "SELECT id, name, url FROM dashboard WHERE token IS NULL AND NOT child ORDER BY id"
        )
        for id, name, url in rows:  # noqa: A001
            # What Mode refused to show is in Mode all the same.
            if not self._is_left_out(url):
                yield self._texts.gone(id, name, url, doubted="gone" in self._not_checked)

    def _listings_refused(self) -> str:
        """Return of what the reports could not be listed to the end, ``""`` where all were."""
        return first_of(
            f"'{visible(entry.get('name') or entry.get('token') or 'a collection')}'"
            for entry in self._snapshot.manifest.left_out
            if entry["asset"] == "collection" or (entry["asset"] == "report" and not entry.get("token"))
        )

    def _is_left_out(self, url: str) -> bool:
        words = [word for word in url.replace("?", "/").split("/") if word]
        return any(
            self._sides.one("SELECT count(*) FROM left_out WHERE token IN (:word, lower(:word))", word=word)
            for word in words
        )

    def _renamed(self) -> Iterator[Item]:
        compares = self._folders_are_comparable()
        rows = self._sides.ask(
            "SELECT r.token, r.name, c.name, d.id, d.name, d.folder, d.url FROM report AS r "
            "JOIN dashboard AS d ON d.id = r.dashboard LEFT JOIN collection AS c ON c.token = r.collection "
            "ORDER BY r.token"
        )
        for token, name, collection, dashboard, shown_as, folder, url in rows:
            other_name = bool(name.strip() and shown_as.strip()) and _folded(name) != _folded(shown_as)
            other_folder = compares and bool(collection) and _is_elsewhere(collection, folder)
            if other_name or other_folder:
                yield self._texts.renamed(
                    token,
                    name,
                    dashboard,
                    url,
                    shown_as=shown_as if other_name else None,
                    folders=(collection, folder) if other_folder else None,
                )

    def _folders_are_comparable(self) -> bool:
        """Whether Catalog's folders are Mode's collections at all: that is documented nowhere."""
        comparable = fitting = 0
        rows = self._sides.ask(
            "SELECT c.name, d.folder FROM report AS r JOIN dashboard AS d ON d.id = r.dashboard "
            "JOIN collection AS c ON c.token = r.collection"
        )
        for collection, folder in rows:
            if collection and folder.strip("/ "):
                comparable += 1
                fitting += not _is_elsewhere(collection, folder)
        if comparable >= _FEWEST_FOLDERS and not fitting:
            self._not_checked["folders"] = "Catalog's folders are not named like Mode's collections"
            return False
        return True

    # -- lineage -------------------------------------------------------------------------------------------

    def _unknown_connections(self) -> Iterator[UnknownConnection]:
        try:
            sources = self._api.listed_sources()
        except ForbiddenError:
            self._not_checked["unknown_connections"] = "the token may not read Catalog's sources"
            return
        if all(source.id != self._source_id for source in sources):
            self._not_checked["unknown_connections"] = (
                "Catalog's list of sources is not whole: the Mode source was in it before, and is not now"
            )
            return
        if sources.unlisted:
            self._not_checked["unknown_connections"] = (
                f"Catalog counts {sources.unlisted} sources that it does not list"
            )
            return
        warehouses = Warehouses(self._api, sources)
        rows = self._sides.ask(
            "SELECT token, coalesce(id, ''), name, adapter, database FROM connection ORDER BY token"
        )
        yield from warehouses.without_answer(rows)
        if warehouses.not_asked:
            self._not_checked["databases"] = warehouses.not_asked

    def _without_lineage(self) -> Iterator[Item]:
        reasons = LineageReasons(
            api=self._api,
            unknown_connections=frozenset(one.id for one in self._unknown),
            known_connections=frozenset(
                row[0] for row in self._sides.ask("SELECT id FROM connection WHERE id IS NOT NULL")
            ),
            connections_asked=self._not_checked.keys().isdisjoint({"unknown_connections", "databases"}),
            expanded=self._snapshot.manifest.options.get("definitions") == "expand",
            tables=self._tables,
        )
        self._sides.take_queries_without_lineage()
        rows = self._sides.ask(
            "SELECT r.token, r.name, d.url FROM report AS r JOIN dashboard AS d ON d.id = r.dashboard "
            "WHERE NOT r.lineage ORDER BY r.token"
        )
        queries = self._sides.queries_without_lineage()
        tokens = (
            row[0]
            for row in self._sides.ask(
                "SELECT token FROM report WHERE dashboard IS NOT NULL AND NOT lineage ORDER BY token"
            )
        )
        found = reasons.of_reports(
            tokens, queries, self._imports(), self._sides.reports_with_hidden_queries()
        )
        total = self._sides.one("SELECT count(*) FROM report WHERE dashboard IS NOT NULL AND NOT lineage")
        news = CatalogNews("reports without lineage looked at")
        for number, ((token, name, url), (_, reason)) in enumerate(zip(rows, found, strict=True), 1):
            news.tell(number, total)
            yield self._texts.without_lineage(token, name, url, reason)
        for word in NEED_SQL:
            if word in reasons.not_tried:
                self._not_checked[word] = reasons.not_tried[word]

    def _imports(self) -> Iterator[str]:
        """Yield the tokens of reports that read datasets, in order."""
        if self._snapshot.adopted:
            return
        for facts in read_facts(self._snapshot, "report"):
            if facts.get("has_imported_datasets") or facts.get("imported_datasets"):
                yield str(facts["token"])


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _is_elsewhere(collection: str, folder: str) -> bool:
    return bool(folder.strip("/ ")) and _folded(collection) not in _folded(folder)
