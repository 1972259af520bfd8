"""From a place in a DAG to the folder of its workspace, or the sentence that says what is missing."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

from airflow.models.connection import Connection

from mode_catalog_provider.catalog.zones import resolve
from mode_catalog_provider.errors import ConfigurationError, ModeCatalogError
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.hooks.connection_fields import ExtraFields
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.page.places import Place
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.storage import is_local, store_error
from mode_catalog_provider.text import visible


class _ServerHook(ModeHook):
    """Reads connections as the API server does, which is no task."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        return Connection.get_connection_from_secrets(conn_id)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace as the page knows it.

    :param place: where the DAG says that it is staged.
    :param name: of the workspace.
    :param host: base URL of Mode.
    :param catalog: address of Catalog for people, ``None`` where no connection tells its zone.
    :param records: what lies in its folder now.
    """

    place: Place
    name: str
    host: str
    catalog: str | None
    records: WorkspaceRecords


def open_workspace(place: Place) -> Workspace:
    """Look into the folder of a workspace.

    :raises ModeCatalogError: the connection or an extra is missing, or the API server cannot reach the
        folder; the message says what to do.
    """
    if place.is_templated:
        raise ConfigurationError(
            f"DAG {place.dag_id} has a template for the place of its snapshots or for its connection, so "
            "only a run knows them. Write them as they are, and this page shows the workspace."
        )
    # Opened for what the connection says; nothing is asked of Mode.
    with _ServerHook(place.mode_conn_id).get_client() as client:
        name, host = client.workspace, client.host
    staging = staging_path(place.output_dir, place.output_conn_id)
    try:
        if is_local(staging) and not staging.is_dir():
            raise ConfigurationError(
                f"There is no folder {staging} on the machine of the API server ({platform.node()}). Either "
                "nothing was extracted yet: run the DAG; or the workers have that folder and the API server "
                "has not: set output_dir to an object store, or to a folder that all of them mount."
            )
        records = WorkspaceRecords(workspace_layout(staging, workspace=name, host=host).home)
        if not records.timestamps and not is_local(staging):
            _require_bucket(staging)
        return Workspace(place=place, name=name, host=host, catalog=_catalog_of(place), records=records)
    except ModeCatalogError:
        raise
    except Exception as error:
        raise store_error(error, f"The staging area {place.output_dir}") from error


def _require_bucket(staging: Any) -> None:
    """Tell a bucket that is not there from one with nothing in it: a store answers alike for both."""
    bucket = staging.path.strip("/").partition("/")[0]
    if not staging.fs.exists(bucket):
        raise ConfigurationError(
            f"There is no bucket or container '{visible(bucket)}' in the store of output_dir, or its "
            "connection may not list it. Correct output_dir, or grant the connection to list it."
        )


def _catalog_of(place: Place) -> str | None:
    """Return where people look into Catalog: the front door, for the address of a source is not known."""
    if place.catalog_conn_id is None:
        return None
    try:
        connection = Connection.get_connection_from_secrets(place.catalog_conn_id)
        return resolve(ExtraFields.of(connection).text("zone")).app_url
    except Exception:
        # The page is worth more than a link: what is wrong with the connection, each run says.
        return None
