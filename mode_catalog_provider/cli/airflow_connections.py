"""The one door of the command line to Airflow's connections; Airflow is loaded when it is opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import visible


def airflow_connection(conn_id: str, *, retry_budget: float) -> tuple[str, Callable[[], Any], str | None]:
    """Find a connection as a task on this machine would: in variables, secret stores, the database.

    :param conn_id: its id.
    :param retry_budget: seconds for all attempts of one request.
    :return: its type, what makes a client of it, and the Catalog source it names, if any.
    :raises ConfigurationError: Airflow is not installed, or there is no such connection of ours.
    """
    try:
        # Airflow logs to stdout, which is the result's; it finds its stream when it is imported: here.
        with redirect_stdout(sys.stderr):
            # Later lines, of connections that are read again, would stand between those of the result.
            os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
            from mode_catalog_provider.hooks.catalog import CatalogHook
            from mode_catalog_provider.hooks.mode import ModeHook

            kind = found_connection(conn_id).conn_type
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Connections are Airflow's, and Airflow is not installed here ({error.name} is missing). Run "
            "this where Airflow is, or give the flags."
        ) from None
    if kind == "mode":
        return kind, lambda: ModeHook(conn_id).get_client(retry_budget=retry_budget), None
    if kind == "coalesce_catalog":
        hook = CatalogHook(conn_id)
        try:
            source_id = hook.source_id()
        except ConfigurationError:
            # A connection may leave the source to the DAG; whether there is one is told by the check.
            source_id = None
        return kind, lambda: hook.get_api(retry_budget=retry_budget), source_id
    raise ConfigurationError(
        f"Connection '{conn_id}' is of type '{visible(kind)}'; those of this "
        "provider are mode and coalesce_catalog."
    )


def found_connection(conn_id: str) -> Any:
    """Find a connection, and leave Airflow so that who asks for it later finds it as well.

    :raises ConfigurationError: there is none, or it cannot be read.
    """
    from mode_catalog_provider.hooks.connection import connection_of
    from mode_catalog_provider.hooks.mode import ModeHook

    hook = ModeHook(conn_id)
    try:
        return connection_of(hook, conn_id)
    except ConfigurationError:
        # Outside of a task Airflow asks variables and secret stores alone, and its database only where it
        # takes the process for one of its own, as its command `airflow connections test` does.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        return connection_of(hook, conn_id)
