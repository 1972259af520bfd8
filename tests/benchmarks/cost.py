"""Goals about the number of requests: they do not depend on time, so nothing is limited or slow here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.extraction import UNLIMITED
from tests.benchmarks.goals import Goal
from tests.benchmarks.service import Service
from tests.benchmarks.sizes import Size
from tests.benchmarks.subject import measure


@dataclass(frozen=True, kw_only=True)
class Night:
    """One extraction after the others, in the same folder.

    :param title: what it is called in the table.
    :param options: of the extraction.
    :param edited: share of the reports that somebody edits before it.
    :param most: requests it may cost at most, by the name of the size; without a number there is no goal.
    """

    title: str
    options: dict[str, Any]
    edited: float = 0.0
    most: dict[str, int]


_FULL = {"incremental": True}
_LITE = {"incremental": True, "members": "lite"}

NIGHTS = (
    Night(
        title='`hybrid`, `members="lite"`',
        options={"strategy": "hybrid", "members": "lite"},
        most={"medium": 520},
    ),
    Night(title="`incremental`, the first night", options=_FULL, most={}),
    Night(title="`incremental`, nothing changed", options=_FULL, most={"medium": 60}),
    Night(
        title='`incremental`, nothing changed, `members="lite"`',
        options=_LITE,
        most={"medium": 45, "large": 180},
    ),
    Night(
        title='`incremental`, 1 % edited, `members="lite"`', options=_LITE, edited=0.01, most={"medium": 110}
    ),
    Night(title='`incremental`, 10 % edited, `members="lite"`', options=_LITE, edited=0.1, most={}),
)


def requests_needed(size: Size) -> Iterator[Goal]:
    """Count the requests of one night after the other, datasets included."""
    with (
        Service(shape=size.shape, mode={"limiter": "off"}) as service,
        tempfile.TemporaryDirectory() as folder,
    ):
        for night in NIGHTS:
            if night.edited:
                reports = sorted(service.expected()["report"])
                service.edit(reports[: round(night.edited * len(reports))])
            service.forget_requests()
            measure(
                "ours:extract",
                mode=service.mode,
                folder=folder,
                options=night.options,
                requests_per_second=UNLIMITED,
            )
            counted, most = len(service.requests()), night.most.get(size.name)
            yield Goal(
                f"requests, {night.title}, {size.name}",
                f"{counted:,}",
                "" if most is None else f"at most {most:,}",
                None if most is None else counted <= most,
            )
