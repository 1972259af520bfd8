"""The findings of a reconciliation in words: what is off, and what to do."""

from __future__ import annotations

from typing import Any

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.catalog.arrival_report import MISSING, Item
from mode_catalog_provider.catalog.lineage_reasons import REASONS, Reason
from mode_catalog_provider.catalog.warehouses import UnknownConnection
from mode_catalog_provider.text import visible

_DO_ABOUT_MISSING = {
    "archived": "Nothing is to be done, unless it should be used: then unarchive it in Mode.",
    "personal": "Move it into a shared collection in Mode to see it in Catalog.",
    "dataset": "Nothing is to be done where Catalog does not take datasets for dashboards.",
    "not_ingested": "Look again after the next ingestion, which Catalog does about once a day.",
    "unknown": "When it is missing after the next ingestion too, ask Catalog's support about this token.",
}

_DO_ABOUT_LINEAGE = {
    "out_of_sight": "Let an admin of Mode grant the key's member View on the report's collection and "
    "connection; then extract and upload again.",
    "no_query": "Nothing is to be done: there is nothing to draw lineage from.",
    "definitions": "Extract with definitions='expand', so that Catalog gets the SQL that Mode runs.",
    "unknown_connection": "Connect that warehouse to Catalog, or correct it there.",
    "unknown_tables": "Let Catalog ingest the schemas of these tables.",
    "unparsed": "Look at the query in Mode: it may not run there either, or the library sqlglot does not "
    "know all of its dialect.",
    "dataset": "Lineage ends at the dataset; look at the dataset's own.",
    "unknown": "Ask Catalog's support, with this report's address.",
}

_DO_ABOUT_KEPT_DEFINITIONS = (
    "Look at these definitions in Mode: the manifest says why they could not be put in "
    "(figures, definitions, unresolved)."
)


class ArrivalTexts:
    """Words the findings about one workspace.

    :param host: base URL of Mode; ``""`` when unknown, and then there are no addresses.
    :param workspace: its name.
    """

    def __init__(self, host: str, workspace: str) -> None:
        self._root = f"{host}/{workspace}" if host and workspace else ""

    def missing(self, token: str, name: str, reason: str) -> Item:
        """Word a report that Catalog does not show."""
        return self._of_report(
            "missing",
            token,
            name,
            what=f"Report {_shown(name, token)} is not in Catalog. {MISSING[reason]}",
            advice=_DO_ABOUT_MISSING[reason],
            entry={"reason": reason},
        )

    def without_lineage(self, token: str, name: str, url: str, reason: Reason) -> Item:
        """Word a report without lineage."""
        detail = f" ({reason.detail})" if reason.detail else ""
        return self._of_report(
            "without_lineage",
            token,
            name,
            what=f"Report {_shown(name, token)} has no lineage in Catalog. {REASONS[reason.word]}{detail}",
            advice=_DO_ABOUT_KEPT_DEFINITIONS if reason.is_expanded else _DO_ABOUT_LINEAGE[reason.word],
            entry={"reason": reason.word, "detail": reason.detail},
        )

    def renamed(
        self,
        token: str,
        name: str,
        dashboard: str,
        url: str,
        *,
        shown_as: str | None,
        folders: tuple[str, str] | None,
    ) -> Item:
        """Word a report that Catalog shows under another name or in another folder."""
        differs = []
        if shown_as is not None:
            differs.append(f"is called '{visible(shown_as)}' there")
        if folders is not None:
            differs.append(f"lies in '{visible(folders[1])}' there, not in '{visible(folders[0])}'")
        entry: dict[str, Any] = {"dashboard": dashboard, "url": url}
        if shown_as is not None:
            entry["catalog_name"] = shown_as
        if folders is not None:
            entry |= {"collection": folders[0], "folder": folders[1]}
        return self._of_report(
            "renamed",
            token,
            name,
            what=f"Report {_shown(name, token)} {' and '.join(differs)}.",
            advice="The next ingestion should mend it; when it does not, ask Catalog's support.",
            entry=entry,
            related=(dashboard,),
        )

    def gone(self, dashboard: str, name: str, url: str, *, doubted: bool) -> Item:
        """Word a dashboard whose report is no longer there.

        :param doubted: whether Mode may have it still, and only the snapshot has not.
        """
        who = "the snapshot does not have" if doubted else "Mode no longer has"
        return Item(
            finding=Finding(
                check="gone",
                asset="dashboard",
                token=dashboard,
                name=name or dashboard,
                what=f"Catalog still shows dashboard {_shown(name, dashboard)}, which {who}.",
                advice="The next ingestion should remove it; when it does not, ask Catalog's support.",
            ),
            entry={"dashboard": dashboard, "name": name, "url": url},
        )

    def unknown_connection(self, connection: UnknownConnection) -> Item:
        """Word a connection that no warehouse answers to."""
        return Item(
            finding=Finding(
                check="unknown_connections",
                asset="datasource",
                token=connection.token,
                name=connection.name or connection.token,
                what=f"Connection {_shown(connection.name, connection.token)}: {connection.why}",
                advice="Without it, reports on this connection get no lineage: connect it to Catalog.",
            ),
            entry=connection.to_json(),
        )

    def _of_report(
        self,
        kind: str,
        token: str,
        name: str,
        *,
        what: str,
        advice: str,
        entry: dict[str, Any],
        related: tuple[str, ...] = (),
    ) -> Item:
        return Item(
            finding=Finding(
                check=kind,
                asset="report",
                token=token,
                name=name or token,
                what=what,
                advice=advice,
                related=related,
                url=f"{self._root}/reports/{token}" if self._root else None,
            ),
            entry={"token": token, "name": name or None, **entry},
        )


def _shown(name: str, token: str) -> str:
    return f"'{visible(name)}' ({visible(token)})" if name else visible(token)
