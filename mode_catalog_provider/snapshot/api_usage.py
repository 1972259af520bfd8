"""How much of what Mode's API allows the extractions took, day by day, as the kept manifests tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mode_catalog_provider.snapshot.manifest import TOO_MANY
from mode_catalog_provider.snapshot.reader import Snapshot

#: What Mode allows a workspace: 40 requests in any 10 seconds.
PER_SECOND = 4.0

_DAY = 86_400

#: Under which word requests stand in manifests that do not tell them apart.
UNKNOWN = "unknown"


@dataclass
class DayOfRequests:
    """What the snapshots of one day took.

    :param day: ``YYYY-MM-DD``, UTC.
    :param snapshots: how many were made.
    :param operations: requests by kind.
    :param seconds: the extractions took together.
    :param refused: requests refused by the rate limit (429).
    :param throttled_seconds: waited for the rate limit, over all threads.
    """

    day: str
    snapshots: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    refused: int = 0
    throttled_seconds: float = 0.0

    @property
    def requests(self) -> int:
        """All requests of the day."""
        return sum(self.operations.values())

    @property
    def share_of_day(self) -> float:
        """Which part of what the limit allows in a day they were."""
        return self.requests / (PER_SECOND * _DAY)

    @property
    def share_while_working(self) -> float | None:
        """How near the limit the extractions worked, 1 is all of it; ``None`` when nobody knows how long."""
        return self.requests / (PER_SECOND * self.seconds) if self.seconds > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return the day as a JSON object."""
        working = self.share_while_working
        return {
            "day": self.day,
            "snapshots": self.snapshots,
            "requests": self.requests,
            "operations": dict(sorted(self.operations.items())),
            "refused": self.refused,
            "throttled_seconds": round(self.throttled_seconds, 3),
            "seconds": round(self.seconds, 3),
            "allowed": int(PER_SECOND * _DAY),
            "share_of_day": round(self.share_of_day, 6),
            "share_while_working": None if working is None else round(working, 4),
        }


def api_usage(snapshots: Iterable[Snapshot]) -> list[DayOfRequests]:
    """Return the days on which snapshots were made, in order.

    Sets of the vendor's tool tell nothing and are left out.
    """
    days: dict[str, DayOfRequests] = {}
    for snapshot in snapshots:
        manifest = snapshot.manifest
        if snapshot.adopted:
            continue
        day = days.setdefault(manifest.started_at[:10], DayOfRequests(manifest.started_at[:10]))
        figures = manifest.figures
        day.snapshots += 1
        day.operations.update(dict(_operations(figures)))
        day.seconds += _number(figures.get("seconds"))
        day.refused += int(_number(figures.get("refused_by_limiter")))
        day.throttled_seconds += _number(figures.get("throttled_seconds"))
    return [days[day] for day in sorted(days)]


def _operations(figures: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    operations = figures.get("operations")
    if not isinstance(operations, Mapping):
        yield UNKNOWN, int(_number(figures.get("requests")))
        return
    for name, one in operations.items():
        outcomes = one.get("outcomes") if isinstance(one, Mapping) else None
        yield str(name), sum(int(_number(count)) for count in (outcomes or {}).values())


def _number(value: Any) -> float:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < TOO_MANY
    return float(value) if is_one else 0.0
