"""The border between our errors and Airflow's vocabulary, crossed in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mode_catalog_provider.compat import AirflowFailException
from mode_catalog_provider.errors import ModeCatalogError


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Fail the task at once on a permanent error; let everything else pass, so that Airflow retries it.

    Errors that may pass stay what they are: a retry policy reads their type and, on a rate limit,
    ``retry_after``.

    :raises AirflowFailException: with the same sentence, when a retry cannot help.
    """
    try:
        yield
    except ModeCatalogError as error:
        if not error.permanent:
            raise
        raise AirflowFailException(str(error)) from error
