"""Who holds, what a holder keeps and passes on, and what stands in its lease file."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.lock.machine import process_mark
from mode_catalog_provider.moments import in_utc, spoken
from mode_catalog_provider.text import visible

#: Version of the stored claim; one of another version counts as unreadable, hence as held.
VERSION = 1

#: The longest ttl. Whoever wants more wants a lock for ever; a record that says more cannot be read.
MAX_TTL = timedelta(days=31)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds the lock, in words a person can act on.

    :param program: what took the lock, such as ``airflow`` or ``mode-catalog``.
    :param host: name of the machine.
    :param pid: process id there.
    :param process: mark of that process (:func:`mode_catalog_provider.lock.machine.process_mark`) when the
        lease lives no longer than it does; default ``None``: the lease outlives the process that took it, as
        one of an Airflow task does.
    :param installation: mark of the installation of Airflow, default ``None`` (not taken by Airflow, or by
        one that did not say). Two installations may run one DAG at the same times.
    :param dag_id: DAG, default ``None`` (not taken by Airflow).
    :param run_id: DAG run, default ``None``.
    :param task_id: task, with its map index where it has one; default ``None``.
    """

    program: str
    host: str
    pid: int
    process: str | None = None
    installation: str | None = None
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None

    @classmethod
    def here(
        cls,
        program: str,
        *,
        for_life: bool = False,
        installation: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        task_id: str | None = None,
    ) -> Holder:
        """Name this process on this machine.

        :param for_life: whether the lease ends with this process, so that a waiter on the same machine need
            not wait for the ttl of one that was killed. Default ``False``.
        """
        return cls(
            program=program,
            host=socket.gethostname(),
            pid=os.getpid(),
            process=process_mark(os.getpid()) if for_life else None,
            installation=installation,
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
        )

    def same_task(self, other: Holder) -> bool:
        """Return whether both are tries of one task of one DAG run of one Airflow; never true outside one.

        Not known to be of one installation is taken for not: the ids of a scheduled run are the same in all.
        """
        mine, others = (
            (holder.installation, holder.dag_id, holder.run_id, holder.task_id) for holder in (self, other)
        )
        return all(mine) and mine == others

    def describe(self) -> str:
        """Return the holder as part of a sentence."""
        process = f"process {self.pid} on {visible(self.host)}"
        if self.dag_id is None:
            return f"{visible(self.program)} ({process})"
        dag, run, task = (visible(name, 250) for name in (self.dag_id, self.run_id, self.task_id))
        return f"DAG '{dag}', run '{run}' (task '{task}', {process})"

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Holder:
        """Read what :func:`dataclasses.asdict` made of a holder, of an older or newer version too.

        :raises KeyError, TypeError, ValueError, AttributeError, OverflowError: when it is something else.
        """
        text = {
            name: _text(stored.get(name))
            for name in ("process", "installation", "dag_id", "run_id", "task_id")
        }
        return cls(program=str(stored["program"]), host=str(stored["host"]), pid=int(stored["pid"]), **text)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """What its holder keeps and passes on; small and JSON, so that it goes through XCom.

    :param path: directory of the lock, as its holder wrote it.
    :param generation: number of the lease; every later lease of the directory has a higher one.
    :param token: random mark by which the holder knows its record again; no secret.
    :param ttl: seconds without renewal after which others may take over.
    """

    path: str
    generation: int
    token: str
    ttl: float

    def to_json(self) -> dict[str, Any]:
        """Return the lease as JSON scalars."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Lease:
        """Read what :meth:`to_json` wrote.

        :raises ConfigurationError: when it is something else.
        """
        try:
            return cls(
                path=str(stored["path"]),
                generation=int(stored["generation"]),
                token=str(stored["token"]),
                ttl=lease_seconds(stored["ttl"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ConfigurationError(
                "This is not a lease. Pass what the acquiring task returned, such as run_lock(...).lease."
            ) from None


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
                holder=Holder.from_json(stored["holder"]),
                ttl=lease_seconds(stored["ttl"]),
                acquired_at=_moment(stored["acquired_at"]),
                renewed_at=_moment(stored["renewed_at"]),
                renewed_on=str(stored["renewed_on"]),
                renewals=int(stored["renewals"]),
            )
            claim.until  # noqa: B018 - a moment that no calendar holds must fail here, not in a message
        except (KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
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


def lease_seconds(number: Any) -> float:
    """Return a ttl.

    :raises ValueError: when it is none: a lease of a hundred years would be one for ever.
    """
    seconds = float(number)
    if not 0 < seconds <= MAX_TTL.total_seconds():
        raise ValueError(f"a lease lasts above 0 and at most {MAX_TTL.days} days, not {number!r} seconds")
    return seconds


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
