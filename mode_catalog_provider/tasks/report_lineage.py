"""Tells OpenLineage which tables of the warehouse each report of a snapshot reads: one small event a report.

One event with all tables and all reports would say that each report reads each table. So each report is a job
of its own, ``{workspace}/reports/{token}`` in the namespace ``mode://{host}``, with the extraction as parent.
The events are sent from the task itself: Airflow gives the work of its OpenLineage provider ten seconds.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from airflow.providers.openlineage import conf
from airflow.providers.openlineage.plugins.listener import get_openlineage_listener
from airflow.providers.openlineage.plugins.macros import lineage_job_name, lineage_run_id
from airflow.sdk import BaseOperator, Context
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import documentation_dataset, job_type_job, parent_run

from mode_catalog_provider import __version__
from mode_catalog_provider.audit.report_tables import ReportTables, WorkspaceTables, tables_of_reports
from mode_catalog_provider.errors import SqlUnavailableError
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.tasks.lineage import mode_namespace

try:
    from airflow.providers.openlineage.utils.emission_policy import resolve_task_emission_policy
except ImportError:  # an older provider
    from airflow.providers.openlineage.utils.utils import is_operator_disabled, is_selective_lineage_enabled

    resolve_task_emission_policy = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

#: Seconds between two lines of the log while events are sent.
_EVERY = 60.0

_PRODUCER = f"urn:mode-catalog-provider:{__version__}"


def tell_report_tables(operator: BaseOperator, context: Context, snapshot: Snapshot) -> None:
    """Send the events, where they are wanted of this task.

    :param operator: the task's operator.
    :param context: of the running task.
    :param snapshot: the one that was just made.
    """
    ti: Any = context.get("ti")
    if ti is None or not _is_wanted(operator, ti):
        return
    host, workspace = snapshot.manifest.host, snapshot.manifest.workspace
    log.info("Looking for the warehouse tables that the reports read, for OpenLineage.")
    try:
        found = tables_of_reports(snapshot, unknown=(mode_namespace(host), workspace))
    except SqlUnavailableError as error:
        log.info("OpenLineage is not told which warehouse tables the reports read. %s", error)
        return
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(runId=lineage_run_id(ti)),
        job=parent_run.Job(namespace=conf.namespace(), name=lineage_job_name(ti)),
    )
    at = datetime.now(UTC)
    events = (_event(one, snapshot=snapshot, parent=parent, at=at) for one in found.reports)
    _send(events, found)


def _is_wanted(operator: BaseOperator, ti: Any) -> bool:
    if resolve_task_emission_policy is not None:
        policy = resolve_task_emission_policy(operator, ti.dag_id, ti.task_id)
        return bool(policy.emit and policy.extract_operator_metadata)
    return not is_operator_disabled(operator) and is_selective_lineage_enabled(operator)


def _event(
    one: ReportTables, *, snapshot: Snapshot, parent: parent_run.ParentRunFacet, at: datetime
) -> RunEvent:
    namespace = mode_namespace(snapshot.manifest.host)
    name = f"{snapshot.manifest.workspace}/{one.path}"
    # The same in each try of a task: a consumer then counts them once.
    run_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}/{name}/{snapshot.manifest.timestamp}")
    title = documentation_dataset.DocumentationDatasetFacet(description=one.title)
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="MODE", jobType="REPORT")
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=at.isoformat(),
        run=Run(runId=str(run_id), facets={"parent": parent}),
        job=Job(namespace=namespace, name=name, facets={"jobType": kind}),
        inputs=[InputDataset(namespace=where, name=table) for where, table in one.tables],
        outputs=[OutputDataset(namespace=namespace, name=name, facets={"documentation": title})],
        producer=_PRODUCER,
    )


def _send(events: Iterable[RunEvent], found: WorkspaceTables) -> None:
    client = get_openlineage_listener().adapter.get_or_create_openlineage_client()
    sent, next_line = 0, time.monotonic() + _EVERY
    for event in events:
        client.emit(event)
        sent += 1
        if time.monotonic() >= next_line:
            log.info("Told OpenLineage of %d of %d reports.", sent, len(found.reports))
            next_line = time.monotonic() + _EVERY
    without = found.looked_at - len(found.reports)
    log.info(
        "Told OpenLineage which warehouse tables %d reports read; %d read none that can be named, %d queries "
        "could not be read, %d reports that were edited longer ago were left out.",
        *(sent, without, found.not_read, found.beyond),
    )
