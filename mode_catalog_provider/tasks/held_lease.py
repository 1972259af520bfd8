"""Work under the run lock that an earlier task has taken, or take it again after it was given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.errors import (
    ConfigurationError,
    LockError,
    LockHeldError,
    LockLostError,
)
from mode_catalog_provider.lock import Lease, LeaseKeeper, Observation, RunLock, Watch
from mode_catalog_provider.operators.acquire_lock import holder_of
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.rendered import rendered_mapping
from mode_catalog_provider.triggers.lock import RunLockTrigger, run_is_over

_POLL_SECONDS = 30.0

# The trigger ends the wait itself; Airflow's own limit is for a triggerer that is not there.
_TRIGGER_GRACE = timedelta(minutes=15)


@contextmanager
def held_lease(
    lease: Mapping[str, Any] | str | None, *, on_lost: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Renew a lease while work goes on, and yield the fence: a call that raises once the lease is lost.

    :param lease: what the acquiring task returned; ``None`` for work without a lock: its fence never raises.
    :param on_lost: called, from another thread, as soon as the lease is known to be lost.
    :raises LockLostError: when another run holds the lock by now.
    """
    stored = rendered_mapping("lease", lease)
    if stored is None:
        yield lambda: None
        return
    held = Lease.from_json(stored)
    with LeaseKeeper(held, _lock_of(held), on_lost=on_lost) as keeper:
        yield keeper.check


def give_back(lease: Mapping[str, Any] | str | None) -> None:
    """Release a lease before the task waits for a person, so that nobody waits for both."""
    stored = rendered_mapping("lease", lease)
    if stored is not None:
        held = Lease.from_json(stored)
        _lock_of(held).release(held)


def was_given_back(lease: Mapping[str, Any] | str | None) -> bool:
    """Return whether the lease was released; ``False`` when it holds, or was lost to somebody else."""
    stored = rendered_mapping("lease", lease)
    if stored is None:
        return False
    held = Lease.from_json(stored)
    lock = _lock_of(held)
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
    stored = rendered_mapping("lease", lease)
    if stored is None:
        yield lambda: None
        return
    lock = _lock_of(Lease.from_json(stored))
    seen = (event or {}).get("seen")
    watch = Watch(seen=None if seen is None else Observation.from_json(seen))
    try:
        held = lock.try_acquire(holder_of(context), holder_is_over=run_is_over, watch=watch)
    except LockHeldError as error:
        _defer_until_free(operator, lock, error, event, timeout, method_name)
        raise
    try:
        with LeaseKeeper(held, lock, on_lost=on_lost) as keeper:
            yield keeper.check
    finally:
        # The task that releases knows the first lease only.
        lock.release(held)


def _defer_until_free(
    operator: BaseOperator,
    lock: RunLock,
    held: LockHeldError,
    event: Mapping[str, Any] | None,
    timeout: timedelta,
    method_name: str,
) -> None:
    if event is not None and event["status"] == "blind":
        kind = ConfigurationError if event["permanent"] else LockError
        raise kind(f"{event['message']} {held}") from held
    deadline = time.time() + timeout.total_seconds() if event is None else float(event["deadline"])
    left = deadline - time.time()
    if left <= 0:
        # Another try would wait as long.
        raise AirflowFailException(f"{held} It did not become free within {timeout}.") from held
    operator.log.info("%s Waiting for %s at most.", held, timedelta(seconds=round(left)))
    operator.defer(
        trigger=RunLockTrigger(
            path=lock.path,
            ttl=lock.ttl,
            generation=held.state.generation if held.state else 0,
            deadline=deadline,
            poll_interval=_POLL_SECONDS,
        ),
        method_name=method_name,
        timeout=timedelta(seconds=left) + _TRIGGER_GRACE,
    )


def _lock_of(lease: Lease) -> RunLock:
    return RunLock(staging_path(lease.path), ttl=timedelta(seconds=lease.ttl))
