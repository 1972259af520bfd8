"""Wait until Catalog has taken in what was uploaded."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import Context

from mode_catalog_provider.catalog.sources import VISUALIZATION
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.connection_fields import ExtraFields
from mode_catalog_provider.sensors.ingestion import SourceIngestedSensor


class CatalogIngestedSensor(SourceIngestedSensor):
    """Waits until Catalog ingested the source that was uploaded to.

    Catalog takes uploads in about once a day, the first one of a source within two days: give ``timeout``
    room for that.

    An unknown or deleted source fails the task at once, and so does a refused token; while it waits in the
    triggerer, when two looks in a row say so.

    :param source_id: id (UUID) of the source, or a list of ids that must all be ingested; default ``None``:
        the connection's ``source_id``. Templated.
    :param source_name: name of a source, or a list of names, that must be ingested as well. Templated.
    :param ingested_after: earliest moment of the ingestion: datetime, ISO text, or seconds since 1970. After
        an upload ``"{{ ti.xcom_pull('upload', key='completed_at') }}"``: what Catalog ingested while Mode was
        still being read has nothing of it. Default ``None``: the start of this DAG run. Templated.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
        Templated.
    :param skip_when: skip the task without looking when true, default ``False``. Templated.
    :param deferrable: wait in the triggerer; default ``[operators] default_deferrable``.
    :param poke_interval: time between two looks, default 10 minutes.
    :param timeout: how long to wait at most, default 24 hours.
    """

    source_type = VISUALIZATION

    def _source_ids(self) -> tuple[str, ...]:
        if given := super()._source_ids():
            return given
        source_id = ExtraFields.of(self.hook.get_connection(self.catalog_conn_id)).text("source_id")
        if source_id is None:
            raise ConfigurationError(
                f"Which Catalog source is waited for? Give source_id, or put it into connection "
                f"'{self.catalog_conn_id}'."
            )
        return (source_id,)

    def _ingested_after(self, context: Context) -> datetime | None:
        run = context.get("dag_run")
        return super()._ingested_after(context) or (run.start_date if run else None)
