"""Which dialect of SQL the queries of a Mode connection are written in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: The standard dialect, for databases that have none of their own here.
STANDARD = ""

# The adapters that Mode documents, old ones too, without ``jdbc:``.
_OF_ADAPTER: Mapping[str, str] = MappingProxyType(
    {
        "athena": "athena",
        "bigquery": "bigquery",
        "clickhouse": "clickhouse",
        "databricks": "databricks",
        "denodo": "postgres",
        "druid": "druid",
        "hive": "hive",
        "impala": "hive",
        "mariadb": "mysql",
        "mysql": "mysql",
        "oracle": "oracle",
        "oracleadb": "oracle",
        "postgres": "postgres",
        "postgresql": "postgres",
        "presto": "presto",
        "redshift": "redshift",
        "snowflake": "snowflake",
        "spark": "spark",
        "sqlserver": "tsql",
        "teradata": "teradata",
        "treasuredata": "trino",
        "trino": "trino",
        "vertica": "postgres",
    }
)

#: Adapters whose queries name metrics, views or rows of an application rather than tables of a warehouse.
WITHOUT_TABLES = frozenset(
    {"dbtmetrics", "dbtsemanticlayer", "looker", "modedatasets", "salesforce", "transform"}
)


def adapter_name(adapter: object) -> str:
    """Return an adapter as Mode sends it (``jdbc:snowflake``) in one spelling, ``""`` where there is none."""
    return adapter.strip().lower().removeprefix("jdbc:") if isinstance(adapter, str) else ""


def dialect_of(adapter: object) -> str:
    """Return the dialect for :func:`mode_catalog_provider.sql.tables.tables_of`.

    :param adapter: ``adapter`` of a row of a data source; :data:`STANDARD` for an unknown one, or none.
    """
    return _OF_ADAPTER.get(adapter_name(adapter), STANDARD)
