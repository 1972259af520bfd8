"""Take the run lock, or wait for it without a worker slot."""

from __future__ import annotations

import _thread
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator

from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    LockError,
    LockHeldError,
    LockTimeoutError,
    ModeCatalogError,
)
from mode_catalog_provider.lock import Clocks, Holder, Lease, LeaseRecord, Observation, RunLock, Watch
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.triggers.lock import RunLockTrigger, run_is_over

if TYPE_CHECKING:
    from airflow.sdk import Context

#: What ``conflict`` may say.
CONFLICT_POLICIES = ("wait", "skip", "fail")

# The trigger ends the wait itself; Airflow's own limit is for a triggerer that is not there.
_TRIGGER_GRACE = timedelta(minutes=15)


class AcquireLockOperator(BaseOperator):
    """Take the run lock, or wait for it without a worker slot.

    A lease whose holder's DAG run is over is taken over at once; one that nobody renews, when its ttl is over
    by the clock of who waits; one left by an earlier try of this same task, at once.

    :param path: directory of the lock, local or a URL. Templated.
    :param ttl: time without renewal after which others take the lock over, default one hour; see
        :func:`~mode_catalog_provider.operators.lock.run_lock` for what it must exceed.
    :param conflict: ``wait`` (default), ``skip`` or ``fail`` while somebody else holds the lock. Templated.
    :param timeout: how long to wait at most, default six hours; a shorter ``execution_timeout`` takes its
        place.
    :param output_conn_id: connection of the object store, default ``None``. Templated.
    :param poll_interval: time between two looks while waiting, default 30 seconds.
    :param deferrable: wait in the triggerer, default ``True``; ``False`` waits on the worker.
    :return: the lease, for ``lease`` of the other operators: ``path``, ``generation``, ``token`` (a random
        mark, no secret), ``ttl`` in seconds.
    :raises AirflowSkipException: somebody else holds the lock and ``conflict`` is ``skip``.
    :raises AirflowFailException: somebody else holds the lock and ``conflict`` is ``fail``; the wait took too
        long; or the lock cannot be used at all. The message names the holder.
    """

    template_fields: Sequence[str] = ("path", "conflict", "output_conn_id")
    ui_color = "#f4e6c8"

    def __init__(
        self,
        *,
        path: str,
        ttl: timedelta = timedelta(hours=1),
        conflict: str = "wait",
        timeout: timedelta = timedelta(hours=6),
        output_conn_id: str | None = None,
        poll_interval: timedelta = timedelta(seconds=30),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.ttl = ttl
        self.conflict = conflict
        self.timeout = timeout
        self.output_conn_id = output_conn_id
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self._lock: RunLock | None = None
        self._lease: Lease | None = None
        self._killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Take the lock if it is free, else do what ``conflict`` says."""
        with _lock_errors():
            if self.conflict not in CONFLICT_POLICIES:
                raise ConfigurationError(
                    f"conflict={self.conflict!r} is not known; use one of {', '.join(CONFLICT_POLICIES)}."
                )
            deadline = time.time() + self._patience()
            try:
                return self._take(context)
            except LockHeldError as held:
                if self.conflict == "skip":
                    raise AirflowSkipException(f"{held} This run is skipped.") from held
                if self.conflict == "fail":
                    raise AirflowFailException(f"{held} This run does not wait for it.") from held
                return self._wait(context, held, deadline)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Try again after the trigger saw something; another waiter may have been quicker.

        :param event: of :class:`~mode_catalog_provider.triggers.lock.RunLockTrigger`. It brings the deadline
            with it, as ``dag.test()`` brings no other arguments here.
        """
        with _lock_errors():
            if not event or event.get("status") not in {"free", "timeout", "blind"}:
                raise ModeCatalogError(f"The trigger sent an event that is not understood: {event!r}.")
            message, seen = event["message"], event["seen"]
            self.log.info("%s", message)
            try:
                return self._take(context, Watch(seen=None if seen is None else Observation.from_json(seen)))
            except LockHeldError as held:
                if event["status"] == "blind":
                    kind = ConfigurationError if event["permanent"] else LockError
                    raise kind(f"{message} {held}") from held
                return self._wait(context, held, event["deadline"])

    def on_kill(self) -> None:
        """Give back what was taken.

        The handler interrupts the main thread anywhere, also where it holds a lock of the storage client, so
        the releasing is done by a thread of its own. Before the lock is taken there is only a mark to leave.
        """
        self._killed = True
        if self._lease is not None:
            done = _thread.allocate_lock()
            done.acquire()
            _thread.start_new_thread(self._let_go, (done,))
            # Airflow kills the task five seconds after it told it to stop.
            done.acquire(timeout=3)

    def _take(self, context: Context, watch: Watch | None = None) -> dict[str, Any]:
        holder = holder_of(context)
        return self._keep(self._open().try_acquire(holder, holder_is_over=run_is_over, watch=watch))

    def _keep(self, lease: Lease) -> dict[str, Any]:
        self._lease = lease
        if self._killed:
            self._open().release(lease)
            raise CancelledError("The task was told to stop; the lock was given back.")
        self.log.info(
            "Took the lock at %s (generation %d); it expires %s after its last renewal.",
            lease.path,
            lease.generation,
            timedelta(seconds=lease.ttl),
        )
        return lease.to_json()

    def _wait(self, context: Context, held: LockHeldError, deadline: float) -> dict[str, Any]:
        left = deadline - time.time()
        if left <= 0:
            raise LockTimeoutError(
                f"{held} It did not become free within {timedelta(seconds=self._patience())}."
            )
        self.log.info("%s Waiting for %s at most.", held, timedelta(seconds=round(left)))
        if self.deferrable:
            self._defer(held, deadline)
        lease = self._open().acquire(
            holder_of(context),
            timeout=timedelta(seconds=left),
            poll=self.poll_interval,
            holder_is_over=run_is_over,
            on_wait=self._say,
        )
        return self._keep(lease)

    def _defer(self, held: LockHeldError, deadline: float) -> NoReturn:
        record: LeaseRecord | None = held.state
        self.defer(
            trigger=RunLockTrigger(
                path=self._open().path,
                ttl=self.ttl.total_seconds(),
                generation=record.generation if record else 0,
                deadline=deadline,
                poll_interval=self.poll_interval.total_seconds(),
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, deadline - time.time())) + _TRIGGER_GRACE,
        )

    def _open(self) -> RunLock:
        if self._lock is None:
            directory = staging_path(self.path, self.output_conn_id or None)
            self._lock = RunLock(directory, ttl=self.ttl, clocks=Clocks(sleep=self._nap))
        return self._lock

    def _nap(self, seconds: float) -> None:
        # In short naps: a signal handler cannot wake a sleeper, nor may it take the lock of an event.
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            if self._killed:
                raise CancelledError("The task was told to stop while it waited for the lock.")

    def _say(self, record: LeaseRecord) -> None:
        self.log.info("Waiting: the lock at %s is %s.", self._open().path, record.describe())

    def _patience(self) -> float:
        limits = [self.timeout]
        if self.execution_timeout is not None:
            # Airflow does not end a deferred task by its execution_timeout.
            limits.append(self.execution_timeout)
        return min(limits).total_seconds()

    def _let_go(self, done: _thread.LockType) -> None:
        with contextlib.suppress(Exception):
            if self._lock is not None and self._lease is not None:
                self._lock.release(self._lease)
        done.release()


def holder_of(context: Context) -> Holder:
    """Return the running task as the holder of a lock."""
    ti = context["ti"]
    map_index = ti.map_index if ti.map_index is not None else -1
    return Holder.here(
        "airflow",
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id if map_index < 0 else f"{ti.task_id}[{map_index}]",
    )


@contextlib.contextmanager
def _lock_errors() -> Iterator[None]:
    """As :func:`airflow_errors`, and a wait that took too long fails too: another try would wait as long."""
    try:
        with airflow_errors():
            yield
    except LockTimeoutError as error:
        raise AirflowFailException(str(error)) from error
