"""Take and give back the run lock, as setup and teardown of the work between them."""

from __future__ import annotations

import _thread
import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import BaseOperator

from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    LockHeldError,
    LockTimeoutError,
)
from mode_catalog_provider.lock import Clocks, Lease, LeaseRecord, RunLock
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from mode_catalog_provider.tasks.durations import length_of_time
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.held_lease import lease_of, lock_of
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.lock_wait import POLL, LockWait
from mode_catalog_provider.tasks.rendered import rendered_path

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.xcom_arg import XComArg

#: What ``conflict`` may say.
CONFLICT_POLICIES = ("wait", "skip", "fail")


class RunLockTasks(NamedTuple):
    """The two tasks of a lock: ``acquire, release = run_lock(...)``."""

    acquire: AcquireLockOperator
    release: ReleaseLockOperator

    @property
    def lease(self) -> XComArg:
        """The lease, for the ``lease`` argument of the operators that work under the lock."""
        return self.acquire.output


def run_lock(
    path: str,
    *,
    ttl: timedelta = timedelta(hours=1),
    conflict: str = "wait",
    timeout: timedelta = timedelta(hours=6),
    output_conn_id: str | None = None,
    poll_interval: timedelta = POLL,
    deferrable: bool = True,
    acquire_task_id: str = "acquire_lock",
    release_task_id: str = "release_lock",
) -> RunLockTasks:
    """Make the two tasks of a lock, wired as setup and teardown; put the work between them.

    .. code-block:: python

        lock = run_lock("s3://bucket/mode/.lock", output_conn_id="aws_default")
        extract = ModeExtractOperator(task_id="extract", output_dir=..., lease=lock.lease)
        upload = CatalogUploadOperator(task_id="upload", manifest=extract.output, lease=lock.lease)
        lock.acquire >> extract >> upload >> lock.release

    The teardown is only the fast way to free the lock. It does not run when a DAG run exceeds its
    ``dagrun_timeout`` or when the acquiring task fails; the lock is then taken over as soon as the run is
    over, at the latest when the lease has expired.

    :param path: directory of the lock, local or a URL. Everything that must not overlap uses the same one.
        Templated.
    :param ttl: time without renewal after which others take the lock over, default one hour. Tasks that are
        given the lease renew it while they work, but nobody does between tasks: it must exceed the time that
        a task waits in the queue, and the delay before a retry.
    :param conflict: what to do while somebody else holds the lock: ``wait`` (default), ``skip`` the work, or
        ``fail`` at once. Templated.
    :param timeout: how long to wait at most, default six hours; then the task fails and is not retried. A
        shorter ``execution_timeout`` takes its place, also while deferred.
    :param output_conn_id: connection of the object store, default ``None``. Templated.
    :param poll_interval: time between two looks while waiting, default 30 seconds.
    :param deferrable: wait in the triggerer, default ``True`` whatever ``[operators] default_deferrable``
        says: a wait may take hours, and must not hold the worker slot that the holder's work needs.
        ``False``, for an Airflow without triggerer, waits on the worker.
    :param acquire_task_id: id of the setup, default ``acquire_lock``.
    :param release_task_id: id of the teardown, default ``release_lock``.
    :return: both tasks, and the lease to pass on.
    """
    acquire = AcquireLockOperator(
        task_id=acquire_task_id,
        path=path,
        ttl=ttl,
        conflict=conflict,
        timeout=timeout,
        output_conn_id=output_conn_id,
        poll_interval=poll_interval,
        deferrable=deferrable,
    )
    release = ReleaseLockOperator(task_id=release_task_id, lease=acquire.output)
    # A lock that could not be given back expires; the work that was done is no less done.
    release.as_teardown(setups=acquire, on_failure_fail_dagrun=False)
    return RunLockTasks(acquire=acquire, release=release)


class AcquireLockOperator(BaseOperator):
    """Take the run lock, or wait for it without a worker slot.

    A lease whose holder's DAG run is over is taken over at once; one that nobody renews, when its ttl is over
    by the clock of who waits; one left by an earlier try of this same task, at once.

    :param path: directory of the lock, local or a URL. Templated.
    :param ttl: time without renewal after which others take the lock over, default one hour; see
        :func:`run_lock` for what it must exceed.
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
        poll_interval: timedelta = POLL,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.ttl = length_of_time("ttl", ttl)
        self.conflict = conflict
        self.timeout = length_of_time("timeout", timeout)
        self.output_conn_id = output_conn_id
        self.poll_interval = length_of_time("poll_interval", poll_interval)
        self.deferrable = deferrable
        self._lock: RunLock | None = None
        self._lease: Lease | None = None
        self._killed = False

    @job("acquire_lock", lambda self: f"Taking the lock at {self.path}.")
    def execute(self, context: Context) -> dict[str, Any]:
        """Take the lock if it is free, else do what ``conflict`` says."""
        with airflow_errors():
            if self.conflict not in CONFLICT_POLICIES:
                raise ConfigurationError(
                    f"conflict={self.conflict!r} is not known; use one of {', '.join(CONFLICT_POLICIES)}."
                )
            wait = self._wait(context)
            try:
                return self._keep(wait.take())
            except LockHeldError as held:
                if self.conflict == "skip":
                    raise AirflowSkipException(f"{held} This run is skipped.") from None
                if self.conflict == "fail":
                    lock = self._open()
                    raise AirflowFailException(
                        f"{held} This run does not wait for it. {lock.how_to_free}"
                    ) from None
                metrics.count(metrics.LOCK_WAITS)
                if self.deferrable:
                    wait.defer(held)
                wait.go_on(held)
                return self._keep(self._stay(wait))

    @job("acquire_lock", lambda self: f"Trying again to take the lock at {self.path}.")
    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Try again after the trigger saw something; another waiter may have been quicker.

        :param event: of :class:`~mode_catalog_provider.triggers.lock.RunLockTrigger`. It brings the deadline
            with it, as ``dag.test()`` brings no other arguments here.
        """
        with airflow_errors():
            wait = self._wait(context, event or {})
            try:
                return self._keep(wait.take())
            except LockHeldError as held:
                wait.defer(held)

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

    def _wait(self, context: Context, event: Mapping[str, Any] | None = None) -> LockWait:
        return LockWait(
            self,
            context,
            self._open(),
            timeout=self._patience(),
            method_name="execute_complete",
            event=event,
            poll=self.poll_interval,
        )

    def _keep(self, lease: Lease) -> dict[str, Any]:
        self._lease = lease
        if self._killed:
            self._open().release(lease)
            raise CancelledError("The task was told to stop; the lock was given back.")
        metrics.count(metrics.LOCK_TAKEOVERS, int(self._open().took_over))
        metrics.gauge(metrics.LOCK_HELD_SINCE, int(time.time()))
        self.log.info(
            "Took the lock at %s (generation %d); it expires %s after its last renewal.",
            lease.path,
            lease.generation,
            timedelta(seconds=lease.ttl),
        )
        return lease.to_json()

    def _stay(self, wait: LockWait) -> Lease:
        """Wait on the worker."""
        try:
            return self._open().acquire(
                wait.holder,
                timeout=timedelta(seconds=wait.left),
                poll=self.poll_interval,
                holder_is_over=wait.is_over,
                on_wait=self._say,
            )
        except LockTimeoutError as error:
            # Another try would wait as long.
            raise AirflowFailException(str(error)) from None

    def _open(self) -> RunLock:
        if self._lock is None:
            directory = rendered_path(self.path, self.output_conn_id)
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

    def _patience(self) -> timedelta:
        limits = [self.timeout]
        if self.execution_timeout is not None:
            # Airflow does not end a deferred task by its execution_timeout.
            limits.append(self.execution_timeout)
        return min(limits)

    def _let_go(self, done: _thread.LockType) -> None:
        with contextlib.suppress(Exception):
            if self._lock is not None and self._lease is not None:
                self._lock.release(self._lease)
        done.release()


class ReleaseLockOperator(BaseOperator):
    """Give the run lock back; may be repeated.

    A lease that was taken over meanwhile is left alone, with a warning: the work that needed it has failed by
    itself, and this task has nothing to add.

    :param lease: what the acquiring task returned; ``None`` when it took nothing. Templated.
    :return: whether the lock was given back, by this try or an earlier one.
    """

    template_fields: Sequence[str] = ("lease",)
    ui_color = "#f4e6c8"

    def __init__(self, *, lease: Mapping[str, Any] | str | XComArg | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lease = lease

    @job("release_lock", lambda self: "Giving the run lock back.")
    def execute(self, context: Context) -> bool:
        """Release the lease and no other."""
        with airflow_errors():
            lease = lease_of(self.lease)  # type: ignore[arg-type]  # rendered by now
            if lease is None:
                self.log.info("There is no lease to give back.")
                return False
            lock = lock_of(lease)
            released = lock.release(lease)
            if released:
                metrics.gauge(metrics.LOCK_HELD_SINCE, 0)
                self.log.info("The lock at %s (generation %d) is given back.", lease.path, lease.generation)
            else:
                record = lock.state()
                self.log.warning(
                    "Nothing to give back: lease %d of the lock at %s was taken over. The lock is %s.",
                    lease.generation,
                    lease.path,
                    "gone" if record is None else record.describe(),
                )
            return released
