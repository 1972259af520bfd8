"""What OpenLineage is told beyond a task's own event, where Airflow's provider for it is installed."""

from __future__ import annotations

import logging

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.storage import StoragePath
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)


def tell_reports_of(manifest: StoragePath, operator: BaseOperator, context: Context) -> None:
    """Tell which warehouse tables the reports of a snapshot read; fail nothing.

    :param manifest: of the snapshot that was just made.
    :param operator: the task's operator.
    :param context: of the running task.
    """
    try:
        from airflow.providers.openlineage import conf
    except ImportError:
        return  # the provider is not installed
    try:
        if conf.is_disabled():
            return
        # Half a second, for who listens only.
        from mode_catalog_provider.tasks.report_lineage import tell_report_tables

        tell_report_tables(operator, context, open_snapshot(manifest))
    except Exception as error:
        # The snapshot is made; a consumer of lineage that is away is no reason to make another.
        log.warning(
            "OpenLineage was not told which warehouse tables the reports read: %s", visible(error, 300)
        )
