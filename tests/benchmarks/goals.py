"""The figures that have a goal: what was measured, what was wanted, whether it was reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.benchmarks.extraction import PUBLISHED_RATE, Row

#: Seconds at the published rate: with fewer requests, how a run begins and ends is a large part of it.
LONG = 60.0
WANTED = 0.97


@dataclass(frozen=True)
class Goal:
    """One line of the table of goals.

    :param goal: empty: none is set for this figure.
    :param reached: ``None``: it could not be measured, and ``measured`` says why, or no goal is set.
    """

    figure: str
    measured: str
    goal: str
    reached: bool | None


def full_rate(rows: Iterable[Row]) -> Iterator[Goal]:
    """How much of the allowed rate our runs use whose requests take longer than a minute, from the rows."""
    for row in rows:
        if row.route.options is not None and row.requests / PUBLISHED_RATE > LONG and not row.failure:
            yield Goal(
                f"share of the allowed rate used, {row.route.title}, {row.size.name}{_compressed(row)}",
                f"{row.share:.1%}, {row.refused:g} answers 429",
                f"at least {WANTED:.0%}, no 429",
                row.share >= WANTED and row.refused == 0,
            )


def _compressed(row: Row) -> str:
    return "" if row.size.compression == 1 else f", time compressed {row.size.compression:g} times"
