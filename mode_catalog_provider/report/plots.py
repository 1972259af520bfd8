"""Small plots as SVG: a line over the kept snapshots, readable without a script and by a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Size in CSS pixels; the file scales it.
WIDTH, HEIGHT = 240, 48

_MARGIN = 4


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One line.

    :param title: what is shown.
    :param points: ``(when, how much)``, the oldest first; ``None`` is a gap.
    :param unit: of the values, behind the last one.
    """

    title: str
    points: tuple[tuple[str, float | None], ...]
    unit: str = ""

    @property
    def known(self) -> list[tuple[str, float]]:
        """The points without the gaps."""
        return [(when, value) for when, value in self.points if value is not None]

    @property
    def last(self) -> str:
        """The last value, for people."""
        return _number(self.known[-1][1], self.unit) if self.known else "unknown"

    @property
    def summary(self) -> str:
        """The plot in words."""
        if not self.known:
            return f"{self.title}: unknown"
        values = [value for _, value in self.known]
        return (
            f"{self.title}: {len(values)} values from {self.known[0][0]} to {self.known[-1][0]}, between "
            f"{_number(min(values), self.unit)} and {_number(max(values), self.unit)}, last {self.last}"
        )

    @property
    def lines(self) -> list[str]:
        """The points of each piece between two gaps, as an SVG polyline takes them."""
        values = [value for _, value in self.known]
        if not values:
            return []
        low, high = min(values), max(values)
        pieces: list[list[str]] = [[]]
        for place, (_, value) in enumerate(self.points):
            if value is None:
                pieces.append([])
            else:
                pieces[-1].append(f"{_across(place, len(self.points)):.1f},{_up(value, low, high):.1f}")
        return [" ".join(piece if len(piece) > 1 else piece * 2) for piece in pieces if piece]


def _across(place: int, count: int) -> float:
    return _MARGIN + (WIDTH - 2 * _MARGIN) * (place / (count - 1) if count > 1 else 0.5)


def _up(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN)


def _number(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"
    return f"{shown}{unit}"


def series(values: Sequence[tuple[str, float | None]]) -> tuple[tuple[str, float | None], ...]:
    """Return points, without gaps at both ends."""
    known = [place for place, (_, value) in enumerate(values) if value is not None]
    return tuple(values[known[0] : known[-1] + 1]) if known else ()
