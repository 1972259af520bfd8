"""Find out whether what was uploaded arrived in Catalog, with lineage, and if not why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.arrival_report import KINDS, ArrivalReport, earlier_arrival, keep_arrival
from mode_catalog_provider.catalog.arrival_tables import MATCHES
from mode_catalog_provider.catalog.last_push import newest_pushed
from mode_catalog_provider.catalog.reconciliation import reconcile
from mode_catalog_provider.errors import ConfigurationError, SnapshotNotFoundError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import CatalogSourceLink, PageLink
from mode_catalog_provider.tasks.read_snapshot import given_or_newest, needs_a_place
from mode_catalog_provider.tasks.rendered import rendered, rendered_number
from mode_catalog_provider.tasks.request_meter import metered

#: Findings of each kind in the log and in XCom; the kept file has more.
SHOWN = 50


class CatalogReconcileOperator(BaseOperator):
    """Compare a pushed snapshot with what Catalog shows of its source.

    Tells which reports are missing and the likeliest reason, which dashboards Mode no longer has, which
    reports have no lineage and why, which names and folders differ, and which connections no warehouse of
    Catalog answers to. The findings are kept beside the snapshots (``{timestamp}.{source id}.arrival``, JSON;
    the last 20), and each reconciliation says what is new since the one before. Run it after
    :class:`~mode_catalog_provider.sensors.catalog.CatalogIngestedSensor`, or as the DAG
    ``mode_catalog_arrival``.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, or
        the path of a manifest or folder. Default ``None``: the newest snapshot in ``output_dir`` that was
        pushed to the source. Templated, as is every other argument.
    :param output_dir: absolute path or object-store URL of the snapshots; needed without ``manifest``.
    :param mode_conn_id: connection of type ``mode`` that names the workspace, default ``mode_default``.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``; its
        read-only token is enough.
    :param source_id: UUID of the Mode source, default ``None``: the connection's.
    :param zone: ``EU`` or ``US``, default ``None``: the connection's.
    :param output_conn_id: Airflow connection of the object store, default ``None``.
    :param min_arrived: fail when a smaller share of the reports arrived, 0 to 1; default ``None``: never.
    :param min_lineage: fail when a smaller share of the reports that arrived has lineage; default ``None``.
    """

    template_fields: Sequence[str] = (
        "manifest",
        "output_dir",
        "mode_conn_id",
        "catalog_conn_id",
        "source_id",
        "zone",
        "output_conn_id",
        "min_arrived",
        "min_lineage",
    )
    operator_extra_links = (CatalogSourceLink(), PageLink("arrival"))
    ui_color = "#e3d5f6"

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | str | None = None,
        output_dir: str | None = None,
        mode_conn_id: str = ModeHook.default_conn_name,
        catalog_conn_id: str = CatalogHook.default_conn_name,
        source_id: str | None = None,
        zone: str | None = None,
        output_conn_id: str | None = None,
        min_arrived: float | str | None = None,
        min_lineage: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        needs_a_place(manifest, output_dir)
        self.manifest = manifest
        self.output_dir = output_dir
        self.mode_conn_id = mode_conn_id
        self.catalog_conn_id = catalog_conn_id
        self.source_id = source_id
        self.zone = zone
        self.output_conn_id = output_conn_id
        self.min_arrived = min_arrived
        self.min_lineage = min_lineage
        self._api: CatalogApi | None = None
        self._lineage: dict[str, Any] = {}

    @cached_property
    def hook(self) -> CatalogHook:
        """The hook, made when it is first used."""
        return CatalogHook(self.catalog_conn_id)

    @job(
        "reconcile",
        lambda self: f"Looking what arrived in Catalog ({self.catalog_conn_id}).",
    )
    @airflow_errors()
    def execute(self, context: Context) -> dict[str, Any]:
        """Compare.

        :return: ``{"source_id", "snapshot": path of the manifest, "timestamp", "workspace", "reports": n,
            "arrived": n, "with_lineage": n, "arrived_share", "lineage_share", "counts": {kind: n}, "new":
            {kind: n}, "matched_by": {how: n}, "not_checked": {what: why}, "compared_with": timestamp or None,
            "kept": path or None, "first": {kind: [findings, the new ones first, at most 50]}}``.
        :raises AirflowFailException: the source or the snapshot is refused, or a threshold is missed.
        """
        with airflow_errors(context):
            thresholds = {name: self._share(name) for name in ("min_arrived", "min_lineage")}
            source_id = self.hook.source_id(rendered(self.source_id))
            snapshot = self._snapshot(source_id)
            with metered(self.hook.get_api(zone=rendered(self.zone))) as api:
                self._api = api
                place = location_of(snapshot.place)
                self._lineage = {"api_url": api.zone.api_url, "source_id": source_id, "manifest": place}
                CatalogSourceLink().publish(context, api.zone.app_url)
                report = reconcile(
                    snapshot=snapshot,
                    api=api,
                    source_id=source_id,
                    earlier=earlier_arrival(snapshot, source_id),
                )
            kept = keep_arrival(report, snapshot)
        result = _result(report, place, location_of(kept) if kept else None)
        self._tell(report)
        if missed := report.missed(**thresholds):
            if ti := context.get("ti"):
                ti.xcom_push(key="return_value", value=result)
            raise AirflowFailException(f"{' '.join(missed)} The task's log names what is missing, and why.")
        return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what was read and written; called by Airflow's OpenLineage provider, on failure as well."""
        from mode_catalog_provider.tasks import lineage

        return lineage.of_reconciliation(**self._lineage) if self._lineage else None

    def on_kill(self) -> None:
        """Break off what is under way."""
        if self._api is not None:
            self._api.cancel()

    def _share(self, name: str) -> float | None:
        given = rendered(getattr(self, name))
        if given is None:
            return None
        share = rendered_number(name, given)
        if not 0 <= share <= 1:
            raise ConfigurationError(f"{name} is a share between 0 and 1, not {given!r}.")
        return share

    def _snapshot(self, source_id: str) -> Snapshot:
        def newest(layout: Layout, workspace: str) -> Snapshot:
            pushed = newest_pushed(layout, source_id)
            if pushed is None:
                raise SnapshotNotFoundError(
                    f"There is no snapshot in {layout.home} that was pushed to Catalog source {source_id}, "
                    "so there is nothing to compare. Upload first: mode_catalog_sync does."
                )
            return pushed

        return given_or_newest(
            self.manifest,
            output_dir=self.output_dir,
            output_conn_id=self.output_conn_id,
            mode_conn_id=self.mode_conn_id,
            newest=newest,
        )

    def _tell(self, report: ArrivalReport) -> None:
        new = report.new_counts
        lines = [f"{'finding':<22}{'found':>8}{'new':>8}"]
        lines += [f"{kind:<22}{report.counts[kind]:>8}{new[kind]:>8}  {KINDS[kind]}" for kind in KINDS]
        lines += [
            f"{matched} recognised by {how}: {MATCHES[how]}" for how, matched in report.matched_by.items()
        ]
        lines += [f"note on {what}: {why}" for what, why in report.not_checked.items()]
        self.log.info(
            "Snapshot %s of workspace '%s': %d of %d reports arrived (%.1f %%), %d of them with lineage "
            "(%.1f %%):\n%s",
            report.timestamp,
            report.workspace,
            report.arrived,
            report.reports,
            100 * report.arrived_share,
            report.with_lineage,
            100 * report.lineage_share,
            "\n".join(lines),
        )
        for kind in KINDS:
            for item in report.items[kind][:SHOWN]:
                if item.finding.is_new:
                    # The address first: long lines are cut off at their end.
                    self.log.warning("%s %s: %s", item.finding.url or "", kind, item.finding.message)
        metrics.gauge(metrics.ARRIVAL_REPORTS, report.reports)
        metrics.gauge(metrics.ARRIVAL_ARRIVED, report.arrived)
        metrics.gauge(metrics.ARRIVAL_WITH_LINEAGE, report.with_lineage)
        for kind, count in report.counts.items():
            metrics.gauge(metrics.ARRIVAL_FINDINGS, count, kind=kind)
            metrics.gauge(metrics.ARRIVAL_NEW, new[kind], kind=kind)


def _result(report: ArrivalReport, place: str, kept: str | None) -> dict[str, Any]:
    return {
        "source_id": report.source_id,
        "snapshot": place,
        "timestamp": report.timestamp,
        "workspace": report.workspace,
        "reports": report.reports,
        "arrived": report.arrived,
        "with_lineage": report.with_lineage,
        "arrived_share": round(report.arrived_share, 4),
        "lineage_share": round(report.lineage_share, 4),
        "counts": dict(report.counts),
        "new": report.new_counts,
        "matched_by": dict(report.matched_by),
        "not_checked": dict(report.not_checked),
        "compared_with": report.compared_with,
        "kept": kept,
        "first": {kind: [item.finding.to_json() for item in report.items[kind][:SHOWN]] for kind in KINDS},
    }
