"""Once a week: what in the Mode workspace drifted apart, was copied, refused, orphaned or forgotten.

Looks at the newest snapshot that ``mode_catalog_sync`` staged, and asks Mode nothing. Settings come from
section ``[mode_catalog]`` of Airflow's configuration; the form of a manual run starts from them. What is new
since the last audit is in the task's log as warnings, one line each, with the address in Mode.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from mode_catalog_provider.audit.finding import CHECKS
from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.operators.audit import ModeWorkspaceAuditOperator
from mode_catalog_provider.tasks.compat import only_runs

settings = read_settings()

PARAMS = {
    "checks": Param(
        list(CHECKS),
        type=["array", "null"],
        items={"type": "string", "enum": list(CHECKS)},
        examples=list(CHECKS),
        values_display={check: f"{check}: {meaning}" for check, meaning in CHECKS.items()},
        title="Checks",
        description_md="What is looked for.",
    ),
    "ignore": Param(
        list(settings.audit_ignore),
        type=["array", "null"],
        items={"type": "string"},
        title="Ignore",
        description_md="What was looked at and is fine, one per line: tokens, names or globs of objects "
        "(Sandbox*), or check:token for one finding.",
    ),
    "stale_after_days": Param(
        settings.audit_stale_after.days,
        type="integer",
        minimum=1,
        title="Stale after (days)",
        description_md="A report without a change for so long is stale.",
    ),
    "fail_on": Param(
        list(settings.audit_fail_on),
        type=["array", "null"],
        items={"type": "string", "enum": list(CHECKS)},
        examples=list(CHECKS),
        title="Fail on",
        description_md="Checks that fail the run when they find something that the last audit did not have.",
    ),
}

with DAG(
    dag_id="mode_workspace_audit",
    dag_display_name="Audit of the Mode workspace",
    description="Finds drifted copies, duplicates, refused objects, orphans and stale reports.",
    doc_md=__doc__,
    schedule=settings.audit_schedule,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["mode"],
    params=PARAMS,
    default_args={"retries": settings.retries, "retry_delay": timedelta(minutes=1)},
    # The newest snapshot is the same for every day that is past.
    **only_runs(*(["scheduled"] if settings.audit_schedule else []), "manual"),
) as dag:
    ModeWorkspaceAuditOperator(
        task_id="audit",
        output_dir=settings.output_dir,
        output_conn_id=settings.output_conn_id,
        mode_conn_id=settings.mode_conn_id,
        checks="{{ params.checks }}",
        ignore="{{ params.ignore }}",
        stale_after="{{ params.stale_after_days }}",
        fail_on="{{ params.fail_on }}",
    )
