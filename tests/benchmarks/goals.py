"""The figures that have a goal: what was measured, what was wanted, whether it was reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.benchmarks.extraction import Row


@dataclass(frozen=True)
class Goal:
    """One line of the table of goals.

    :param reached: ``None``: it could not be measured, and ``measured`` says why.
    """

    figure: str
    measured: str
    goal: str
    reached: bool | None


def full_rate(rows: Iterable[Row], size: str) -> Goal:
    """How much of the allowed rate the REST route uses, from the row that was measured."""
    row = next((row for row in rows if row.route.name == "rest" and row.size.name == size), None)
    figure = f"share of the allowed rate used, `rest`, {size}, latency 300 ms"
    goal = "at least 97 %, no 429"
    if row is None:
        return Goal(figure, "route `rest` was not measured", goal, None)
    return Goal(
        f"{figure}, time compressed {row.size.compression:g} times",
        f"{row.share:.1%}, {row.refused:g} answers 429",
        goal,
        row.share >= 0.97 and row.refused == 0,
    )
