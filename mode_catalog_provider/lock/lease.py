"""Who holds, and what a holder keeps and passes on."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mode_catalog_provider.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds the lock, in words a person can act on.

    :param program: what took the lock, such as ``airflow`` or ``mode-catalog``.
    :param host: name of the machine.
    :param pid: process id there.
    :param dag_id: DAG, default ``None`` (not taken by Airflow).
    :param run_id: DAG run, default ``None``.
    :param task_id: task, with its map index where it has one; default ``None``.
    """

    program: str
    host: str
    pid: int
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None

    @classmethod
    def here(
        cls,
        program: str,
        *,
        dag_id: str | None = None,
        run_id: str | None = None,
        task_id: str | None = None,
    ) -> Holder:
        """Name this process on this machine."""
        return cls(
            program=program,
            host=socket.gethostname(),
            pid=os.getpid(),
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
        )

    def same_task(self, other: Holder) -> bool:
        """Return whether both are tries of one task of one DAG run; never true outside Airflow."""
        mine = (self.dag_id, self.run_id, self.task_id)
        return None not in mine and mine == (other.dag_id, other.run_id, other.task_id)

    def describe(self) -> str:
        """Return the holder as part of a sentence."""
        process = f"process {self.pid} on {self.host}"
        if self.dag_id is None:
            return f"{self.program} ({process})"
        return f"DAG {self.dag_id!r}, run {self.run_id!r} (task {self.task_id!r}, {process})"


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
                ttl=positive_seconds(stored["ttl"]),
            )
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(
                "This is not a lease. Pass what the acquiring task returned, such as run_lock(...).lease."
            ) from None


def positive_seconds(number: Any) -> float:
    """Return a finite number of seconds above zero.

    :raises ValueError: when it is none.
    """
    seconds = float(number)
    if not 0 < seconds < math.inf:
        raise ValueError(f"{number!r} is not a number of seconds above zero")
    return seconds
