"""The border between our errors and Airflow's vocabulary, crossed in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from airflow.sdk import Context

from mode_catalog_provider.errors import AuthenticationError, ModeCatalogError
from mode_catalog_provider.tasks.compat import AirflowFailException


@contextmanager
def airflow_errors(context: Context | None = None) -> Iterator[None]:
    """Fail the task at once on a permanent error; let everything else pass, so that Airflow retries it.

    Errors that may pass stay what they are: a retry policy reads their type and, on a rate limit,
    ``retry_after``.

    :param context: of the running task; with it a refused credential is answered with the two commands that
        bring back what was missed. Default ``None``.
    :raises AirflowFailException: with the same sentence, when a retry cannot help.
    """
    try:
        yield
    except ModeCatalogError as error:
        if not error.permanent:
            raise
        message = str(error)
        if context is not None and isinstance(error, AuthenticationError):
            message += _recovery(context)
        raise AirflowFailException(message) from error


def _recovery(context: Context) -> str:
    dag_run = context.get("dag_run")
    if dag_run is None:
        return ""
    first = dag_run.logical_date or dag_run.run_after
    try:
        succeeded = context["ti"].get_previous_dagrun(state="success")
    except Exception:
        # Airflow has several classes for this; the sentence is right without that day too.
        succeeded = None
    if succeeded is not None and succeeded.logical_date is not None:
        first = succeeded.logical_date
    return (
        f" Then bring back the days that were missed: airflow backfill create --dag-id {dag_run.dag_id} "
        f"--from-date {first:%Y-%m-%d} --to-date {datetime.now(UTC):%Y-%m-%d} --reprocess-behavior failed "
        f"(one snapshot serves them all); or start one run of now: airflow dags trigger {dag_run.dag_id}"
    )
