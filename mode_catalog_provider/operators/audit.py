"""Look at a staged snapshot for what somebody should mend in Mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.audit.earlier import newest_whole_snapshot
from mode_catalog_provider.audit.finding import AuditReport, Finding, chosen_checks
from mode_catalog_provider.audit.options import DEFAULT_STALE_AFTER, AuditOptions, read_patterns
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.telling import (
    as_lines,
    as_markdown,
    as_table,
    head_line,
    new_first,
    not_made,
)
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.errors import SnapshotNotFoundError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import ModeWorkspaceLink, PageLink
from mode_catalog_provider.tasks.read_snapshot import given_or_newest, needs_a_place
from mode_catalog_provider.tasks.rendered import rendered, rendered_days, rendered_path, rendered_words

#: Findings in the log and in XCom; the audit's file has them all.
SHOWN = 50

#: XCom key of the findings as Markdown, the same as that of the upload.
SUMMARY_MARKDOWN = "summary_markdown"


class ModeWorkspaceAuditOperator(BaseOperator):
    """Find in a snapshot what drifted apart, was duplicated, refused, orphaned or forgotten in Mode.

    Reads files only; Mode is not asked. The findings are kept in the workspace's folder of the staging area
    (``{timestamp}.audit``, JSON; the last 20), and each audit says what is new since the one before.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, or
        the path of a manifest or of a folder with one set of files. Default ``None``: the newest complete
        snapshot of the connection's workspace in ``output_dir``. Templated, as is every other argument.
    :param output_dir: absolute path or object-store URL of the snapshots; needed without ``manifest``.
    :param mode_conn_id: connection of type ``mode`` that names the workspace, default ``mode_default``.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param checks: names of the checks to make, default ``None``: all. They are ``drifted_copy``,
        ``duplicate_report``, ``canonical``, ``refused``, ``unknown_connection``, ``definition``,
        ``owner_gone``, ``unnamed``, ``same_name``, ``naming``, ``stale`` and ``unmaintained``.
    :param ignore: what was looked at and is fine: tokens, names or globs of objects, or ``check:token``.
    :param stale_after: for how long nobody edited, ran or viewed a stale report; a ``timedelta`` or a number
        of days, default 365 days.
    :param name_pattern: regular expression that must be found in each report's name, or a mapping from names,
        tokens or globs of collections to expressions (also as JSON); default ``None``: names are not judged.
    :param version_pattern: the same for how a version (``v2``, ``version 3``) is written in a name.
    :param canonical: collections (names, tokens or globs) whose reports are the originals: copies elsewhere
        are told, and a family's survivor is one of these. Default ``None``.
    :param index: files to write the index of all reports to, as paths or object-store URLs that end in
        ``.csv``, ``.json``, ``.sqlite`` or ``.db``; default ``None``: none. Tables need the extra ``sql``.
    :param fail_on: names of checks that fail the task when they find something new, default ``None``: none.
    """

    template_fields: Sequence[str] = (
        "manifest",
        "output_dir",
        "mode_conn_id",
        "output_conn_id",
        "checks",
        "ignore",
        "stale_after",
        "name_pattern",
        "version_pattern",
        "canonical",
        "index",
        "fail_on",
    )
    operator_extra_links = (ModeWorkspaceLink(), PageLink("findings"))
    ui_color = "#e3d5f6"

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | str | None = None,
        output_dir: str | None = None,
        mode_conn_id: str = ModeHook.default_conn_name,
        output_conn_id: str | None = None,
        checks: Sequence[str] | str | None = None,
        ignore: Sequence[str] | str | None = None,
        stale_after: timedelta | float | str = DEFAULT_STALE_AFTER,
        name_pattern: Mapping[str, str] | str | None = None,
        version_pattern: Mapping[str, str] | str | None = None,
        canonical: Sequence[str] | str | None = None,
        index: Sequence[str] | str | None = None,
        fail_on: Sequence[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        needs_a_place(manifest, output_dir)
        self.manifest = manifest
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.output_conn_id = output_conn_id
        self.checks = checks
        self.ignore = ignore
        self.stale_after = stale_after
        self.name_pattern = name_pattern
        self.version_pattern = version_pattern
        self.canonical = canonical
        self.index = index
        self.fail_on = fail_on

    @job("audit", lambda self: "Auditing the newest snapshot of the workspace.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Audit.

        :return: ``{"snapshot": path of the manifest, "audit": path of the findings or None, "timestamp",
            "workspace", "findings": {check: n}, "new": {check: n}, "not_checked": {check: reason},
            "compared_with": timestamp or None, "narrowed": why it may not be the whole workspace or "",
            "families": how many, "index": paths, "first": [findings, the new ones first, at most 50]}``. XCom
            ``summary_markdown`` has the numbers and the first new findings for people.
        :raises AirflowFailException: when there is nothing to audit, or ``fail_on`` says so.
        """
        with airflow_errors(context):
            fail_on = self._fail_on()
            snapshot = self._snapshot()
            index = [rendered_path(path, self.output_conn_id) for path in rendered_words("index", self.index)]
            report = audit_snapshot(snapshot, self._options(), index=index)
            kept = keep_audit(report, snapshot)
            host, workspace = snapshot.manifest.host, report.workspace
            if host and workspace:
                ModeWorkspaceLink().publish(context, web_url(host, workspace))
        shown = new_first(report.findings, SHOWN)
        self._tell(report, shown)
        for sentence in not_made(report, fail_on):
            self.log.warning("%s", sentence)
        result = {
            "snapshot": location_of(snapshot.place),
            "audit": kept and location_of(kept),
            "timestamp": report.timestamp,
            "workspace": report.workspace,
            "findings": report.counts,
            "new": report.new_counts,
            "not_checked": dict(report.not_checked),
            "compared_with": report.compared_with,
            "narrowed": report.narrowed,
            "families": len(report.families),
            "index": [location_of(path) for path in index],
            "first": [finding.to_json() for finding in shown],
        }
        if ti := context.get("ti"):
            ti.xcom_push(key=SUMMARY_MARKDOWN, value=as_markdown(report))
        with airflow_errors(context):
            self._fail(fail_on, report, context, result)
        return result

    def _options(self) -> AuditOptions:
        return AuditOptions(
            only=rendered_words("checks", self.checks),
            ignore=rendered_words("ignore", self.ignore),
            stale_after=rendered_days("stale_after", self.stale_after),
            name_pattern=read_patterns("name_pattern", rendered(self.name_pattern)),
            version_pattern=read_patterns("version_pattern", rendered(self.version_pattern)),
            canonical=rendered_words("canonical", self.canonical),
        )

    def _fail_on(self) -> tuple[str, ...]:
        named = rendered_words("fail_on", self.fail_on)
        return chosen_checks(named) if named else ()

    def _snapshot(self) -> Snapshot:
        return given_or_newest(
            self.manifest,
            output_dir=self.output_dir,
            output_conn_id=self.output_conn_id,
            mode_conn_id=self.mode_conn_id,
            newest=_newest,
        )

    def _tell(self, report: AuditReport, shown: Iterable[Finding]) -> None:
        self.log.info("%s:\n%s", head_line(report), "\n".join(as_table(report)))
        for finding in shown:
            if finding.is_new:
                self.log.warning("%s", "\n".join(as_lines(finding)))
        found, new = report.counts, report.new_counts
        for check, count in found.items():
            metrics.gauge(metrics.AUDIT_FINDINGS, count, check=check)
            metrics.gauge(metrics.AUDIT_NEW, new[check], check=check)

    def _fail(
        self, fail_on: tuple[str, ...], report: AuditReport, context: Context, result: Mapping[str, Any]
    ) -> None:
        new = {check: count for check, count in report.new_counts.items() if check in fail_on and count}
        if not new:
            return
        if ti := context.get("ti"):
            ti.xcom_push(key="return_value", value=result)
        first = next(found for found in report.findings if found.is_new and found.check in new)
        counted = ", ".join(f"{count} {check}" for check, count in new.items())
        raise AirflowFailException(
            f"New findings: {counted}. The first: {first.message} The task's log has more; what is fine as "
            "it is belongs into ignore."
        )


def _newest(layout: Layout, workspace: str) -> Snapshot:
    # One that was filtered, or refused for what it lacks, would make everything else look gone, then new.
    newest = newest_whole_snapshot(layout)
    if newest is None:
        raise SnapshotNotFoundError(
            f"There is no complete snapshot of workspace '{workspace}' in {layout.home} to audit. Extract "
            "first: mode_catalog_sync does."
        )
    return newest
