"""The DAG that audits who may see what in a Mode workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Param

from mode_catalog_provider.dags import texts
from mode_catalog_provider.dags.form import dag_arguments
from mode_catalog_provider.dags.settings import Settings, settings_for
from mode_catalog_provider.operators.permissions import LOST, ModePermissionAuditOperator
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS
from mode_catalog_provider.tasks.compat import only_runs


def permission_dag(
    dag_id: str = "mode_permission_audit",
    settings: Settings | None = None,
    *,
    dag_options: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> DAG:
    """Build the DAG that audits the rights of a workspace.

    Arguments, result and errors are those of :func:`~mode_catalog_provider.dags.sync.sync_dag`; give it the
    ``mode_conn_id`` and ``output_dir`` of the workspace's sync.
    """
    settings = settings_for(settings, overrides)
    own = {
        "description": "Who may see or edit what in Mode, through what, and what changed.",
        "doc_md": texts.PERMISSIONS,
        "tags": ["mode"],
        "params": permission_params(settings),
        # Rights are those of now, whatever day is backfilled.
        **only_runs(*(["scheduled"] if settings.permission_schedule else []), "manual"),
    }
    arguments = dag_arguments(settings, own, dag_options)
    with DAG(dag_id, schedule=settings.permission_schedule, **arguments) as dag:
        ModePermissionAuditOperator(
            task_id="permissions",
            doc_md=texts.PERMISSIONS_TASK,
            output_dir=settings.output_dir,
            output_conn_id=settings.output_conn_id,
            mode_conn_id=settings.mode_conn_id,
            most_admins=settings.permission_most_admins,
            admins=list(settings.permission_admins),
            groups=list(settings.permission_groups),
            fail_on="{{ params.fail_on }}",
        )
    return dag


def permission_params(settings: Settings) -> dict[str, Param]:
    """Return the parameters of a permission audit; they start from its settings."""
    checks = {**RIGHTS_CHECKS, LOST: "Somebody lost a right"}
    return {
        "fail_on": Param(
            list(settings.permission_fail_on),
            type=["array", "null"],
            items={"type": "string", "enum": list(checks)},
            examples=list(checks),
            values_display={check: f"{check}: {meaning}" for check, meaning in checks.items()},
            title="Fail on",
            description_md="What fails the run when it is new since the last audit.",
        ),
    }
