"""The central index of reports: one row for each, with its owner, use, content and findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.people_checks import GONE, is_program
from mode_catalog_provider.audit.values import count_of, text_of
from mode_catalog_provider.errors import SqlNotParsedError
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_of
from mode_catalog_provider.sql.dialects import dialect_of
from mode_catalog_provider.sql.tables import sql_is_available, tables_of

#: Columns of the index in order. What is unknown is empty, and never 0.
COLUMNS = (
    *(
        "token",
        "title",
        "link",
        "collection",
        "owner",
        "owner_is_there",
        "type",
        "archived",
        "created",
        "edited",
    ),
    *("last_run", "last_good_run", "views", "views_30_days", "schedules", "queries", "connections", "tables"),
    *("definitions", "family", "survivor", "findings"),
)

Row = dict[str, Any]


def index_rows(
    facts: Facts, report: AuditReport, earlier: Snapshot | None, *, tables: bool = True
) -> Iterator[Row]:
    """Yield a row for each report, by token, in constant memory but for what was found.

    :param facts: of the snapshot; they are added to.
    :param report: what the audit found in it.
    :param earlier: a snapshot of 30 days before, for the views since; ``None`` when there is none.
    :param tables: whether to read which tables the queries read, which takes some milliseconds each and needs
        the extra ``sql``; without it the column is empty.
    """
    _keep_found(facts, report)
    _keep_earlier(facts, earlier)
    pages = Pages(report.workspace and facts.snapshot.manifest.host, report.workspace)
    has_members = next(facts.ask("SELECT 1 FROM member LIMIT 1"), None) is not None
    read = _table_reader(facts) if tables and sql_is_available() else None
    found = facts.ask(
        """
        SELECT report.token, report.name, coalesce(collection.name, collection), creator, report.type,
            archived, created, edited, ran, ran_well, report.views, report.views - seen.views, schedules,
            queries, family, survivor, checks, username, state
        FROM report LEFT JOIN collection ON collection.token = collection
        LEFT JOIN member ON username = folded(creator) LEFT JOIN seen ON seen.token = report.token
        LEFT JOIN told ON told.token = report.token ORDER BY report.token
        """
    )
    for values in found:
        *shown, family, survivor, checks, username, state = values
        token, title, collection, owner, kind, archived, created, edited, *numbers = shown
        ran, ran_well, views, recent, schedules, queries = numbers
        connections, texts, definitions = _content(facts, token)
        yield dict(
            zip(
                COLUMNS,
                (
                    token,
                    title or None,
                    pages.of("report", token),
                    collection,
                    owner,
                    _is_there(owner, username, state, report.workspace) if has_members else None,
                    kind,
                    bool(archived),
                    created or None,
                    edited,
                    ran,
                    ran_well,
                    views,
                    recent if recent is None or recent >= 0 else None,
                    schedules,
                    queries,
                    connections,
                    None if read is None else read(texts),
                    definitions,
                    family,
                    survivor,
                    json.loads(checks) if checks else [],
                ),
                strict=True,
            )
        )


def _is_there(owner: str | None, username: str | None, state: str | None, workspace: str) -> bool | None:
    if owner is None or (username is None and is_program(owner, workspace)):
        return None
    return username is not None and (state or "").casefold() not in GONE


def _keep_found(facts: Facts, report: AuditReport) -> None:
    facts.write("CREATE TABLE told (token TEXT PRIMARY KEY, family TEXT, survivor TEXT, checks TEXT)")
    for family in report.families:
        # A family is called by its oldest name that does not change: the smallest token.
        name = min(family.members)
        facts.write_all(
            "INSERT OR IGNORE INTO told VALUES (?, ?, ?, NULL)",
            ((member, name, family.survivor) for member in family.members),
        )
    for finding in report.findings:
        members = [finding.token, *(finding.related if finding.group is not None else ())]
        for token in members:
            facts.write("INSERT OR IGNORE INTO told VALUES (:token, NULL, NULL, NULL)", token=token)
            facts.write(
                "UPDATE told SET checks = json_insert(coalesce(checks, '[]'), '$[#]', :check) "
                "WHERE token = :token",
                token=token,
                check=finding.check,
            )


def _keep_earlier(facts: Facts, earlier: Snapshot | None) -> None:
    facts.write("CREATE TABLE seen (token TEXT PRIMARY KEY, views INT)")
    if earlier is not None:
        facts.write_all(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)",
            ((text_of(row["token"]), count_of(row["view_count"])) for row in rows_of(earlier, "report")),
        )


def _content(facts: Facts, token: str) -> tuple[list[str], list[tuple[int, str]], list[str]]:
    """Return the connections of a report's queries, their texts with the adapters, their definitions."""
    connections: dict[str, None] = {}
    texts: dict[tuple[int, str], None] = {}
    definitions: dict[str, None] = {}
    found = facts.ask(
        """
        SELECT coalesce(connection.name, connection), adapter, query.text, definition.name FROM query
        LEFT JOIN connection ON connection.id = connection
        LEFT JOIN definition ON definition.text = query.text
        WHERE report = :token ORDER BY query.rowid
        """,
        token=token,
    )
    for connection, adapter, text, definition in found:
        if connection is not None:
            connections[connection] = None
        texts[text, adapter or ""] = None
        if definition is not None:
            definitions[definition] = None
    return list(connections), list(texts), list(definitions)


def _table_reader(facts: Facts) -> Callable[[Sequence[tuple[int, str]]], list[str] | None]:
    @lru_cache(maxsize=4096)
    def tables(text: int, adapter: str) -> tuple[str, ...] | None:
        ((raw,),) = facts.ask("SELECT raw FROM text WHERE id = :text", text=text)
        try:
            return tuple(sorted(str(table) for table in tables_of(raw, dialect_of(adapter))))
        except SqlNotParsedError:
            return None

    def of_all(texts: Iterable[tuple[int, str]]) -> list[str] | None:
        found = [tables(text, adapter) for text, adapter in texts]
        named = list(dict.fromkeys(table for one in found for table in one or ()))
        return None if None in found and not named else named

    return of_all
