"""Wait until Catalog knows the warehouse as it is today."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mode_catalog_provider.catalog.sources import WAREHOUSE
from mode_catalog_provider.sensors.ingestion import SourceIngestedSensor
from mode_catalog_provider.tasks.durations import length_of_time


class WarehouseIngestedSensor(SourceIngestedSensor):
    """Waits until Catalog ingested the warehouse recently enough.

    Catalog can draw lineage from a table to a report only when it knows the table, so Mode is best read after
    the warehouse was ingested. Catalog does that about once a day.

    An unknown or deleted source fails the task at once, and so does a refused token; while it waits in the
    triggerer, when two looks in a row say so.

    :param source_id: id (UUID) of the warehouse source in Catalog, or a list of ids that must all be
        ingested. Templated.
    :param source_name: name of the source, or a list of names that must all be ingested; in addition to the
        ids. Templated. With neither ids nor names, any warehouse will do.
    :param max_age: how long ago the ingestion may have been, default 24 hours; counted back from each look.
        Without meaning when ``ingested_after`` is given.
    :param ingested_after: earliest moment of the ingestion: datetime, ISO text, or seconds since 1970.
        Default ``None``: ``max_age`` decides. Templated, so that a backfill can ask for its own moment.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
        Templated.
    :param skip_when: skip the task without looking when true, default ``False``. Templated.
    :param deferrable: wait in the triggerer; default ``[operators] default_deferrable``. Otherwise ``mode``
        decides, as with every sensor.
    :param poke_interval: time between two looks, default 10 minutes.
    :param timeout: how long to wait at most, default 24 hours.
    """

    source_type = WAREHOUSE
    when_late = (
        "Look at the source in Catalog, or name the one that is meant (source_id or source_name; "
        "warehouse_sources of the ready DAGs). To go on without it: skip_when, in the form 'Do not wait for "
        "the warehouse'."
    )

    def __init__(self, *, max_age: timedelta = timedelta(hours=24), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_age = length_of_time("max_age", max_age)
