"""The DAG that looks whether what was uploaded arrived in Catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Param

from mode_catalog_provider.assets import catalog_ingested
from mode_catalog_provider.catalog.sources import VISUALIZATION
from mode_catalog_provider.dags import texts
from mode_catalog_provider.dags.form import dag_arguments
from mode_catalog_provider.dags.settings import Settings, settings_for
from mode_catalog_provider.operators.reconcile import CatalogReconcileOperator
from mode_catalog_provider.tasks.compat import only_runs


def arrival_dag(
    dag_id: str = "mode_catalog_arrival",
    settings: Settings | None = None,
    *,
    dag_options: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> DAG:
    """Build the DAG that compares the last pushed snapshot with Catalog, each time that Catalog ingested it.

    Arguments, result and errors are those of :func:`~mode_catalog_provider.dags.sync.sync_dag`; give it the
    connections and the ``output_dir`` of the workspace's sync, and the ``source_id`` where the connection's
    Catalog has other BI sources too.
    """
    settings = settings_for(settings, overrides)
    own = {
        "description": "Did the uploaded reports arrive in Catalog, with lineage, and if not why?",
        "doc_md": texts.ARRIVAL,
        "tags": ["mode", "catalog"],
        "params": arrival_params(),
        # What Catalog shows is that of now, whatever day is backfilled.
        **only_runs("asset_triggered", "manual"),
    }
    ingested = catalog_ingested(
        settings.source_id, source_type=VISUALIZATION, catalog_conn_id=settings.catalog_conn_id
    )
    with DAG(dag_id, schedule=[ingested], **dag_arguments(settings, own, dag_options)) as dag:
        CatalogReconcileOperator(
            task_id="reconcile",
            doc_md=texts.ARRIVAL_TASK,
            output_dir=settings.output_dir,
            output_conn_id=settings.output_conn_id,
            mode_conn_id=settings.mode_conn_id,
            catalog_conn_id=settings.catalog_conn_id,
            source_id=settings.source_id,
            min_arrived="{{ params.min_arrived }}",
            min_lineage="{{ params.min_lineage }}",
        )
    return dag


def arrival_params() -> dict[str, Param]:
    """Return the parameters of an arrival DAG."""
    return {
        "min_arrived": Param(
            None,
            type=["number", "null"],
            minimum=0,
            maximum=1,
            title="Least share that arrived",
            description_md="The run fails when a smaller share of the reports arrived (0.95 is 95 %); empty: "
            "never.",
        ),
        "min_lineage": Param(
            None,
            type=["number", "null"],
            minimum=0,
            maximum=1,
            title="Least share with lineage",
            description_md="The run fails when a smaller share of the reports that arrived has lineage; "
            "empty: never.",
        ),
    }
