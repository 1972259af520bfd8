"""The DAG that keeps Catalog in step with a Mode workspace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset

from mode_catalog_provider.assets import catalog_fed, catalog_ingested, mode_api_key, mode_fresh, when_true
from mode_catalog_provider.dags import texts
from mode_catalog_provider.dags.form import dag_arguments, refresh_retries
from mode_catalog_provider.dags.outcome import confirm_outcome
from mode_catalog_provider.dags.settings import Settings, settings_for
from mode_catalog_provider.dags.sync_form import sync_params
from mode_catalog_provider.dags.values import INGESTION
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.extract import COVERED_BY, ModeExtractOperator
from mode_catalog_provider.operators.lock import run_lock
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator
from mode_catalog_provider.operators.snapshot_diff import ModeSnapshotDiffOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.sensors.warehouse import WarehouseIngestedSensor
from mode_catalog_provider.tasks.compat import deadline_alert

# What the sensor saw; nothing when it was skipped, and then all reports are refreshed.
_INGESTED_AT = (
    "{{ ((ti.xcom_pull(task_ids='wait_for_warehouse') or {}).get('sources') or [])"
    " | map(attribute='last_refreshed_at') | select | max | default('', true) }}"
)


def sync_dag(
    dag_id: str = "mode_catalog_sync",
    settings: Settings | None = None,
    *,
    dag_options: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> DAG:
    """Build the DAG that extracts a Mode workspace and uploads it to Catalog.

    :param dag_id: its id; one for each workspace.
    :param settings: default ``None``: section ``[mode_catalog]`` of Airflow's configuration.
    :param dag_options: arguments of the ``DAG`` itself, such as ``tags``, ``access_control`` or
        ``default_args``, which are added to its own. Default ``None``.
    :param overrides: options of that section that this DAG has otherwise, such as ``mode_conn_id="mode_us"``.
    :return: the DAG; a file that calls this needs no more.
    :raises ConfigurationError: an option is not known, or its value makes no sense.
    """
    settings = settings_for(settings, overrides)
    schedule = _ingested(settings) if settings.schedule == INGESTION else settings.schedule
    own: dict[str, Any] = {
        "description": "Extracts a Mode workspace and uploads it to Coalesce Catalog.",
        "doc_md": texts.SYNC,
        "tags": ["mode", "catalog"],
        "params": sync_params(settings),
    }
    if settings.deadline is not None:
        own["deadline"] = deadline_alert(
            settings.deadline, settings.deadline_notifier, settings.deadline_arguments
        )
    with DAG(dag_id, schedule=schedule, **dag_arguments(settings, own, dag_options)) as dag:
        preflight = ModeCatalogPreflightOperator(
            task_id="preflight",
            doc_md=texts.PREFLIGHT,
            output_dir=settings.output_dir,
            output_conn_id=settings.output_conn_id,
            mode_conn_id=settings.mode_conn_id,
            catalog_conn_id=settings.catalog_conn_id,
            source_id=settings.source_id,
            source_check=settings.source_check,
            key_lifetime=settings.key_lifetime,
            warn_before=settings.key_warning,
            refuse_unknown_conf=True,
            # Its events tell a notifier how long the key will last.
            outlets=[mode_api_key(settings.mode_conn_id)],
        )

        wait_for_warehouse = WarehouseIngestedSensor(
            task_id="wait_for_warehouse",
            doc_md=texts.WAIT_FOR_WAREHOUSE,
            catalog_conn_id=settings.catalog_conn_id,
            source_id=list(settings.warehouse_ids),
            source_name=list(settings.warehouse_names),
            max_age=settings.warehouse_max_age,
            timeout=settings.warehouse_timeout,
            skip_when="{{ params.skip_warehouse_check }}",
            deferrable=True,
        )

        lock: Any = run_lock(
            settings.lock_path,
            ttl=settings.lock_ttl,
            timeout=settings.lock_timeout,
            output_conn_id=settings.output_conn_id,
        )
        # A run that was asked not to wait for the warehouse goes on; one whose warehouse never came does not.
        lock.acquire.trigger_rule = "none_failed"
        lock.acquire.doc_md, lock.release.doc_md = texts.ACQUIRE_LOCK, texts.RELEASE_LOCK

        extract = ModeExtractOperator(
            task_id="extract",
            doc_md=texts.EXTRACT,
            output_dir=settings.output_dir,
            output_conn_id=settings.output_conn_id,
            mode_conn_id=settings.mode_conn_id,
            strategy="{{ params.strategy }}",
            incremental="{{ params.incremental }}",
            full_refresh_after=settings.full_refresh_after,
            resume=settings.resume,
            include_collections="{{ params.include_collections }}",
            exclude_collections="{{ params.exclude_collections }}",
            include_personal="{{ params.include_personal }}",
            include_archived="{{ params.include_archived }}",
            include_datasets="{{ params.include_datasets }}",
            members="{{ params.members }}",
            definitions="{{ params.definitions }}",
            keep="{{ params.keep_snapshots }}",
            on_forbidden="{{ params.on_forbidden }}",
            # A dry run is started to see something.
            on_covered="{{ 'run' if params.dry_run else params.on_covered }}",
            accept_shrink="{{ params.accept_shrink }}",
            approve_shrink="{{ params.approve_shrink }}",
            catalog_conn_id=settings.catalog_conn_id,
            source_id=settings.source_id,
            lease=lock.lease,
            execution_timeout=timedelta(hours=12),
        )

        staged: Any = extract.output
        upload = CatalogUploadOperator(
            task_id="upload",
            doc_md=texts.UPLOAD,
            manifest=staged,
            catalog_conn_id=settings.catalog_conn_id,
            source_id=settings.source_id,
            source_check=settings.source_check,
            max_shrink=settings.max_shrink,
            accept_shrink="{{ params.accept_shrink }}",
            approve_shrink="{{ params.approve_shrink }}",
            approval_timeout=settings.approval_timeout,
            dry_run="{{ params.dry_run }}",
            lease=lock.lease,
            execution_timeout=timedelta(hours=6),
            # Other DAGs can start on it.
            outlets=[when_true(catalog_fed(settings.source_id, catalog_conn_id=settings.catalog_conn_id))],
        )

        what_changed = ModeSnapshotDiffOperator(
            task_id="what_changed",
            doc_md=texts.WHAT_CHANGED,
            manifest=staged,
            mode_conn_id=settings.mode_conn_id,
            output_conn_id=settings.output_conn_id,
            keep_report=settings.keep_report,
            # A report: the run is good without it, see confirm_outcome.
            soft_fail=True,
            retries=0,
            execution_timeout=timedelta(hours=1),
        )

        refresh_mode_results = ModeCacheRefreshOperator(
            task_id="refresh_mode_results",
            doc_md=texts.REFRESH_RESULTS,
            mode_conn_id=settings.mode_conn_id,
            reports=_wanted("reports", settings.reports),
            datasets=_wanted("datasets", settings.datasets),
            stale_since=_INGESTED_AT,
            timeout=settings.refresh_timeout,
            retries=refresh_retries(settings),
            deferrable=True,
            outlets=[when_true(mode_fresh(settings.mode_conn_id))],
            # Also after an upload that was skipped because the run is covered.
            trigger_rule="none_failed",
        )

        outcome = confirm_outcome.override(doc_md=texts.CONFIRM_OUTCOME)().as_teardown(
            on_failure_fail_dagrun=True
        )

        preflight >> wait_for_warehouse >> lock.acquire >> extract >> upload >> lock.release
        [upload, lock.release] >> refresh_mode_results
        upload >> what_changed
        [lock.release, refresh_mode_results, what_changed] >> outcome
    return dag


def _ingested(settings: Settings) -> list[Asset]:
    """A run starts when each of the named warehouses was ingested since the last run."""
    return [
        catalog_ingested(source, catalog_conn_id=settings.catalog_conn_id)
        for source in settings.warehouse_sources or (None,)
    ]


def _wanted(kind: str, configured: tuple[str, ...]) -> str:
    """What a run refreshes: all that its form names; if it is covered, only what it alone names."""
    covered = f"ti.xcom_pull(task_ids='extract', key='{COVERED_BY}')"
    others = f"params.{kind} | default([], true) | reject('in', {list(configured)}) | list"
    return f"{{{{ [] if params.dry_run else ({others}) if {covered} else params.{kind} }}}}"
