"""Once a day: wait for the warehouse, extract Mode, upload to Catalog, refresh Mode's stored results.

Settings come from section ``[mode_catalog]`` of Airflow's configuration; the form of a manual run starts from
them. Nothing is connected to, and no database is read, while this file is parsed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, Param, get_current_context, task

from mode_catalog_provider.assets import catalog_ingested
from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.extract import COVERED_BY, ModeExtractOperator
from mode_catalog_provider.operators.lock import run_lock
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.sensors.warehouse import WarehouseIngestedSensor
from mode_catalog_provider.tasks.compat import AirflowFailException, deadline_alert

settings = read_settings()


def words(default: tuple[str, ...], title: str, description: str, section: str) -> Param:
    """A list in the form: one entry per line."""
    return Param(
        list(default),
        type=["array", "null"],
        items={"type": "string"},
        title=title,
        description_md=description,
        section=section,
    )


RUN, CONTENT, UPLOAD, AFTER = "This run", "What is extracted", "Upload", "Afterwards"

PARAMS = {
    "skip_warehouse_check": Param(
        False,
        type="boolean",
        title="Do not wait for the warehouse",
        description_md="Start at once, even if Catalog has not ingested the warehouse lately.",
        section=RUN,
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description_md="Extract and check everything, but upload and refresh nothing.",
        section=RUN,
    ),
    "on_covered": Param(
        settings.on_covered,
        type="string",
        enum=["skip", "run"],
        values_display={
            "skip": "skip: one snapshot answers all the runs that were waiting for it",
            "run": "run: extract and upload again",
        },
        title="If this run is covered",
        description_md="A Mode snapshot is of now. A run is covered when a snapshot of the same content was "
        "begun after the run was queued, and was uploaded: five failed days that are backfilled need one "
        "snapshot, not five.",
        section=RUN,
    ),
    "strategy": Param(
        settings.strategy,
        type="string",
        enum=["auto", "rest", "hybrid"],
        values_display={
            "auto": "auto: the cheapest way that gives the same rows",
            "rest": "rest: everything from Mode's REST API",
            "hybrid": "hybrid: queries from Mode's Discovery API",
        },
        title="Strategy",
        description_md="How Mode is read.",
        section=CONTENT,
    ),
    "incremental": Param(
        settings.incremental,
        type="boolean",
        title="Incremental",
        description_md="Read only the queries of reports that changed since the last snapshot.",
        section=CONTENT,
    ),
    "include_collections": words(
        (),
        "Only these collections",
        "Names or tokens, one per line; empty: all. Mind the upload: what is not extracted **disappears from "
        "Catalog**, so a smaller set is refused unless you accept it below.",
        CONTENT,
    ),
    "exclude_collections": words((), "Without these collections", "Names or tokens, one per line.", CONTENT),
    "include_personal": Param(
        settings.include_personal,
        type="boolean",
        title="Personal collections",
        description_md="Extract members' personal collections as well.",
        section=CONTENT,
    ),
    "include_archived": Param(
        settings.include_archived,
        type="boolean",
        title="Archived reports",
        description_md="Extract archived reports as well.",
        section=CONTENT,
    ),
    "members": Param(
        settings.members,
        type="string",
        enum=["full", "lite"],
        values_display={
            "full": "full: with id and creation time (one request per member)",
            "lite": "lite: names and e-mail addresses only",
        },
        title="Members",
        description_md="How much of each member is read.",
        section=CONTENT,
    ),
    "on_forbidden": Param(
        settings.on_forbidden,
        type="string",
        enum=["ignore", "warn", "fail"],
        values_display={
            "ignore": "ignore: list them in the manifest only",
            "warn": "warn: name them in the log",
            "fail": "fail: make no snapshot",
        },
        title="New refusals",
        description_md="What to do when Mode refuses objects that it still showed at the last snapshot. What "
        "is refused **disappears from Catalog**.",
        section=CONTENT,
    ),
    "accept_shrink": Param(
        False,
        type="boolean",
        title="Accept a smaller snapshot",
        description_md="Upload without refusing or asking, however many rows are gone. Look at the log of "
        "the refused upload first: it says what is missing.",
        section=UPLOAD,
    ),
    "approve_shrink": Param(
        settings.approve_shrink,
        type="string",
        enum=["fail", "ask"],
        values_display={
            "fail": "fail: refuse the upload",
            "ask": 'ask: wait for an answer under "Required Actions"',
        },
        title="If the snapshot is smaller",
        description_md=f"What to do when more than {settings.max_shrink:.0%} of the rows of an asset are "
        "gone since the last upload.",
        section=UPLOAD,
    ),
    "keep_snapshots": Param(
        settings.keep_snapshots,
        type="integer",
        minimum=0,
        maximum=1000,
        title="Snapshots to keep",
        description_md="How many complete snapshots stay in the staging area; 0 keeps all.",
        section=UPLOAD,
    ),
    "reports": words(
        settings.reports,
        "Reports to refresh",
        "Tokens or names of the reports that Mode runs again after the upload, one per line, unless they ran "
        "well since the warehouse was ingested. Each run costs warehouse time.",
        AFTER,
    ),
    "datasets": words(
        settings.datasets,
        "Datasets to refresh",
        "Tokens or names of the datasets that Mode runs again before those reports, one per line.",
        AFTER,
    ),
}

# A run starts when each of the named warehouses was ingested since the last run.
INGESTED = [
    catalog_ingested(source, catalog_conn_id=settings.catalog_conn_id)
    for source in settings.warehouse_sources or (None,)
]
# What the sensor saw; nothing when it was skipped, and then all reports are refreshed.
INGESTED_AT = (
    "{{ ((ti.xcom_pull(task_ids='wait_for_warehouse') or {}).get('sources') or [])"
    " | map(attribute='last_refreshed_at') | select | max | default('', true) }}"
)


def wanted(kind: str, configured: tuple[str, ...]) -> str:
    """What a run refreshes: all that its form names; if it is covered, only what it alone names."""
    covered = f"ti.xcom_pull(task_ids='extract', key='{COVERED_BY}')"
    others = f"params.{kind} | default([], true) | reject('in', {list(configured)}) | list"
    return f"{{{{ [] if params.dry_run else ({others}) if {covered} else params.{kind} }}}}"


DEADLINE = None
if settings.deadline is not None:
    DEADLINE = deadline_alert(settings.deadline, settings.deadline_notifier, settings.deadline_arguments)

with DAG(
    dag_id="mode_catalog_sync",
    dag_display_name="Mode to Catalog",
    description="Extracts a Mode workspace and uploads it to Coalesce Catalog.",
    doc_md=__doc__,
    schedule=INGESTED if settings.schedule == "ingestion" else settings.schedule,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["mode", "catalog"],
    params=PARAMS,
    deadline=DEADLINE,
    default_args={
        "retries": settings.retries,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        # Nobody renews the lock between two tries, so that wait must stay below its ttl.
        "max_retry_delay": timedelta(minutes=10),
    },
) as dag:
    preflight = ModeCatalogPreflightOperator(
        task_id="preflight",
        output_dir=settings.output_dir,
        output_conn_id=settings.output_conn_id,
        mode_conn_id=settings.mode_conn_id,
        catalog_conn_id=settings.catalog_conn_id,
        key_lifetime=settings.key_lifetime,
        warn_before=settings.key_warning,
        refuse_unknown_conf=True,
        # Its events tell a notifier how long the key will last.
        outlets=[Asset(name="mode_api_key", uri="mode-catalog://mode_api_key")],
    )

    wait_for_warehouse = WarehouseIngestedSensor(
        task_id="wait_for_warehouse",
        catalog_conn_id=settings.catalog_conn_id,
        source_id=list(settings.warehouse_ids),
        source_name=list(settings.warehouse_names),
        max_age=settings.warehouse_max_age,
        timeout=settings.warehouse_timeout,
        skip_when="{{ params.skip_warehouse_check }}",
        deferrable=True,
    )

    lock = run_lock(
        settings.lock_path,
        ttl=settings.lock_ttl,
        timeout=settings.lock_timeout,
        output_conn_id=settings.output_conn_id,
    )
    # A run that was asked not to wait for the warehouse goes on; one whose warehouse never came does not.
    lock.acquire.trigger_rule = "none_failed"

    extract = ModeExtractOperator(
        task_id="extract",
        output_dir=settings.output_dir,
        output_conn_id=settings.output_conn_id,
        mode_conn_id=settings.mode_conn_id,
        strategy="{{ params.strategy }}",
        incremental="{{ params.incremental }}",
        full_refresh_after=settings.full_refresh_after,
        include_collections="{{ params.include_collections }}",
        exclude_collections="{{ params.exclude_collections }}",
        include_personal="{{ params.include_personal }}",
        include_archived="{{ params.include_archived }}",
        members="{{ params.members }}",
        keep="{{ params.keep_snapshots }}",
        on_forbidden="{{ params.on_forbidden }}",
        # A dry run is started to see something.
        on_covered="{{ 'run' if params.dry_run else params.on_covered }}",
        accept_shrink="{{ params.accept_shrink }}",
        catalog_conn_id=settings.catalog_conn_id,
        lease=lock.lease,
        execution_timeout=timedelta(hours=12),
    )

    upload = CatalogUploadOperator(
        task_id="upload",
        manifest=extract.output,
        catalog_conn_id=settings.catalog_conn_id,
        max_shrink=settings.max_shrink,
        accept_shrink="{{ params.accept_shrink }}",
        approve_shrink="{{ params.approve_shrink }}",
        approval_timeout=settings.approval_timeout,
        dry_run="{{ params.dry_run }}",
        lease=lock.lease,
        execution_timeout=timedelta(hours=6),
    )

    refresh_mode_results = ModeCacheRefreshOperator(
        task_id="refresh_mode_results",
        mode_conn_id=settings.mode_conn_id,
        reports=wanted("reports", settings.reports),
        datasets=wanted("datasets", settings.datasets),
        stale_since=INGESTED_AT,
        timeout=settings.refresh_timeout,
        deferrable=True,
        # Also after an upload that was skipped because the run is covered.
        trigger_rule="none_failed",
    )

    @task
    def confirm_outcome() -> None:
        """Fail unless the upload succeeded, or another run's covers this one, and nothing else failed.

        A run that is marked as failed still runs its teardowns, its other tasks become skipped, and Airflow
        then judges it by its last task: skipped would be green. So the last task is this teardown.
        """
        ti = get_current_context()["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        failed = sorted(
            task_id for task_id, state in states.items() if state in {"failed", "upstream_failed"}
        )
        covered = (ti.xcom_pull(task_ids="extract", key=COVERED_BY) or {}).get("lease")
        lease = (ti.xcom_pull(task_ids="acquire_lock") or {}).get("token")
        # A run that is cleared and then marked as failed still has the XComs of its earlier life.
        is_covered = states.get("acquire_lock") == "success" and covered is not None and covered == lease
        if failed or not (states.get("upload") == "success" or is_covered):
            why = f"failed: {', '.join(failed)}" if failed else "it was stopped before the upload was done"
            raise AirflowFailException(f"This run did not bring Catalog up to date ({why}).")

    outcome = confirm_outcome().as_teardown(on_failure_fail_dagrun=True)

    preflight >> wait_for_warehouse >> lock.acquire >> extract >> upload >> lock.release
    [upload, lock.release] >> refresh_mode_results
    [lock.release, refresh_mode_results] >> outcome
