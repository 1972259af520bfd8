"""Wait, in the triggerer, until the run lock may be taken."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.lock import Holder, LeaseRecord, RunLock, Watch
from mode_catalog_provider.staging import staging_path

log = logging.getLogger(__name__)

#: Looks that may fail in a row before a worker is asked to look into it.
TOLERATED_ERRORS = 5
#: Seconds after which a look counts as failed: a network disk may hang for longer than anybody waits.
LOOK_SECONDS = 60.0


class RunLockTrigger(BaseTrigger):
    """Watches a lock that somebody holds; takes nothing, changes nothing.

    It may be started anew at any time; it then begins to measure anew how long the lease stands still.

    Its one event is ``{"status", "message", "seen", "deadline"}``. Status ``free``: the lock may be taken, as
    far as can be seen from here; ``timeout``: the deadline has passed; ``blind``: the lock cannot be watched
    from here, then ``permanent`` says whether a retry cannot help. ``seen`` is how long the lease was watched
    standing still (an :class:`~mode_catalog_provider.lock.Observation` as JSON, or ``None``), so that the
    worker can take it over without a watch of its own.

    :param path: directory of the lock; with the connection in the URL where it needs one.
    :param ttl: seconds after which an unreadable lease may be taken over.
    :param generation: number of the lease that is waited for; a triggerer that sees less looks elsewhere.
    :param deadline: when waiting ends, in seconds since 1970.
    :param poll_interval: seconds between two looks, and up to a tenth more.
    """

    def __init__(
        self, *, path: str, ttl: float, generation: int, deadline: float, poll_interval: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path
        self.ttl = ttl
        self.generation = generation
        self.deadline = deadline
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, all of them JSON scalars."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "path": self.path,
                "ttl": self.ttl,
                "generation": self.generation,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the lock from time to time, until there is something to tell, once."""
        watch = Watch()
        errors = 0
        while True:
            pause = self.poll_interval
            asked_at = watch.monotonic()
            try:
                # Not asyncio.to_thread: from its threads Airflow before 3.3 cannot be asked for connections
                # and runs. Not thread-sensitive: a disk that hangs must not hold up other triggers.
                look = sync_to_async(self._look, thread_sensitive=False)
                lock, record = await asyncio.wait_for(look(), timeout=LOOK_SECONDS)
                reason = await self._why_free(lock, record, watch, asked_at)
                errors = 0
            except Exception as error:
                errors += 1
                message = f"The lock at {self.path} cannot be watched: {error or type(error).__name__}"
                permanent = isinstance(error, ModeCatalogError) and error.permanent
                if permanent or errors > TOLERATED_ERRORS:
                    yield self._event("blind", message, watch, permanent=permanent)
                    return
                self.log.warning("%s (error %d in a row, waiting on)", message, errors)
            else:
                if record is None or record.generation < self.generation:
                    yield self._event("blind", self._elsewhere(), watch, permanent=True)
                    return
                if reason is not None:
                    yield self._event("free", f"The lock at {self.path} may be taken: {reason}.", watch)
                    return
                pause = lock.expiry.pause(record, watch, timedelta(seconds=self.poll_interval))
            left = self.deadline - time.time()
            if left <= 0:
                yield self._event("timeout", f"The lock at {self.path} did not become free in time.", watch)
                return
            await asyncio.sleep(min(left, pause * random.uniform(1.0, 1.1)))  # noqa: S311 - no secret

    def _look(self) -> tuple[RunLock, LeaseRecord | None]:
        lock = RunLock(staging_path(self.path), ttl=timedelta(seconds=self.ttl))
        return lock, lock.state()

    async def _why_free(
        self, lock: RunLock, record: LeaseRecord | None, watch: Watch, asked_at: float
    ) -> str | None:
        watch.note(record, asked_at=asked_at)
        if watch.changed and record is not None and not record.released:
            self.log.info("Waiting: the lock at %s is %s.", self.path, record.describe())
        if record is None:
            return None
        reason = lock.expiry.why_free(record, seen=watch.seen)
        if reason is None and record.claim is not None:
            over = sync_to_async(run_is_over, thread_sensitive=False)
            if await asyncio.wait_for(over(record.claim.holder), timeout=LOOK_SECONDS):
                return "its holder's run is over"
        return reason

    def _elsewhere(self) -> str:
        return (
            f"The triggerer does not see the lock at {self.path}: it has another directory there, or none. "
            "Mount the same directory on workers and triggerer, put the lock on an object store, or wait on "
            "the worker (deferrable=False)."
        )

    def _event(self, status: str, message: str, watch: Watch, **more: Any) -> TriggerEvent:
        seen = None if watch.seen is None else watch.seen.to_json()
        payload = {"status": status, "message": message, "seen": seen, "deadline": self.deadline, **more}
        return TriggerEvent(payload)


def run_is_over(holder: Holder) -> bool:
    """Ask Airflow whether the holder's DAG run has ended, from a task or from a trigger.

    A run that this Airflow does not know (deleted, or of another installation), a holder without a run, and
    an Airflow that gives no answer count as not over: the ttl decides then.

    :param holder: who holds the lock.
    """
    if holder.dag_id is None or holder.run_id is None:
        return False
    # Imported here: it loads the whole task runner, which parsing a DAG must not.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        # A count is 0 for an unknown run, where asking for its state is an error that differs by version.
        ended = RuntimeTaskInstance.get_dr_count(
            dag_id=holder.dag_id, run_ids=[holder.run_id], states=["success", "failed"]
        )
    except Exception as error:
        log.warning("Airflow does not say whether the run of %s is over: %s", holder.describe(), error)
        return False
    return ended > 0
