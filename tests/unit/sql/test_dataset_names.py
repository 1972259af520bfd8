"""Names of tables in lineage events, against the rules that OpenLineage's own library carries."""

from __future__ import annotations

import pytest
from openlineage.client.naming.dataset import (
    Athena,
    BigQuery,
    Hive,
    MySQL,
    Oracle,
    Postgres,
    Redshift,
    Snowflake,
    Teradata,
    Trino,
)
from openlineage.common.provider.snowflake import fix_account_name

from mode_catalog_provider.sql.dataset_names import dataset_name
from mode_catalog_provider.sql.tables import TableName

ORDERS = TableName("", "sales", "orders")


def named(adapter, host, database, table=ORDERS):
    return dataset_name({"adapter": adapter, "host": host, "database": database}, table)


@pytest.mark.parametrize(
    ("connection", "rule"),
    [
        (("jdbc:postgresql", "db.acme.io", "dwh"), Postgres("db.acme.io", "5432", "dwh", "sales", "orders")),
        (("jdbc:mysql", "db.acme.io", "shop"), MySQL("db.acme.io", "3306", "sales", "orders")),
        (("jdbc:hive", "hive.acme.io", "default"), Hive("hive.acme.io", "10000", "sales", "orders")),
        (("jdbc:trino", "trino.acme.io", "lake"), Trino("trino.acme.io", "8080", "lake", "sales", "orders")),
        (("jdbc:teradata", "td.acme.io", "x"), Teradata("td.acme.io", "1025", "sales", "orders")),
        (
            ("jdbc:oracle", "ora.acme.io", "ORCL"),
            Oracle("ora.acme.io", "1521", "ORCL", "SALES", "ORDERS"),
        ),
        (
            ("jdbc:redshift", "dwh.c0ffee.eu-west-1.redshift.amazonaws.com", "dev"),
            Redshift("dwh", "eu-west-1", "5439", "dev", "sales", "orders"),
        ),
        (
            ("jdbc:redshift", "group.123456789012.us-east-1.redshift-serverless.amazonaws.com", "dev"),
            Redshift("group", "us-east-1", "5439", "dev", "sales", "orders"),
        ),
        (
            ("jdbc:snowflake", "acme-main.snowflakecomputing.com", "ANALYTICS"),
            Snowflake("acme", "main", "ANALYTICS", "SALES", "ORDERS"),
        ),
        (("jdbc:bigquery", "acme-analytics", "default"), BigQuery("acme-analytics", "sales", "orders")),
        (
            ("jdbc:athena", "athena.eu-central-1.amazonaws.com", "lake"),
            Athena("eu-central-1", "AwsDataCatalog", "sales", "orders"),
        ),
    ],
)
def test_tables_are_named_by_the_rules_of_openlineage(connection, rule):
    assert named(*connection) == (rule.get_namespace(), rule.get_name())


@pytest.mark.parametrize(
    "locator",
    ["xy12345", "xy12345.us-east-1", "xy12345.us-east-2.aws", "xy12345.west-europe.azure"],
)
def test_an_old_account_of_snowflake_is_completed_as_openlineage_does(locator):
    namespace, _ = named("jdbc:snowflake", f"{locator}.snowflakecomputing.com", "DB")
    assert namespace == f"snowflake://{fix_account_name(locator)}"


def test_a_private_link_of_snowflake_is_the_same_account():
    host = "acme-main.privatelink.snowflakecomputing.com"
    assert named("snowflake", host, "DB")[0] == "snowflake://acme-main"


@pytest.mark.parametrize(
    ("adapter", "database", "table", "name"),
    [
        ("jdbc:postgresql", "dwh", TableName("", "", "orders"), "dwh.public.orders"),
        ("jdbc:postgresql", "dwh", TableName("other", "sales", "orders"), "other.sales.orders"),
        ("jdbc:snowflake", "analytics", TableName("", "", "orders"), "ANALYTICS.PUBLIC.ORDERS"),
        ("jdbc:snowflake", "DB", TableName("", "Sales", "Orders"), "DB.Sales.Orders"),
        ("jdbc:sqlserver", "dwh", TableName("", "", "Orders"), "dwh.dbo.Orders"),
        ("jdbc:mysql", "shop", TableName("", "", "orders"), "shop.orders"),
        ("jdbc:databricks", "default", TableName("main", "sales", "orders"), "main.sales.orders"),
        ("jdbc:databricks", "", TableName("", "", "orders"), "default.orders"),
    ],
)
def test_what_a_query_leaves_to_the_connection_is_filled_in(adapter, database, table, name):
    assert named(adapter, "db.acme.io", database, table)[1] == name


def test_a_port_that_the_host_brings_along_is_used():
    assert named("jdbc:postgresql", "db.acme.io:6432", "dwh")[0] == "postgres://db.acme.io:6432"
    assert named("jdbc:databricks", "https://adb-1.azuredatabricks.net:443/", "")[0] == (
        "databricks://adb-1.azuredatabricks.net"
    )


@pytest.mark.parametrize(
    ("adapter", "host"),
    [
        ("jdbc:postgresql", None),
        ("jdbc:postgresql", ""),
        ("jdbc:unheard_of", "db.acme.io"),
        (None, "db.acme.io"),
        ("jdbc:postgresql", "ada:s3cret@db.acme.io"),
        ("jdbc:sqlserver", "db.acme.io;user=ada;password=s3cret"),
        ("jdbc:postgresql", "10.0.0.1, 10.0.0.2"),
    ],
)
def test_what_is_no_plain_host_of_a_known_kind_has_no_name(adapter, host):
    assert named(adapter, host, "dwh") is None
