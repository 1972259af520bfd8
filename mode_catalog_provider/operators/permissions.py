"""Audit who may see what in a Mode workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.rights.audit import RightsAudit, RightsReport
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS, Expectations
from mode_catalog_provider.rights.owners import owned_reports
from mode_catalog_provider.rights.record import FOLDER
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot, verify
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import ModeWorkspaceLink
from mode_catalog_provider.tasks.rendered import rendered_count, rendered_path, rendered_words
from mode_catalog_provider.tasks.request_meter import metered
from mode_catalog_provider.text import visible

#: Findings, and changes, in the log and in XCom; the kept files have them all.
SHOWN = 50

#: What ``fail_on`` takes beside the checks: somebody lost a right.
LOST = "lost"


class ModePermissionAuditOperator(BaseOperator):
    """Read groups, members and permissions of a Mode workspace, and say what is wrong and what changed.

    Costs about one request for each group, collection and connection; Mode is only read. Keeps the matrix
    (CSV and SQLite) and the findings (JSON) in ``{output_dir}/{workspace}/permissions``, the last 20 of each.

    :param output_dir: absolute path or object-store URL of the staging area. Templated, as is every other
        argument.
    :param mode_conn_id: connection of type ``mode``, default ``mode_default``.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param most_admins: more active admins than this are told, default 5.
    :param admins: usernames or e-mail addresses of those who may be admins; default ``None``: only the number
        counts.
    :param groups: names of groups whose members should have the same rights, default ``None``: all groups.
    :param fail_on: names of checks that fail the task when they find something new, and ``lost``: somebody
        lost a right. Default ``None``: none. The checks are those of
        :data:`~mode_catalog_provider.rights.findings.RIGHTS_CHECKS`.
    """

    template_fields: Sequence[str] = (
        "output_dir",
        "mode_conn_id",
        "output_conn_id",
        "most_admins",
        "admins",
        "groups",
        "fail_on",
    )
    operator_extra_links = (ModeWorkspaceLink(),)
    ui_color = "#e3d5f6"

    def __init__(
        self,
        *,
        output_dir: str,
        mode_conn_id: str = ModeHook.default_conn_name,
        output_conn_id: str | None = None,
        most_admins: int | str = 5,
        admins: Sequence[str] | str | None = None,
        groups: Sequence[str] | str | None = None,
        fail_on: Sequence[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.output_conn_id = output_conn_id
        self.most_admins = most_admins
        self.admins = admins
        self.groups = groups
        self.fail_on = fail_on
        self._client: ModeClient | None = None

    @job("permissions", lambda self: f"Reading who may see what ({self.mode_conn_id}).")
    @airflow_errors()
    def execute(self, context: Context) -> dict[str, Any]:
        """Audit.

        :return: ``{"timestamp", "workspace", "subjects": {kind: n}, "grants": n, "findings": {check: n},
            "new": {check: n}, "gained": n, "lost": n, "not_read": n, "requests": n, "compared_with":
            timestamp or None, "kept": {kind: path}, "first": [findings, the new ones first, at most 50],
            "changes": [at most 50]}``.
        :raises AirflowFailException: the key is refused, sees nothing, or ``fail_on`` says so.
        """
        with airflow_errors(context):
            fail_on = self._fail_on()
            home = rendered_path(self.output_dir, self.output_conn_id)
            with metered(ModeHook(self.mode_conn_id).get_client()) as client:
                self._client = client
                client.verify()
                ModeWorkspaceLink().publish(context, web_url(client.host, client.workspace))
                layout = workspace_layout(home, workspace=client.workspace, host=client.host)
                with RightsAudit(
                    client,
                    folder=layout.home / FOLDER,
                    expectations=Expectations(
                        most_admins=rendered_count("most_admins", self.most_admins),
                        admins=rendered_words("admins", self.admins),
                        groups=rendered_words("groups", self.groups),
                    ),
                    reports=self._reports(layout),
                ) as audit:
                    report = audit.report
                    kept = {kind: location_of(path) for kind, path in audit.kept.items()}
        self._tell(report)
        result = _result(report, kept)
        self._fail(fail_on, report, context, result)
        return result

    def on_kill(self) -> None:
        """Break off what is under way."""
        if self._client is not None:
            self._client.cancel()

    def _fail_on(self) -> tuple[str, ...]:
        named = rendered_words("fail_on", self.fail_on)
        known = (*RIGHTS_CHECKS, LOST)
        if unknown := sorted(set(named) - set(known)):
            raise ConfigurationError(f"There is no check {', '.join(unknown)}. There are {', '.join(known)}.")
        return named

    def _reports(self, layout: Layout) -> Any:
        """Return the reports of the newest snapshot; the audit does without where there is none."""
        try:
            newest = newest_snapshot(layout)
            if newest is None:
                return None
            verify(newest)
        except SnapshotError as error:
            self.log.warning("The owners of reports are left out: %s", error)
            return None
        return lambda: owned_reports(newest)

    def _tell(self, report: RightsReport) -> None:
        subjects = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in report.subjects.items())
        self.log.info("Workspace '%s': %s; %d rows.", report.workspace, subjects, report.grants)
        found, new = report.counts, report.new_counts
        for check, count in found.items():
            self.log.info(
                "%-24s %5d found %5d new  %s", check, count, new.get(check, 0), RIGHTS_CHECKS[check]
            )
        for finding in [one for one in report.findings if one.is_new][:SHOWN]:
            self.log.warning("%s: %s", finding.check, finding.what)
            self.log.info("    %s %s", finding.advice, finding.url or "")
        for change in report.changes[:SHOWN]:
            self.log.warning(
                "%s %s %s on '%s' (%s)",
                visible(change.member),
                change.change,
                change.after or change.before,
                visible(change.name),
                visible(change.through),
            )
        for part in report.not_read[:SHOWN]:
            self.log.warning("Not read: %s", part.detail)
        for check in RIGHTS_CHECKS:
            metrics.gauge(metrics.PERMISSIONS_FINDINGS, found.get(check, 0), check=check)
        for kind, metric in (("gained", metrics.PERMISSIONS_GAINED), ("lost", metrics.PERMISSIONS_LOST)):
            metrics.gauge(metric, sum(1 for one in report.changes if one.change == kind))

    def _fail(
        self, fail_on: tuple[str, ...], report: RightsReport, context: Context, result: Mapping[str, Any]
    ) -> None:
        new = {check: count for check, count in report.new_counts.items() if check in fail_on and count}
        if LOST in fail_on and result["lost"]:
            new[LOST] = result["lost"]
        if not new:
            return
        if ti := context.get("ti"):
            ti.xcom_push(key="return_value", value=result)
        counted = ", ".join(f"{count} {check}" for check, count in new.items())
        raise AirflowFailException(f"New about rights in Mode: {counted}. The lines above say what.")


def _result(report: RightsReport, kept: Mapping[str, str]) -> dict[str, Any]:
    shown = sorted(report.findings, key=lambda finding: not finding.is_new)[:SHOWN]
    changes = [change.change for change in report.changes]
    return {
        "timestamp": report.timestamp,
        "workspace": report.workspace,
        "subjects": dict(report.subjects),
        "grants": report.grants,
        "findings": report.counts,
        "new": report.new_counts,
        "gained": changes.count("gained"),
        "lost": changes.count("lost"),
        "not_read": len(report.not_read),
        "requests": report.requests,
        "compared_with": report.compared_with,
        "kept": dict(kept),
        "first": [finding.to_json() for finding in shown],
        "changes": [change.to_json() for change in report.changes[:SHOWN]],
    }
