"""Makes tokens, names and queries out of numbers: the same number always gives the same thing."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

from tests.sandbox.nasty import NASTY_QUERIES, leave
from tests.sandbox.objects import DataSource, Query, Report, stamp_of_day

_SUBJECTS = ("orders", "customers", "sessions", "invoices", "shipments", "tickets", "budgets", "campaigns")
_MEASURES = ("revenue", "margin", "retention", "latency", "conversion", "churn", "headcount", "stock")
_SCOPES = ("by region", "per week", "by channel", "year on year", "by team", "per plan", "funnel", "overview")


class Maker:
    """Deterministic names and queries of one workspace.

    :param seed: another seed gives another workspace of the same shape.
    :param sql_bytes: usual length of a query's SQL.
    """

    def __init__(self, *, seed: int, sql_bytes: int = 600) -> None:
        self.seed = seed
        self.sql_bytes = sql_bytes
        self.data_sources: list[DataSource] = []

    def number(self, kind: str, index: int) -> int:
        """A number below 2**48 that looks random."""
        return int(self.token(kind, index), 16)

    def token(self, kind: str, index: int) -> str:
        """12 lower-case hex characters, as Mode's tokens."""
        return blake2b(f"{self.seed}/{kind}/{index}".encode(), digest_size=6).hexdigest()

    def uuid4(self, kind: str) -> str:
        return str(UUID(bytes=blake2b(f"{self.seed}/{kind}".encode(), digest_size=16).digest(), version=4))

    def title(self, kind: str, index: int) -> str:
        number = self.number(kind, index)
        words = (_SUBJECTS[number % 8], _MEASURES[number // 8 % 8], _SCOPES[number // 64 % 8])
        return f"{words[0].title()} {words[1]} {words[2]} {index + 1}"

    def query(self, report: Report, index: int) -> Query:
        """The ``index``-th query of a report nobody has edited."""
        serial = report.seed * 256 + index
        number = self.number("query", serial)
        source = self.data_sources[number % len(self.data_sources)].id if self.data_sources else None
        query = Query(
            token=f"{number:012x}",
            id=1_000_000 + serial,
            name=f"Query {index + 1}",
            raw_query=self.sql(number),
            data_source_id=source,
            created_at=stamp_of_day(30 + serial % 300),
            updated_at=stamp_of_day(400 + serial % 300),
        )
        if report.nasty and index == 0:
            NASTY_QUERIES.get(report.nasty, leave)(query)
        return query

    def sql(self, number: int) -> str:
        subject, measure = _SUBJECTS[number % 8], _MEASURES[number // 8 % 8]
        head = (
            f"-- {measure} of {subject}\n"
            f"select date_trunc('week', t.created_at) as week, sum(t.{measure}) as {measure}\n"
            f"from analytics.{subject}_{number % 97} t\n"
            f"join analytics.dim_date d on d.day = t.created_at::date\n"
        )
        line = f"  and t.attribute_{number % 13} <> 'value {number % 1009}'\n"
        wanted = self.sql_bytes // 2 + number % max(1, self.sql_bytes)
        return f"{head}where 1 = 1\n{line * max(1, (wanted - len(head)) // len(line))}group by 1\norder by 1"
