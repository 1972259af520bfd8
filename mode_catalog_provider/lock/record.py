"""What stands in the store: the content of one lease file, as its holder wrote it and as others read it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mode_catalog_provider.lock.lease import Holder, positive_seconds
from mode_catalog_provider.moments import in_utc, spoken

#: Version of the stored claim; one of another version counts as unreadable, hence as held.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a holder says of itself in its lease file.

    :param token: random mark by which the holder knows its file again.
    :param holder: who took the lease.
    :param ttl: seconds without renewal after which others may take over.
    :param acquired_at: when it was taken, by the taker's clock.
    :param renewed_at: when it was renewed last, by the clock of ``renewed_on``.
    :param renewed_on: machine that renewed it last.
    :param renewals: how often it was renewed.
    """

    token: str
    holder: Holder
    ttl: float
    acquired_at: datetime
    renewed_at: datetime
    renewed_on: str
    renewals: int = 0

    @property
    def until(self) -> datetime:
        """When it expires unless it is renewed, by the clock of ``renewed_on``."""
        return datetime.fromtimestamp(self.renewed_at.timestamp() + self.ttl, UTC)

    def encode(self) -> bytes:
        """Return the content of the lease file."""
        stored = {
            "version": VERSION,
            **asdict(self),
            "acquired_at": self.acquired_at.isoformat(),
            "renewed_at": self.renewed_at.isoformat(),
        }
        return json.dumps(stored).encode()

    @classmethod
    def decode(cls, content: bytes) -> Claim:
        """Read what :meth:`encode` wrote.

        :raises ValueError: when it is half-written, foreign, or of another version.
        """
        try:
            stored = json.loads(content)
            if stored["version"] != VERSION:
                raise ValueError(f"version {stored['version']}")
            claim = cls(
                token=str(stored["token"]),
                holder=Holder(**stored["holder"]),
                ttl=positive_seconds(stored["ttl"]),
                acquired_at=_moment(stored["acquired_at"]),
                renewed_at=_moment(stored["renewed_at"]),
                renewed_on=str(stored["renewed_on"]),
                renewals=int(stored["renewals"]),
            )
            claim.until  # noqa: B018 - a moment that no calendar holds must fail here, not in a message
        except (KeyError, TypeError, OverflowError, OSError, RecursionError) as error:
            raise ValueError(f"not a lease record: {error}") from None
        return claim


@dataclass(frozen=True, kw_only=True)
class LeaseRecord:
    """The state of the lock: its highest generation, as somebody read it.

    :param generation: number in the file's name.
    :param released: whether it was given back.
    :param fingerprint: hash of the content; two equal ones mean that nobody renewed in between.
    :param claim: the content; ``None`` when it cannot be read (half-written, or not ours).
    :param modified_at: the file's own time in seconds since 1970, ``None`` where the store tells none.
    """

    generation: int
    released: bool
    fingerprint: str
    claim: Claim | None
    modified_at: float | None = None

    @classmethod
    def read(
        cls, generation: int, content: bytes, *, released: bool, modified_at: float | None = None
    ) -> LeaseRecord:
        """Read a lease file; never fails, because what cannot be read counts as held."""
        claim: Claim | None
        try:
            claim = Claim.decode(content)
        except ValueError:
            claim = None
        return cls(
            generation=generation,
            released=released,
            fingerprint=hashlib.sha256(content).hexdigest(),
            claim=claim,
            modified_at=modified_at,
        )

    def describe(self) -> str:
        """Return who holds since when until when, as the end of a sentence that begins "The lock is"."""
        if self.released:
            return "free"
        if self.claim is None:
            return f"held by somebody whose record (generation {self.generation}) cannot be read"
        return (
            f"held by {self.claim.holder.describe()} since {spoken(self.claim.acquired_at)}, "
            f"until {spoken(self.claim.until)} unless renewed"
        )


def _moment(text: Any) -> datetime:
    return in_utc(datetime.fromisoformat(text))
