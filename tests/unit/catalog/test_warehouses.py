"""Which warehouse of Catalog answers to a connection of Mode, and how far a long reading has come."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from mode_catalog_provider.catalog import reading
from mode_catalog_provider.catalog.ingest import PATH_PREFIXES, STAMPED_TYPES
from mode_catalog_provider.catalog.news import EVERY, CatalogNews
from mode_catalog_provider.catalog.sources import CatalogSource
from mode_catalog_provider.catalog.warehouses import Warehouses
from mode_catalog_provider.errors import CancelledError, GraphQLError


class Api:
    """Tells the databases of each source; what raises is raised."""

    def __init__(self, **databases):
        self.databases = databases
        self.asked = []

    def query(self, document, variables, *, field, **options):
        self.asked.append(variables["sourceId"])
        found = self.databases.get(variables["sourceId"], ())
        if isinstance(found, Exception):
            raise found
        return {"data": [{"id": name, "name": name} for name in found], "totalCount": len(found)}


def source(id, technology, *, type="WAREHOUSE", deleted=False):
    return CatalogSource(
        id=id,
        name=f"The {id}",
        technology=technology,
        type=type,
        origin="EXTRACTION",
        last_refreshed_at=None,
        deleted_at=datetime(2026, 1, 1, tzinfo=UTC) if deleted else None,
    )


def why_not(sources, adapter, database="", api=None):
    warehouses = Warehouses(api or Api(), sources)
    found = list(warehouses.without_answer(iter([("t1", "7", "Main", f"jdbc:{adapter}", database)])))
    assert [(one.token, one.id, one.name, one.database) for one in found] == [
        ("t1", "7", "Main", database) for _ in found
    ]
    return [one.why for one in found]


@pytest.mark.parametrize(
    ("adapter", "technologies"),
    [
        ("athena", "ATHENA GLUE"),
        ("bigquery", "BIGQUERY"),
        ("databricks", "DATABRICKS"),
        ("spark", "DATABRICKS SPARK"),
        ("hive", "HIVE GLUE"),
        ("mariadb", "MARIADB MYSQL"),
        ("mysql", "MYSQL"),
        ("oracle", "ORACLE"),
        ("oracledb", "ORACLE"),
        ("oracleadb", "ORACLE"),
        ("postgres", "POSTGRES"),
        ("postgresql", "POSTGRES"),
        ("presto", "PRESTO TRINO"),
        ("redshift", "REDSHIFT"),
        ("snowflake", "SNOWFLAKE"),
        ("sqlserver", "SQLSERVER SYNAPSE FABRIC"),
        ("teradata", "TERADATA"),
        ("trino", "TRINO PRESTO STARBURST"),
        ("treasuredata", "TREASURE TRINO"),
        ("vertica", "VERTICA"),
        ("newcomer", "NEWCOMER"),
    ],
)
def test_each_adapter_is_answered_by_its_technologies_and_by_a_generic_warehouse(adapter, technologies):
    for technology in [*technologies.split(), "GENERIC_WAREHOUSE"]:
        assert why_not([source("w1", technology)], adapter) == []
        assert why_not([source("w1", f"aws_{technology.lower()}_2")], adapter) == []
    assert why_not([source("w1", "SOMETHING")], adapter) == [
        f"Catalog has no warehouse of the kind {adapter}."
    ]


def test_only_living_warehouses_answer():
    others = [source("w1", "SNOWFLAKE", type="VISUALIZATION"), source("w2", "SNOWFLAKE", deleted=True)]
    assert why_not(others, "snowflake") == ["Catalog has no warehouse of the kind snowflake."]


def test_a_warehouse_of_which_catalog_does_not_tell_the_type_answers_and_a_bi_tool_does_not():
    assert why_not([source("w1", "SNOWFLAKE", type="")], "snowflake") == []
    assert why_not([source("w1", "MODE", type="")], "snowflake") != []
    assert why_not([source("w1", "METABASE", type="")], "metabase") != []


TWO = [source("w1", "SNOWFLAKE"), source("w2", "SNOWFLAKE")]


def test_the_database_must_be_one_of_a_warehouse_of_the_kind():
    api = Api(w1=["RAW"], w2=["Analytics "])
    assert why_not(TWO, "snowflake", " analytics", api) == []
    assert why_not(TWO, "snowflake", "sales", api) == [
        "Catalog's warehouses of that kind (The w1, The w2) have no database sales."
    ]


def test_a_warehouse_that_tells_no_database_may_be_the_one():
    assert why_not(TWO, "snowflake", "sales", Api(w1=["RAW"], w2=[])) == []


def test_a_warehouse_with_too_many_databases_or_one_without_a_name_may_be_the_one(monkeypatch):
    found = [source("w", "SNOWFLAKE")]
    assert why_not(found, "snowflake", "LAB", Api(w=["CORE", ""])) == []
    monkeypatch.setattr(reading, "_MOST_OF_ONE_NAME", 2)
    assert why_not(found, "snowflake", "LAB", Api(w=["A", "B"])) != []
    assert why_not(found, "snowflake", "LAB", Api(w=["A", "B", "LAB"])) == []
    assert why_not(found, "snowflake", "LAB", Api(w=["A", "B", "C"])) == []


def test_a_warehouse_of_which_catalog_does_not_tell_the_technology_may_be_the_one():
    assert why_not([source("w", "")], "snowflake") == []


def test_a_connection_without_a_database_costs_no_question():
    api = Api(w1=["RAW"])
    assert why_not(TWO, "snowflake", "", api) == []
    assert api.asked == []


def test_each_warehouse_is_asked_once():
    api = Api(w1=["RAW"], w2=["RAW"])
    connections = [("t1", "7", "Main", "jdbc:snowflake", name) for name in ("a", "b", "raw")]
    found = list(Warehouses(api, TWO).without_answer(iter(connections)))
    assert [one.database for one in found] == ["a", "b"]
    assert api.asked == ["w1", "w2"]


def test_where_databases_cannot_be_asked_nothing_is_concluded_from_them():
    api = Api(w1=GraphQLError("no such field", status=200))
    warehouses = Warehouses(api, TWO)
    assert list(warehouses.without_answer(iter([("t1", "7", "Main", "jdbc:snowflake", "sales")]))) == []
    assert warehouses.not_asked == "Catalog's databases cannot be asked: no such field"
    assert api.asked == ["w1"]
    with pytest.raises(CancelledError):
        why_not(TWO, "snowflake", "sales", Api(w1=CancelledError("stop")))


def test_an_unknown_connection_is_told_to_programs():
    (found,) = Warehouses(Api(), []).without_answer(iter([("t1", "7", "Main", "jdbc:mysql", "shop")]))
    assert found.to_json() == {
        "token": "t1",
        "name": "Main",
        "adapter": "jdbc:mysql",
        "database": "shop",
        "reason": "Catalog has no warehouse of the kind mysql.",
    }


def test_how_far_it_is_is_told_once_a_minute(caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    news = CatalogNews("rows", monotonic=lambda: now[0])
    for second, done, total in [
        (EVERY - 1, 1, 10),
        (EVERY, 30, 90),
        (2 * EVERY - 1, 40, 90),
        (2 * EVERY, 60, None),
        (3 * EVERY, 90, 90),
        (4 * EVERY, 0, 90),
    ]:
        now[0] = second
        news.tell(done, total)
    assert caplog.messages == [
        "So far: 30 of 90 rows; 30 a minute, about 2 minutes to go.",
        "So far: 60 rows; 30 a minute.",
        "So far: 90 of 90 rows; 30 a minute.",
        "So far: 0 of 90 rows; 0 a minute.",
    ]


def test_each_type_of_file_has_its_path_and_some_the_time_before_their_name():
    assert dict(PATH_PREFIXES) == {
        "VIZ": "visualization",
        "WAREHOUSE": "warehouse",
        "DBT": "transformation",
        "QUALITY": "quality",
    }
    assert {"DBT", "QUALITY"} == STAMPED_TYPES
