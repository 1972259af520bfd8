"""The DAG that looks for what went wrong in a Mode workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Param

from mode_catalog_provider.audit.finding import CHECKS
from mode_catalog_provider.dags import texts
from mode_catalog_provider.dags.form import dag_arguments
from mode_catalog_provider.dags.settings import Settings, settings_for
from mode_catalog_provider.operators.audit import ModeWorkspaceAuditOperator
from mode_catalog_provider.tasks.compat import only_runs


def audit_dag(
    dag_id: str = "mode_workspace_audit",
    settings: Settings | None = None,
    *,
    dag_options: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> DAG:
    """Build the DAG that audits the newest snapshot of a workspace.

    Arguments, result and errors are those of :func:`~mode_catalog_provider.dags.sync.sync_dag`; give it the
    ``mode_conn_id`` and ``output_dir`` of the workspace's sync.
    """
    settings = settings_for(settings, overrides)
    own = {
        "description": "Finds drifted copies, duplicates, refused objects, orphans and stale reports.",
        "doc_md": texts.AUDIT,
        "tags": ["mode"],
        "params": audit_params(settings),
        # The newest snapshot is the same for every day that is past.
        **only_runs(*(["scheduled"] if settings.audit_schedule else []), "manual"),
    }
    with DAG(dag_id, schedule=settings.audit_schedule, **dag_arguments(settings, own, dag_options)) as dag:
        ModeWorkspaceAuditOperator(
            task_id="audit",
            doc_md=texts.AUDIT_TASK,
            output_dir=settings.output_dir,
            output_conn_id=settings.output_conn_id,
            mode_conn_id=settings.mode_conn_id,
            checks="{{ params.checks }}",
            ignore="{{ params.ignore }}",
            stale_after="{{ params.stale_after_days }}",
            name_pattern=settings.audit_name_pattern or None,
            version_pattern=settings.audit_version_pattern or None,
            canonical=list(settings.audit_canonical),
            index=list(settings.audit_index),
            fail_on="{{ params.fail_on }}",
        )
        if settings.audit_schedules:
            # Loaded only when it is asked for: each file of a DAG is parsed again and again.
            from mode_catalog_provider.operators.schedules import ModeScheduleAuditOperator

            # Beside the audit: what the one finds does not hold up the other.
            ModeScheduleAuditOperator(
                task_id="schedules",
                doc_md=texts.SCHEDULES_TASK,
                output_dir=settings.output_dir,
                output_conn_id=settings.output_conn_id,
                mode_conn_id=settings.mode_conn_id,
            )
    return dag


def audit_params(settings: Settings) -> dict[str, Param]:
    """Return the parameters of an audit DAG; they start from its settings."""
    return {
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
            description_md="A report that nobody edited, ran or viewed for so long is stale.",
        ),
        "fail_on": Param(
            list(settings.audit_fail_on),
            type=["array", "null"],
            items={"type": "string", "enum": list(CHECKS)},
            examples=list(CHECKS),
            title="Fail on",
            description_md="Checks that fail the run when they find something new since the last audit.",
        ),
    }
