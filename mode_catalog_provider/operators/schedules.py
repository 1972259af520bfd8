"""Audit Mode's own scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.errors import ConfigurationError, SnapshotNotFoundError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.moments import point_in_time
from mode_catalog_provider.schedules.audit import ScheduleReport, audit_schedules
from mode_catalog_provider.schedules.findings import SCHEDULE_CHECKS, Load
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot, newest_snapshot, verify
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import ModeWorkspaceLink
from mode_catalog_provider.tasks.read_snapshot import given_or_newest, needs_a_place
from mode_catalog_provider.tasks.rendered import rendered_number, rendered_words
from mode_catalog_provider.tasks.request_meter import metered

#: Findings in the log and in XCom.
SHOWN = 50


class ModeScheduleAuditOperator(BaseOperator):
    """Ask Mode about the schedules of the reports that have some, and say what is wrong with them.

    Costs about two requests for each report with schedules, two for one whose schedule fails, and two for one
    with a notebook; Mode is only read.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, or
        the path of a manifest; it names the reports. Default ``None``: the newest complete snapshot of the
        connection's workspace in ``output_dir``. Templated, as is every other argument.
    :param output_dir: absolute path or object-store URL of the snapshots; needed without ``manifest``.
    :param mode_conn_id: connection of type ``mode``, default ``mode_default``.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param loaded_at: when the warehouse was loaded last: a datetime, its ISO text or seconds since 1970.
        Default ``None``: unknown, and neither old results nor schedules that run too early are found.
    :param loaded_every: time between two loads, a ``timedelta`` or a number of hours, default 24 hours.
    :param fail_on: names of checks that fail the task when they find something, default ``None``: none. The
        checks are those of :data:`~mode_catalog_provider.schedules.findings.SCHEDULE_CHECKS`.
    """

    template_fields: Sequence[str] = (
        "manifest",
        "output_dir",
        "mode_conn_id",
        "output_conn_id",
        "loaded_at",
        "loaded_every",
        "fail_on",
    )
    operator_extra_links = (ModeWorkspaceLink(),)
    ui_color = "#e3d5f6"

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | str | None = None,
        output_dir: str | None = None,
        mode_conn_id: str = ModeHook.default_conn_name,
        output_conn_id: str | None = None,
        loaded_at: datetime | float | str | None = None,
        loaded_every: timedelta | float | str = timedelta(days=1),
        fail_on: Sequence[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        needs_a_place(manifest, output_dir)
        self.manifest = manifest
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.output_conn_id = output_conn_id
        self.loaded_at = loaded_at
        self.loaded_every = loaded_every
        self.fail_on = fail_on
        self._client: ModeClient | None = None

    @job("schedules", lambda self: f"Reading Mode's own schedules ({self.mode_conn_id}).")
    @airflow_errors()
    def execute(self, context: Context) -> dict[str, Any]:
        """Audit.

        :return: ``{"schedules": n, "findings": {check: n}, "first": [at most 50], "stale": [tokens of reports
            with old results, the most viewed first, at most 50], "not_read": n, "unknown": n, "requests":
            n}``. ``stale`` can be given to ``reports`` of
            :class:`~mode_catalog_provider.operators.cache_refresh.ModeCacheRefreshOperator`.
        :raises AirflowFailException: the key is refused, there is no snapshot, or ``fail_on`` says so.
        """
        with airflow_errors(context):
            fail_on = self._fail_on()
            load = Load(every=self._every(), at=point_in_time("loaded_at", self.loaded_at))
            with metered(ModeHook(self.mode_conn_id).get_client()) as client:
                self._client = client
                client.verify()
                ModeWorkspaceLink().publish(context, web_url(client.host, client.workspace))
                snapshot = self._snapshot()
                verify(snapshot)
                report = audit_schedules(client, snapshot, load=load)
        self._tell(report)
        result = {
            "schedules": len(report.schedules),
            "findings": report.counts,
            "first": [{**one.finding.to_json(), "schedule": one.schedule} for one in report.findings[:SHOWN]],
            "stale": list(report.stale[:SHOWN]),
            "not_read": len(report.not_read),
            "unknown": report.unknown,
            "requests": report.requests,
        }
        if failed := {check: count for check, count in report.counts.items() if check in fail_on}:
            if ti := context.get("ti"):
                ti.xcom_push(key="return_value", value=result)
            counted = ", ".join(f"{count} {check}" for check, count in failed.items())
            raise AirflowFailException(f"Mode's schedules: {counted}. The lines above say which.")
        return result

    def on_kill(self) -> None:
        """Break off what is under way."""
        if self._client is not None:
            self._client.cancel()

    def _fail_on(self) -> tuple[str, ...]:
        named = rendered_words("fail_on", self.fail_on)
        if unknown := sorted(set(named) - SCHEDULE_CHECKS.keys()):
            known = ", ".join(SCHEDULE_CHECKS)
            raise ConfigurationError(f"There is no check {', '.join(unknown)}. There are {known}.")
        return named

    def _every(self) -> timedelta:
        every = self.loaded_every
        day = timedelta(days=1)
        if not isinstance(every, timedelta):
            every = day * min(rendered_number("loaded_every", every) / 24, 1e6)
        if not timedelta(0) < every <= 366 * day:
            raise ConfigurationError(
                f"loaded_every={self.loaded_every!r} must be more than zero hours, and at most a year."
            )
        return every

    def _snapshot(self) -> Snapshot:
        return given_or_newest(
            self.manifest,
            output_dir=self.output_dir,
            output_conn_id=self.output_conn_id,
            mode_conn_id=self.mode_conn_id,
            newest=_newest,
        )

    def _tell(self, report: ScheduleReport) -> None:
        self.log.info("%d schedules, %d requests.", len(report.schedules), report.requests)
        for check, count in report.counts.items():
            self.log.info("%-18s %5d  %s", check, count, SCHEDULE_CHECKS[check])
        for one in report.findings[:SHOWN]:
            self.log.warning("%s: %s", one.finding.check, one.finding.what)
            self.log.info("    %s %s", one.finding.advice, one.finding.url or "")
        for sentence in report.not_read[:SHOWN]:
            self.log.warning("Not read: %s", sentence)
        if report.unknown:
            self.log.warning(
                "Of %d reports nobody knows whether they have schedules: the snapshot has no side files.",
                report.unknown,
            )
        for check in SCHEDULE_CHECKS:
            count = report.counts.get(check, 0)
            metrics.gauge(metrics.SCHEDULES_FINDINGS, count, check=check)


def _newest(layout: Layout, workspace: str) -> Snapshot:
    newest = newest_snapshot(layout)
    if newest is None:
        raise SnapshotNotFoundError(
            f"There is no complete snapshot of workspace '{workspace}' in {layout.home}, so nobody knows "
            "which reports have schedules. Extract first: mode_catalog_sync does."
        )
    return newest
