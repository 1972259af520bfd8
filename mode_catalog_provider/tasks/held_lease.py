"""Work under the run lock that an earlier task has taken, or take it again after it was given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.errors import LockHeldError, LockLostError
from mode_catalog_provider.lock import Lease, LeaseKeeper, RunLock
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.lock_wait import LockWait
from mode_catalog_provider.tasks.rendered import rendered_mapping


@contextmanager
def held_lease(
    lease: Mapping[str, Any] | str | None, *, on_lost: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Renew a lease while work goes on, and yield the fence: a call that raises once the lease is lost.

    :param lease: what the acquiring task returned; ``None`` for work without a lock: its fence never raises.
    :param on_lost: called, from another thread, as soon as the lease is known to be lost.
    :raises LockLostError: when another run holds the lock by now.
    """
    held = lease_of(lease)
    if held is None:
        yield lambda: None
        return
    try:
        with LeaseKeeper(held, lock_of(held), on_lost=on_lost) as keeper:
            yield keeper.check
    except LockLostError:
        metrics.count(metrics.LOCK_LOST)
        raise


def give_back(lease: Mapping[str, Any] | str | None) -> None:
    """Release a lease before the task waits for a person, so that nobody waits for both."""
    held = lease_of(lease)
    if held is not None:
        lock_of(held).release(held)


def was_given_back(lease: Mapping[str, Any] | str | None) -> bool:
    """Return whether the lease was released; ``False`` when it holds, or was lost to somebody else."""
    held = lease_of(lease)
    if held is None:
        return False
    lock = lock_of(held)
    try:
        lock.check(held)
    except LockLostError:
        # A lease that failed the check once never holds again, so this releases nothing. It only tells.
        return lock.release(held)
    return False


@contextmanager
def retaken_lease(
    operator: BaseOperator,
    context: Context,
    lease: Mapping[str, Any] | str | None,
    *,
    timeout: timedelta,
    event: Mapping[str, Any] | None,
    method_name: str,
    on_lost: Callable[[], None],
) -> Iterator[Callable[[], None]]:
    """Take the lock of a lease again for the length of the block, and yield the fence.

    While somebody else holds it, the task is deferred.

    :param operator: the task's operator.
    :param lease: the lease that was given back; ``None`` for work without a lock.
    :param timeout: how long to wait at most.
    :param event: what the trigger saw when the task was deferred for this before, else ``None``.
    :param method_name: method of the operator that is given that event.
    :param on_lost: called, from another thread, as soon as the new lease is known to be lost.
    :raises AirflowFailException: the lock did not become free in time.
    """
    given_back = lease_of(lease)
    if given_back is None:
        yield lambda: None
        return
    lock = lock_of(given_back)
    wait = LockWait(operator, context, lock, timeout=timeout, method_name=method_name, event=event)
    try:
        held = wait.take()
    except LockHeldError as error:
        wait.defer(error)
    try:
        with LeaseKeeper(held, lock, on_lost=on_lost) as keeper:
            yield keeper.check
    finally:
        # The task that releases knows the first lease only.
        lock.release(held)


def lease_of(lease: Mapping[str, Any] | str | None) -> Lease | None:
    """Return a rendered ``lease`` argument, ``None`` for work without a lock.

    :raises ConfigurationError: it is no lease.
    """
    stored = rendered_mapping("lease", lease)
    return None if stored is None else Lease.from_json(stored)


def lock_of(lease: Lease) -> RunLock:
    """Return the lock that a lease was taken from."""
    return RunLock(staging_path(lease.path), ttl=timedelta(seconds=lease.ttl))
