"""One audit of rights: read them, judge them, compare them with the last time, keep all three."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.values import folded
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.hosts import PAGES, web_url
from mode_catalog_provider.rights.changes import RightChange, changes_since
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS, Expectations, RightsFindings
from mode_catalog_provider.rights.owners import OwnedReport
from mode_catalog_provider.rights.reading import NotRead, RightsReading
from mode_catalog_provider.rights.record import RightsRecords
from mode_catalog_provider.rights.store import Grant, RightsStore
from mode_catalog_provider.storage import StoragePath
from mode_catalog_provider.text import first_of

FORMAT_VERSION = 1

_THINGS = ("collection or connection", "collections or connections")


@dataclass(frozen=True, kw_only=True)
class RightsReport:
    """What one audit of rights says.

    :param timestamp: when it was read, in Unix seconds.
    :param workspace: name of the Mode workspace.
    :param subjects: numbers of members, groups, collections and connections.
    :param grants: rows of the matrix.
    :param findings: what somebody should look at.
    :param changes: who gained and lost what since ``compared_with``.
    :param not_read: what this key could not read.
    :param requests: sent to Mode.
    :param compared_with: timestamp of the audit before, ``None``: there is none.
    """

    timestamp: int
    workspace: str
    subjects: Mapping[str, int]
    grants: int
    findings: tuple[Finding, ...]
    changes: tuple[RightChange, ...]
    not_read: tuple[NotRead, ...]
    requests: int
    compared_with: int | None

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings of each check that found something."""
        checks = [finding.check for finding in self.findings]
        return {check: checks.count(check) for check in RIGHTS_CHECKS if check in checks}

    @property
    def new_counts(self) -> dict[str, int]:
        """The same for what the audit before did not find."""
        checks = [finding.check for finding in self.findings if finding.is_new]
        return {check: checks.count(check) for check in RIGHTS_CHECKS if check in checks}

    def to_json(self) -> dict[str, Any]:
        """Return everything but the matrix, which may be large."""
        return {
            "format_version": FORMAT_VERSION,
            "timestamp": self.timestamp,
            "workspace": self.workspace,
            "subjects": dict(self.subjects),
            "findings": [finding.to_json() for finding in self.findings],
            "changes": [change.to_json() for change in self.changes],
            "not_read": [part.to_json() for part in self.not_read],
            "requests": self.requests,
            "compared_with": self.compared_with,
        }


class RightsAudit:
    """An open audit: the report, and the matrix to ask. To be used in a ``with`` block, from one thread.

    :param client: asks Mode; its key should have been verified.
    :param folder: where audits of this workspace are kept; ``None``: nothing is kept or compared.
    :param expectations: what is right in this workspace.
    :param reports: reports of the newest snapshot, for the checks that are about them.
    :param now: clock, in Unix seconds.
    :param progress: told of each object read, with how many there are.
    """

    def __init__(
        self,
        client: ModeClient,
        *,
        folder: StoragePath | None,
        expectations: Expectations = Expectations(),  # noqa: B008
        reports: Callable[[], Iterator[OwnedReport]] | None = None,
        now: Callable[[], float] = time.time,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> None:
        self._client = client
        self._records = RightsRecords(folder) if folder is not None else None
        self._expectations = expectations
        self._reports = reports
        self._now = now
        self._progress = progress
        self._opened = ExitStack()
        #: Paths of what was kept, by kind: ``json``, ``csv``, ``sqlite``.
        self.kept: dict[str, StoragePath] = {}

    def __enter__(self) -> RightsAudit:
        with ExitStack() as opened:
            self._store = opened.enter_context(closing(RightsStore()))
            self.report = self._read()
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def grants(self, *, who: str | None = None, on: str | None = None) -> Iterator[Grant]:
        """Yield the matrix.

        :param who: only this member: username, token or e-mail address.
        :param on: only this collection or connection: token or name.
        :raises ConfigurationError: nobody, or nothing, is called that, or several are.
        """
        member = self._known("member", ("username", "email", "token"), who)
        thing = self._known("object", ("name", "token"), on)
        return self._store.grants(member=member, on=thing)

    def _known(self, table: str, columns: tuple[str, ...], name: str | None) -> str | None:
        if name is None:
            return None
        rows = self._store.database.execute(
            f"SELECT token, {', '.join(columns)} FROM {table} ORDER BY token"  # noqa: S608
        ).fetchall()
        kinds = ("member", "members") if table == "member" else _THINGS
        found = [token for token, *names in rows if name in names]
        found = found or [token for token, *names in rows if folded(name) in map(folded, names)]
        if not found:
            raise ConfigurationError(f"No {kinds[0]} that this key sees is called '{name}'.")
        if len(found) > 1:
            raise ConfigurationError(
                f"{len(found)} {kinds[1]} are called '{name}': {first_of(found)}. Give the token of one."
            )
        return str(found[0])

    def _read(self) -> RightsReport:
        before = self._client.statistics.requests
        reading = RightsReading(self._client, self._store, progress=self._progress)
        reading.read()
        judge = RightsFindings(self._store, expectations=self._expectations, url=self._url)
        findings = list(judge.all(self._reports() if self._reports else None))
        earlier = self._records.newest() if self._records else None
        report = RightsReport(
            timestamp=int(self._now()),
            workspace=self._client.workspace,
            subjects=self._subjects(),
            grants=self._count("access"),
            findings=self._marked(findings, earlier),
            changes=self._changes(earlier, reading.not_read),
            not_read=tuple(reading.not_read),
            requests=self._client.statistics.requests - before,
            compared_with=earlier,
        )
        if self._records is not None:
            self.kept = self._records.keep(report.timestamp, self._store, report.to_json())
        return report

    def _url(self, asset: str, token: str) -> str | None:
        kind = PAGES.get(asset)
        return web_url(self._client.host, self._client.workspace, kind, token) if kind else None

    def _subjects(self) -> dict[str, int]:
        return {
            "members": self._count("member WHERE coalesce(state, '') != 'left'"),
            "active_members": self._count("active"),
            "groups": self._count("team"),
            "collections": self._count("object WHERE asset = 'collection'"),
            "connections": self._count("object WHERE asset = 'datasource'"),
        }

    def _count(self, what: str) -> int:
        return int(self._store.database.execute(f"SELECT count(*) FROM {what}").fetchone()[0])  # noqa: S608

    def _marked(self, findings: Iterable[Finding], earlier: int | None) -> tuple[Finding, ...]:
        known = self._records.findings_of(earlier) if self._records and earlier is not None else set()
        return tuple(replace(one, is_new=one.identity not in known) for one in findings)

    def _changes(self, earlier: int | None, not_read: Iterable[NotRead]) -> tuple[RightChange, ...]:
        if self._records is None or earlier is None:
            return ()
        unlisted = {one.part for one in not_read if one.token is None} | self._records.unlisted_in(earlier)
        with self._records.tables_of(earlier) as tables:
            return tuple(changes_since(self._store, tables, unlisted=unlisted))
