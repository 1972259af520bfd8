"""How often bulk listings were right about reports that REST showed as well, and what follows from that."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from mode_catalog_provider.extract.bulk_marks import moment_of

log = logging.getLogger(__name__)

#: Share of the collections that is read by REST to be compared, as long as bulk has told the truth.
USUAL_SHARE = 0.005

#: How much larger the share gets when bulk did not tell the truth, and how much smaller otherwise.
_RAISED, _LOWERED = 8.0, 0.5

#: Beyond this share of reports that differ without announcement, nothing is taken from the last snapshot.
MOST_UNANNOUNCED = 0.1


class Verification:
    """Counts what bulk did not announce, and decides how much is compared the next time."""

    def __init__(self) -> None:
        self.compared = 0
        self.unannounced = 0
        #: Differences that bulk cannot have known of yet.
        self.late = 0
        self.fields: Counter[str] = Counter()
        self.share = USUAL_SHARE

    def begin(self, said: object) -> None:
        """Take over the share that the last snapshot's manifest asks for.

        :param said: what :meth:`to_json` returned then.
        """
        share = said.get("next_share") if isinstance(said, Mapping) else None
        self.share = share if isinstance(share, float) else USUAL_SHARE

    def sample(self, collections: list[str], *, seed: int) -> set[str]:
        """Return which of the unchanged collections are read by REST, to be compared."""
        if not collections:
            return set()
        count = min(len(collections), max(1, round(self.share * len(collections))))
        return set(Random(seed).sample(sorted(collections), count))  # noqa: S311

    def differs(self, row: Mapping[str, Any], names: list[str], *, newest: str | None) -> None:
        """Count a report that is not as bulk made believe.

        :param row: of the report, as REST shows it.
        :param names: of the columns that differ.
        :param newest: time of the newest change that bulk shows, as written.
        """
        changed, known_until = moment_of(row["updated_at"]), moment_of(newest)
        if names == ["view_count"] or (
            changed is not None and known_until is not None and changed > known_until
        ):
            # It changed after all that bulk shows, or is looked at this minute.
            self.late += 1
            return
        self.unannounced += 1
        self.fields.update(names)

    def missing(self, *, gone: int, appeared: int) -> None:
        """Count reports of a collection that bulk shows and REST does not, and the other way round."""
        if gone:
            self.unannounced += gone
            self.fields["missing"] += gone
        self.late += appeared

    def passed(self) -> bool:
        """Return whether bulk is to be believed, and say so where it is not."""
        if self.unannounced <= 1 or self.unannounced <= MOST_UNANNOUNCED * self.compared:
            return True
        log.warning(
            "Mode's Discovery API did not announce %d changes of %d reports that were compared (%s), so all "
            "reports are listed by REST this time.",
            self.unannounced,
            self.compared,
            _listed(self.fields),
        )
        return False

    def to_json(self) -> dict[str, Any]:
        """Return it for the manifest."""
        share = min(1.0, max(USUAL_SHARE, self.share * (_RAISED if self.unannounced else _LOWERED)))
        return {
            "compared": self.compared,
            "unannounced": self.unannounced,
            "late": self.late,
            "fields": dict(self.fields),
            "share": self.share,
            "next_share": share,
        }

    def tell(self) -> None:
        """Log how often bulk was right, where there was something to compare."""
        if self.unannounced:
            log.warning(
                "Of %d reports that were compared, %d had changed and Mode's Discovery API did not say so "
                "(%s). More are compared the next time.",
                self.compared,
                self.unannounced,
                _listed(self.fields),
            )
        elif self.compared:
            log.info("Compared with REST: %d reports, as the Discovery API said", self.compared)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
