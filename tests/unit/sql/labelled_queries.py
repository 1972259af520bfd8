"""Queries as people write them in Mode, each with the tables that it reads, said by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent / "labelled"

#: File and dialect of each; every line ``### a.b, c.d`` begins a query and names its tables.
DIALECTS = {
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "redshift": "redshift",
    "postgres": "postgres",
    "tsql": "tsql",
    "databricks": "databricks",
    "presto": "trino",
    "mysql": "mysql",
}


@dataclass(frozen=True)
class LabelledQuery:
    dialect: str
    sql: str
    tables: frozenset[str]


def labelled_queries(name: str) -> Iterator[LabelledQuery]:
    text = (_HERE / f"{name}.txt").read_text(encoding="utf-8")
    for part in text.removeprefix("### ").split("\n### "):
        label, _, sql = part.partition("\n")
        tables = frozenset(one.strip() for one in label.split(",") if one.strip())
        yield LabelledQuery(DIALECTS[name], sql, tables)
