"""What a table is called in lineage events, by OpenLineage's naming rules for each kind of warehouse.

The rules want host and port. A row of a connection has the host, and no port: where the host does not bring
one along, it is the one that such a database has unless told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mode_catalog_provider.sql.dialects import adapter_name
from mode_catalog_provider.sql.tables import TableName
from mode_catalog_provider.text import printable

#: Namespace and name of a dataset.
DatasetName = tuple[str, str]

#: Characters of a name at most.
_LONGEST = 500

# A host and nothing else: what people type there may be a whole address with a password in it.
_HOST = re.compile(r"(?:[A-Za-z][\w+.-]*://)?([A-Za-z0-9_.-]+)(?::(\d{1,5}))?/?")

_REDSHIFT = re.compile(r"([^.]+)\.[^.]+\.([^.]+)\.redshift(?:-serverless)?\.amazonaws\.com(?:\.cn)?")
_ATHENA = re.compile(r"athena[.-]([a-z]{2}(?:-[a-z]+)+-\d)\b.*")
_SNOWFLAKE = re.compile(r"(.+?)(?:\.privatelink)?\.snowflakecomputing\.(?:com|cn)")


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """How one kind of warehouse is named.

    :param namespace: given the host and ``:port`` (or ``""``).
    :param port: that is used when the host brings none; ``None``: the rule has no port.
    :param has_databases: whether a connection lies in one database, and schemas lie in that. Otherwise what
        the connection calls its database is what a query calls the schema.
    :param schema: that holds a table whose query names none, ``""`` when there is no such rule.
    :param fold_up: whether names that nobody quoted are stored in capitals.
    """

    namespace: Callable[[str, str], str]
    port: int | None = None
    has_databases: bool = True
    schema: str = ""
    fold_up: bool = False


def dataset_name(connection: Mapping[str, Any], table: TableName) -> DatasetName | None:
    """Return namespace and name of a table, ``None`` where the rules need what is not known.

    :param connection: a row of a data source; ``adapter``, ``host`` and ``database`` are looked at.
    :param table: as a query of that connection names it.
    """
    rule = _RULES.get(adapter_name(connection.get("adapter")))
    host = _HOST.fullmatch(str(connection.get("host") or "").strip())
    if rule is None or host is None:
        return None
    port = host[2] or rule.port
    name = host[1].lower().strip(".")
    namespace = rule.namespace(name, f":{port}" if rule.port is not None else "")
    # As it is, for others call it the same: only what no name has is made visible.
    return namespace, printable(".".join(_parts(rule, connection, table, name))[:_LONGEST])


def _parts(rule: _Rule, connection: Mapping[str, Any], table: TableName, host: str) -> list[str]:
    database = str(connection.get("database") or "").strip()
    if rule is _RULES["bigquery"]:
        # Mode keeps the project in the host, and "default" in the place of a database.
        project = database if "." in host and database != "default" else host
        parts = [table.catalog or project, table.schema, table.name]
    elif rule is _RULES["athena"]:
        parts = [table.catalog or "AwsDataCatalog", table.schema or database or rule.schema, table.name]
    elif rule.has_databases:
        parts = [table.catalog or database, table.schema or rule.schema, table.name]
    else:
        parts = [table.catalog, table.schema or database or rule.schema, table.name]
    if rule.fold_up:
        parts = [part.upper() if part == part.lower() else part for part in parts]
    return [part for part in parts if part]


def _by_host(scheme: str) -> Callable[[str, str], str]:
    return lambda host, port: f"{scheme}://{host}{port}"


def _of_redshift(host: str, port: str) -> str:
    cluster = _REDSHIFT.fullmatch(host)
    return f"redshift://{f'{cluster[1]}.{cluster[2]}' if cluster else host}{port}"


def _of_athena(host: str, _: str) -> str:
    region = _ATHENA.fullmatch(host)
    return f"awsathena://athena.{region[1]}.amazonaws.com" if region else f"awsathena://{host}"


def _of_snowflake(host: str, _: str) -> str:
    found = _SNOWFLAKE.fullmatch(host)
    account, *place = (found[1] if found else host).split(".")
    if "-" in account:  # organization and account: no region is told with it
        return f"snowflake://{account}"
    # An old locator. What it leaves out is filled in as OpenLineage's own integrations do.
    region, cloud = [*place, *("us-west-1", "aws")[len(place) :]][:2]
    return f"snowflake://{account}.{region}.{cloud}"


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "athena": _Rule(namespace=_of_athena, schema="default"),
        "bigquery": _Rule(namespace=lambda host, port: "bigquery"),
        "clickhouse": _Rule(
            namespace=_by_host("clickhouse"), port=8123, has_databases=False, schema="default"
        ),
        "databricks": _Rule(namespace=_by_host("databricks"), has_databases=False, schema="default"),
        "db2": _Rule(namespace=_by_host("db2"), port=50000, fold_up=True),
        "denodo": _Rule(namespace=_by_host("denodo"), port=9999, has_databases=False),
        "druid": _Rule(namespace=_by_host("druid"), port=8082, has_databases=False, schema="druid"),
        "hive": _Rule(namespace=_by_host("hive"), port=10000, has_databases=False, schema="default"),
        "impala": _Rule(namespace=_by_host("impala"), port=21050, has_databases=False, schema="default"),
        "mariadb": _Rule(namespace=_by_host("mysql"), port=3306, has_databases=False),
        "mysql": _Rule(namespace=_by_host("mysql"), port=3306, has_databases=False),
        "oracle": _Rule(namespace=_by_host("oracle"), port=1521, fold_up=True),
        "oracleadb": _Rule(namespace=_by_host("oracle"), port=1521, fold_up=True),
        "postgres": _Rule(namespace=_by_host("postgres"), port=5432, schema="public"),
        "postgresql": _Rule(namespace=_by_host("postgres"), port=5432, schema="public"),
        "presto": _Rule(namespace=_by_host("presto"), port=8080),
        "redshift": _Rule(namespace=_of_redshift, port=5439, schema="public"),
        "snowflake": _Rule(namespace=_of_snowflake, schema="PUBLIC", fold_up=True),
        "spark": _Rule(namespace=_by_host("spark"), port=10000, has_databases=False, schema="default"),
        "sqlserver": _Rule(namespace=_by_host("mssql"), port=1433, schema="dbo"),
        "teradata": _Rule(namespace=_by_host("teradata"), port=1025, has_databases=False),
        "treasuredata": _Rule(namespace=_by_host("treasuredata"), has_databases=False),
        "trino": _Rule(namespace=_by_host("trino"), port=8080),
        "vertica": _Rule(namespace=_by_host("vertica"), port=5433, schema="public"),
    }
)
