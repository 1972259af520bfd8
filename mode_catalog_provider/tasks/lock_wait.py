"""Wait for the run lock without a worker: one policy for every task that takes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context

from mode_catalog_provider.errors import ConfigurationError, LockError, LockHeldError, ModeCatalogError
from mode_catalog_provider.lock import Lease, Observation, RunLock, Watch
from mode_catalog_provider.moments import in_words
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.deferral import defer_until
from mode_catalog_provider.tasks.lock_holder import holder_of, run_is_over
from mode_catalog_provider.triggers.lock import RunLockTrigger

#: Time between two looks of the triggerer, by default.
POLL = timedelta(seconds=30)


class LockWait:
    """One task's wait for a lock: try, be deferred while somebody else holds it, try again.

    .. code-block:: python

        wait = LockWait(self, context, lock, timeout=..., method_name="execute_complete", event=event)
        try:
            lease = wait.take()
        except LockHeldError as held:
            wait.defer(held)

    :param operator: the task's operator.
    :param context: of the running task.
    :param lock: what is wanted.
    :param timeout: how long to wait at most, counted from the first try.
    :param method_name: method of the operator that is given the trigger's event, and makes a new wait of it.
    :param event: of :class:`~mode_catalog_provider.triggers.lock.RunLockTrigger`, when the task was deferred
        for this before; it brings the deadline with it. Default ``None``: this is the first try.
    :param poll: time between two looks of the triggerer, default 30 seconds.
    :raises ModeCatalogError: the event is none of that trigger.
    """

    def __init__(
        self,
        operator: BaseOperator,
        context: Context,
        lock: RunLock,
        *,
        timeout: timedelta,
        method_name: str,
        event: Mapping[str, Any] | None = None,
        poll: timedelta = POLL,
    ) -> None:
        self.holder = holder_of(context)
        self.deadline = time.time() + timeout.total_seconds() if event is None else _deadline_of(event)
        self._operator = operator
        self._lock = lock
        self._timeout = timeout
        self._method_name = method_name
        self._event = event
        self._poll = poll
        if event is not None:
            operator.log.info("%s", event["message"])

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.time()

    def take(self) -> Lease:
        """Take the lock if it may be taken now; how long the triggerer saw it stand still counts.

        :raises LockHeldError: somebody else holds it.
        """
        seen = (self._event or {}).get("seen")
        watch = Watch(seen=None if seen is None else Observation.from_json(seen))
        return self._lock.try_acquire(self.holder, holder_is_over=self.is_over, watch=watch)

    def is_over(self, holder: Any) -> bool:
        """Return whether Airflow says that a holder's run has ended."""
        return run_is_over(holder, self.holder.installation)

    def go_on(self, held: LockHeldError) -> None:
        """Return if there is reason and time to wait on.

        :raises AirflowFailException: the time is over; another try would wait as long.
        :raises LockError: the triggerer cannot watch the lock (a configuration error where it never will).
        """
        if self._event is not None and self._event["status"] == "blind":
            kind = ConfigurationError if self._event["permanent"] else LockError
            raise kind(f"{self._event['message']} {held}") from held
        if self.left <= 0:
            raise AirflowFailException(self._lock.gave_up(held, self._timeout)) from None
        self._operator.log.info("%s Waiting for %s at most.", held, in_words(self.left))

    def defer(self, held: LockHeldError) -> NoReturn:
        """Leave the worker until the lock may be taken; see :meth:`go_on` for when not."""
        self.go_on(held)
        defer_until(
            self.deadline,
            self._operator,
            trigger=RunLockTrigger(
                path=self._lock.path,
                ttl=self._lock.ttl,
                generation=held.state.generation if held.state else 0,
                deadline=self.deadline,
                poll_interval=self._poll.total_seconds(),
                installation=self.holder.installation,
            ),
            method_name=self._method_name,
        )


def _deadline_of(event: Mapping[str, Any]) -> float:
    if event.get("status") not in {"free", "timeout", "blind"}:
        raise ModeCatalogError(f"The trigger sent an event that is not understood: {event!r}.")
    return float(event["deadline"])
